"""Helpers for scripts."""

from neps.utils.common import load_checkpoint as load_checkpoint
from neps.utils.common import load_lightning_checkpoint as load_lightning_checkpoint
from neps.utils.common import save_checkpoint as save_checkpoint
from neps.utils.files import load_and_merge_yamls as load_and_merge_yamls
from neps.utils.trial_io import load_trials_from_pickle as load_trials_from_pickle
from neps_plugins.spaces.pipeline.operations import convert_operation_to_callable as convert_operation_to_callable
