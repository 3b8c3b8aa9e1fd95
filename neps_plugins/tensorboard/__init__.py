"""Writing what TensorBoard reads: shared by the observer `tensorboard` and `neps.tblogger`. Needs tensorboardX."""
