"""`python -m neps.status`: the same as `neps status`."""

import sys

from neps_core.cli import main

if __name__ == "__main__":
    sys.exit(main(["status", *sys.argv[1:]]))
