"""Removing trials from a run."""

from neps_plugins.compat.cleaning import clean_failed_trials as clean_failed_trials
from neps_plugins.compat.cleaning import clean_trials_by_id as clean_trials_by_id
from neps_plugins.compat.cleaning import clean_trials_by_state as clean_trials_by_state
