"""What programs written for upstream NePS call inside their evaluation: TensorBoard logs and checkpoints."""
