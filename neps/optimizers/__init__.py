"""Optimizers, where a script may import them from."""

from neps.optimizers.algorithms import PredefinedOptimizers as PredefinedOptimizers
