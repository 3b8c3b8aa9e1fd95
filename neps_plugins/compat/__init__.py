"""What scripts and folders of other versions of NePS need: each name leads to the real thing."""
