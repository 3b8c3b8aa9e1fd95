"""Spaces, where a script may import them from."""

from neps_plugins.spaces.pipeline.compat import HPOCategorical as HPOCategorical
from neps_plugins.spaces.pipeline.compat import HPOFloat as HPOFloat
from neps_plugins.spaces.pipeline.compat import HPOInteger as HPOInteger
from neps_plugins.spaces.pipeline.compat import SearchSpace as SearchSpace
from neps_plugins.spaces.pipeline.shorthand import HPOConstant as HPOConstant
