"""`python -m neps`: the same as `neps`."""

import sys

from neps_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
