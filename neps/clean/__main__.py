"""`python -m neps.clean`: the same as `neps clean`."""

import sys

from neps_core.cli import main

if __name__ == "__main__":
    sys.exit(main(["clean", *sys.argv[1:]]))
