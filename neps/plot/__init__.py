"""`neps.plot` is the function, and a package: `python -m neps.plot`."""

from neps._functions import callable_as
from neps_plugins.pictures import plot as _plot

callable_as(__name__, _plot)
