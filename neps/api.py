"""`neps.run` and the functions beside it, where a script may import them from."""

from neps_core.api import load_optimizer_info as load_optimizer_info
from neps_core.api import load_pipeline_space as load_pipeline_space
from neps_core.api import run as run
from neps_core.api import save_pipeline_results as save_pipeline_results
from neps_plugins.compat.analyzing import analyze as analyze
from neps_plugins.configs import create_config as create_config
from neps_plugins.configs import load_config as load_config
from neps_plugins.importing import import_trials as import_trials
