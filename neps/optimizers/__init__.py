"""Optimizers, where a script may import them from."""

from neps.optimizers.algorithms import OptimizerChoice as OptimizerChoice
from neps.optimizers.algorithms import PredefinedOptimizers as PredefinedOptimizers
from neps.optimizers.optimizer import AskFunction as AskFunction
