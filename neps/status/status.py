"""The same as `neps.status`."""

from neps_core.run_status import status as status
