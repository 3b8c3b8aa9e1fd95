"""What a script may ask while a trial is evaluated."""

from neps_core.live import get_in_progress_trial as get_in_progress_trial
from neps_core.live import is_in_progress_trial_set as is_in_progress_trial_set
