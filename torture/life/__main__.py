"""Lives one life again: what happened, its audit log, and what it broke. Ends with 1 if it broke anything."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from torture.life.judging import EVENTS, live


def main(arguments: Sequence[str] | None = None) -> int:
    """Live it."""
    parser = argparse.ArgumentParser(prog="python -m torture.life", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--run", type=int, action="append", help="show the rows of this run only")
    chosen = parser.parse_args(arguments)
    lived = live(chosen.seed, chosen.events)
    for row in lived.rows:
        if not chosen.run or row.run_id in chosen.run:
            where = " ".join(str(part) for part in (row.policy, row.target, row.run_id) if part)
            sys.stdout.write(f"{row.sequence:5} {row.at} {row.action} {where} {row.detail}\n")
    sys.stdout.writelines(f"{line}\n" for line in (*lived.happened, f"trace {lived.trace}"))
    sys.stdout.writelines(f"VIOLATION {violation}\n" for violation in lived.violations)
    return 1 if lived.violations else 0


if __name__ == "__main__":
    sys.exit(main())
