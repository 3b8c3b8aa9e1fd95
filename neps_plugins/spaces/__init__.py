"""What users may give as `pipeline_space`."""
