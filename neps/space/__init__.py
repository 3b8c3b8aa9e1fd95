"""Spaces, where a script may import them from."""

from neps_plugins.compat.spaces import HPOCategorical as HPOCategorical
from neps_plugins.compat.spaces import HPOConstant as HPOConstant
from neps_plugins.compat.spaces import HPOFloat as HPOFloat
from neps_plugins.compat.spaces import HPOInteger as HPOInteger
from neps_plugins.compat.spaces import SearchSpace as SearchSpace
