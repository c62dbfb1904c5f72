"""Tries the broken versions, or only those that are named. Ends with 1 when one goes unnoticed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from torture.broken.catalog import VERSIONS
from torture.broken.trying import try_all
from torture.trial import table


def main(arguments: Sequence[str] | None = None) -> int:
    """Try them."""
    parser = argparse.ArgumentParser(prog="python -m torture.broken", description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="a part of a name; may be given again")
    parser.add_argument("--list", action="store_true", help="say which there are, and try none")
    chosen = parser.parse_args(arguments)
    versions = [one for one in VERSIONS if not chosen.only or any(part in one.name for part in chosen.only)]
    if chosen.list:
        sys.stdout.writelines(f"{one.name}: {one.promise}\n" for one in versions)
        return 0
    trial = try_all(versions)
    sys.stdout.writelines(f"VIOLATION {violation}\n" for violation in trial.violations)
    sys.stdout.write(table([trial]))
    return 0 if trial.held else 1


if __name__ == "__main__":
    sys.exit(main())
