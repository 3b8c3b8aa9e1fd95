"""Checkpoints of a model in the folder of its trial, and small helpers."""

from neps_plugins.compat.checkpoints import load_checkpoint as load_checkpoint
from neps_plugins.compat.checkpoints import load_lightning_checkpoint as load_lightning_checkpoint
from neps_plugins.compat.checkpoints import save_checkpoint as save_checkpoint
from neps_plugins.compat.helpers import extract_keyword_defaults as extract_keyword_defaults
from neps_plugins.compat.helpers import get_initial_directory as get_initial_directory
