"""`python -m neps.plot`: the same as `neps plot`."""

import sys

from neps_core.cli import main

if __name__ == "__main__":
    sys.exit(main(["plot", *sys.argv[1:]]))
