"""`python -m grantlens`: the command line where no script `grantlens` is on the path."""

import sys

from grantlens.cli import main

if __name__ == "__main__":
    sys.exit(main())
