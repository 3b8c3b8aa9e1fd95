"""Other names and signatures for what there is, as NePS has them."""
