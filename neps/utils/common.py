"""Checkpoints of a model in the folder of its trial."""

from neps_plugins.compat.checkpoints import load_checkpoint as load_checkpoint
from neps_plugins.compat.checkpoints import load_lightning_checkpoint as load_lightning_checkpoint
from neps_plugins.compat.checkpoints import save_checkpoint as save_checkpoint
