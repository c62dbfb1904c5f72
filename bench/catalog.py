"""Every benchmark by name, with the rows of docs/performance.md that it fills."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench import (
    action,
    audit_page,
    backtest,
    footprint,
    ingest,
    limits,
    lists,
    many_policies,
    mutation,
    payload,
    waiting,
)
from bench.results import Result, Row


@dataclass(frozen=True, slots=True)
class Bench:
    """One that fills rows of the table; runs with `make bench`, or alone."""

    rows: Sequence[Row]
    measure: Callable[[], Sequence[Result]]
    """Returns one result for each row."""
    needs: Sequence[str] = ()
    """Programs that have to be installed."""


_PACKAGES = {"cc": "gcc libc6-dev", "webhook": "webhook", "wrk": "wrk"}
"""Debian's packages of what benches need."""

BENCHES: Mapping[str, Bench] = {
    "limits": Bench(limits.ROWS, limits.measure, ("wrk",)),
    "ingest": Bench(ingest.ROWS, ingest.measure, ("wrk",)),
    "action": Bench(action.ROWS, action.measure, ("cc", "webhook")),
    "payload": Bench(payload.ROWS, payload.measure, ("wrk",)),
    "policies": Bench(many_policies.ROWS, many_policies.measure),
    "lists": Bench(lists.ROWS, lists.measure, ("wrk",)),
    "footprint": Bench(footprint.ROWS, footprint.measure, ("wrk",)),
    "backtest": Bench(backtest.ROWS, backtest.measure),
    "waiting": Bench(waiting.ROWS, waiting.measure),
}

LONG: Mapping[str, Callable[[], int]] = {
    "mutation": mutation.main,
    "audit": audit_page.main,
}
"""Run only when named, since they take long; they print what they find and fill no row."""


def missing_tools(names: Sequence[str]) -> str:
    """Say what has to be installed for these benches; nothing is installed for the sake of a figure."""
    needed = dict.fromkeys(tool for name in names for tool in BENCHES[name].needs)
    missing = [tool for tool in needed if shutil.which(tool) is None]
    if not missing:
        return ""
    packages = " ".join(_PACKAGES[tool] for tool in missing)
    return f"missing: {', '.join(missing)}; on Debian: apt-get install {packages}"
