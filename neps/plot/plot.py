"""The same as `neps.plot`."""

from neps_core.pictures import plot as plot
