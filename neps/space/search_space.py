"""A space as a mapping of names to parameters."""

from neps_plugins.compat.spaces import SearchSpace as SearchSpace
