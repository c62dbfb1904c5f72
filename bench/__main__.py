"""Runs the benchmarks, or only those that are named. Ends with 1 when one of them fails."""

from __future__ import annotations

import sys

from bench import action, audit_page, backtest, footprint, ingest, mutation

ROWS = {
    "mutation": mutation.main,
    "backtest": backtest.main,
    "ingest": ingest.main,
    "action": action.main,
    "footprint": footprint.main,
    "audit": audit_page.main,
}
"""What `make bench ONLY=…` may name."""


def main(names: list[str]) -> int:
    """Run them one after the other, so that none disturbs another."""
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        sys.stderr.write(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(ROWS)}\n")
        return 2
    return max(ROWS[name]() for name in names or ROWS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
