"""A space as a mapping of names to parameters."""

from neps_plugins.spaces.pipeline.compat import SearchSpace as SearchSpace
