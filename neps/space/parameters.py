"""Parameters of a dict or `SearchSpace`."""

from neps_plugins.compat.spaces import HPOCategorical as HPOCategorical
from neps_plugins.compat.spaces import HPOConstant as HPOConstant
from neps_plugins.compat.spaces import HPOFloat as HPOFloat
from neps_plugins.compat.spaces import HPOInteger as HPOInteger
