"""What is asked often is found by an index, however long the server has run."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from remediator.runs.episodes import DecisionRecord, Episode
from remediator.runs.news import Channel, Escalation, Notice
from remediator.runs.records import Run, StepRecord, TimerKind
from remediator.runs.shadow import ShadowObservation
from remediator.store.base import Filter, Reads
from remediator.store.sqlite.reads import SqliteReads
from remediator.store.sqlite.store import SqliteStore
from tests.store.samples import NOW

HOT: dict[str, Callable[[Reads], Any]] = {
    "open_episode": lambda reads: reads.open_episode("default", "f"),
    "last_closed_episode": lambda reads: reads.last_closed_episode("default", "f"),
    "open_episodes": lambda reads: reads.open_episodes(),
    "open_episodes of a source": lambda reads: reads.open_episodes("default"),
    "open_episodes not seen for long": lambda reads: reads.open_episodes("default", not_seen_after=NOW),
    "last_late_receipt": lambda reads: reads.last_late_receipt("default", "f", NOW),
    "admission": lambda reads: reads.admission(1, "p"),
    "admissions_of_episode": lambda reads: reads.admissions_of_episode(1),
    "history": lambda reads: reads.history(now=NOW, since=NOW, policy="p", shadow=False, target="t"),
    "history in shadow": lambda reads: reads.history(now=NOW, since=NOW, policy="p", shadow=True),
    "live_run": lambda reads: reads.live_run("p", "t"),
    "leased_run": lambda reads: reads.leased_run("p", "t"),
    "runs_serving": lambda reads: reads.runs_serving(1),
    "episodes_of_run": lambda reads: reads.episodes_of_run(1),
    "child_runs": lambda reads: reads.child_runs(1),
    "steps_of_run": lambda reads: reads.steps_of_run(1),
    "leases_of_run": lambda reads: reads.leases_of_run(1),
    "open_lease": lambda reads: reads.open_lease("docker:a", "env"),
    "approval_of_run": lambda reads: reads.approval_of_run(1),
    "votes": lambda reads: reads.votes(1),
    "due_timers": lambda reads: reads.due_timers(NOW + timedelta(days=1), 10),
    "next_due_at": lambda reads: reads.next_due_at(),
    "timers": lambda reads: reads.timers(TimerKind.SHADOW),
    "policy_version": lambda reads: reads.policy_version("h"),
    "counts": lambda reads: reads.counts(),
    "policy_numbers": lambda reads: reads.policy_numbers("p", NOW.date(), NOW.date()),
}


def _audit_by(name: str) -> Callable[[Reads], Any]:
    return lambda reads: reads.audit_rows(Filter(equal={name: 1}, before_id=9))


def _page_by(kind: Any, name: str) -> Callable[[Reads], Any]:
    return lambda reads: reads.select(kind, Filter(equal={name: "x"}, before_id=9))


FILTERS: dict[str, Callable[[Reads], Any]] = {
    **{
        f"audit by {name}": _audit_by(name)
        for name in ("actor", "action", "policy", "target", "run_id", "episode_id", "alertname")
    },
    **{f"runs by {name}": _page_by(Run, name) for name in ("policy", "target", "state")},
    **{f"decisions by {name}": _page_by(DecisionRecord, name) for name in ("policy", "run_id", "episode_id")},
    "episodes by alertname": _page_by(Episode, "alertname"),
    "shadow observations by decision_id": _page_by(ShadowObservation, "decision_id"),
    "shadow observations by episode_id": _page_by(ShadowObservation, "episode_id"),
    "escalations by admission_id": _page_by(Escalation, "admission_id"),
    "notices by run_id": _page_by(Notice, "run_id"),
    "notices by state": _page_by(Notice, "state"),
    "notices of a channel": lambda reads: reads.select(
        Notice, Filter(equal={"channel": "c", "state": "pending"}, limit=1)
    ),
    "a notice by its key": lambda reads: reads.select(Notice, Filter(equal={"key": "k"}, limit=1)),
    "a channel by its name": lambda reads: reads.select(Channel, Filter(equal={"name": "c"}, limit=1)),
    "escalations by episode_id": _page_by(Escalation, "episode_id"),
    "steps by action": lambda reads: reads.select(
        StepRecord, Filter(equal={"action": "x", "state": "succeeded", "phase": "act"}, limit=20)
    ),
}
# The newest row of a table is its first step from the end; claims and holds are few by nature.
_UNBOUNDED = re.compile(r"SCAN (?!claims|holds)\w+$")


class Recording(sqlite3.Connection):
    """A connection that notes what it is asked, with its parameters still apart."""

    asked: list[tuple[str, Any]]

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self.asked.append((sql, parameters))
        return super().execute(sql, parameters)


def plans(path: Path, ask: Callable[[Reads], Any]) -> list[str]:
    """Return what SQLite means to do for every statement of a question."""
    with closing(sqlite3.connect(path, factory=Recording)) as connection:
        connection.asked = []
        ask(SqliteReads(connection))
        return [
            step[3]
            for sql, parameters in [*connection.asked]
            for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
        ]


@pytest.mark.parametrize("name", HOT)
async def test_no_question_reads_a_whole_table(store: SqliteStore, path: Path, name: str) -> None:
    steps = plans(path, HOT[name])
    assert steps
    assert [step for step in steps if _UNBOUNDED.search(step)] == []


@pytest.mark.parametrize("name", FILTERS)
async def test_a_page_costs_what_it_shows(store: SqliteStore, path: Path, name: str) -> None:
    (step,) = plans(path, FILTERS[name])  # and so nothing is sorted: the index has the order
    assert "USING INDEX" in step  # walking the primary key from the cursor on would be a scan
