"""What an optimizer is, and what it gives."""

from neps_core.optimizers.protocol import Optimizer as AskFunction
from neps_core.trials import SampledConfig as SampledConfig
