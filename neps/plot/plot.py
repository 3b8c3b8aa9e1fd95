"""The same as `neps.plot`."""

from neps_plugins.pictures import plot as plot
