"""What the package neural-pipeline-search (NePS 0.16 and 0.17) wrote, read here."""
