"""`neps.clean` is the function, and a package: `python -m neps.clean`."""

from neps._functions import callable_as
from neps.clean.clean import clean_failed_trials as clean_failed_trials
from neps.clean.clean import clean_trials_by_id as clean_trials_by_id
from neps.clean.clean import clean_trials_by_state as clean_trials_by_state
from neps_core.cleaning import clean as _clean

callable_as(__name__, _clean)
