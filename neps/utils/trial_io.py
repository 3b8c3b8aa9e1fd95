"""The finished trials of a run. No pickle is read, whatever the name says."""

from neps_core.importing import load_trials as load_trials_from_pickle
