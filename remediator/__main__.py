"""The console script `remediator`, also `python -m remediator`."""

from __future__ import annotations

import sys

from remediator.cli.app import run


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
