"""`neps.status` is the function, and a package: `python -m neps.status`."""

from neps._functions import callable_as
from neps_core.run_status import status as _status

callable_as(__name__, _status)
