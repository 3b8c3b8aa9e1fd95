"""`neps.clean` is the function, and a package: `python -m neps.clean`."""

from neps._functions import callable_as
from neps_core.cleaning import clean as _clean

callable_as(__name__, _clean)
