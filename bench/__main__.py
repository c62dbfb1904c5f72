"""Runs the benchmarks and writes docs/performance.md's table; or only those that are named."""

from __future__ import annotations

import sys
import time

from bench.catalog import BENCHES, LONG, missing_tools
from bench.page import write_page
from bench.report import table
from bench.results import Result


def main(names: list[str]) -> int:
    """Run them one after the other, so that none disturbs another. The page is written when all ran."""
    unknown = [name for name in names if name not in {**BENCHES, **LONG}]
    if unknown:
        sys.stderr.write(
            f"no such benchmark: {', '.join(unknown)}; there are {', '.join((*BENCHES, *LONG))}\n"
        )
        return 2
    long = [name for name in names if name in LONG]
    if long:
        return max(LONG[name]() for name in long)
    missing = missing_tools(names or list(BENCHES))
    if missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    began = time.perf_counter()
    results = {name: _measure(name) for name in names or BENCHES}
    sys.stdout.write(table(results))
    if not names:
        write_page(results, time.perf_counter() - began)
    return 0


def _measure(name: str) -> list[Result]:
    began = time.perf_counter()
    results = list(BENCHES[name].measure())
    if [one.row for one in results] != list(BENCHES[name].rows):
        raise SystemExit(f"the bench {name} did not fill its rows")
    sys.stderr.write(f"{name}: {time.perf_counter() - began:.0f} s\n")
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
