"""The finished trials of a run."""

from neps_plugins.compat.helpers import load_trials_from_pickle as load_trials_from_pickle
