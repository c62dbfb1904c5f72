"""Which run, episode and row of its own leaves: each reason to stay, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.runs.episodes import Admission, DecisionRecord, Delivery, Quarantined
from remediator.runs.news import Escalation, NewsKind, Notice, NoticeState
from remediator.runs.reasons import Outcome
from remediator.runs.records import ApprovalState, Run, TimerKind
from remediator.runs.states import LeaseState, RunKind, RunState
from remediator.store.base import Tx
from remediator.store.sqlite.prune import KINDS, look_for, remove
from remediator.store.sqlite.store import SqliteStore
from remediator.store.sqlite.tx import SqliteTx
from tests.store.samples import NOW, admission, episode, hold, lease, request, run

DAY = timedelta(days=1)
OLD, BEFORE, NEW = NOW - 60 * DAY, NOW - 30 * DAY, NOW - DAY


def prune(tx: SqliteTx) -> dict[str, int]:
    """Remove all that is over, as the job does."""
    left: dict[str, int] = {}
    for kind in KINDS:
        after: int | None = 0
        while after is not None:
            stretch = look_for(tx.connection, kind, BEFORE, after)
            for table, count in remove(tx.connection, kind, BEFORE, stretch.over).items():
                left[table] = left.get(table, 0) + count
            after = stretch.after
    return left


def ended(tx: Tx, **fields: Any) -> Run:
    """A run of long ago, of an episode that is over, with an admission that names it."""
    plain: dict[str, Any] = {
        "state": RunState.SUCCEEDED,
        "created_at": OLD,
        "started_at": OLD,
        "finished_at": OLD,
    }
    over = tx.add(episode("old", opened_at=OLD, last_seen_at=OLD, closed_at=OLD))
    asked = tx.add(admission(over.id, created_at=OLD))
    made = tx.add(run(**{**plain, "episode_id": over.id, "admission_id": asked.id, **fields}))
    tx.save(replace(asked, run_id=made.id))
    tx.join(made.id, over.id, OLD)
    return made


def newest(tx: Tx) -> None:
    """Rows whose numbers are the newest of their tables, and which stay for that."""
    last = tx.add(episode("new", opened_at=NEW, last_seen_at=NEW, closed_at=NEW))
    made = tx.add(run(created_at=NEW, finished_at=NEW, state=RunState.FAILED, episode_id=last.id))
    asked = tx.add(admission(last.id, run_id=made.id))
    tx.add(escalation(asked))
    tx.add(lease(made.id, "newest", state=LeaseState.UNDONE))
    tx.add(request(made.id, state=ApprovalState.DENIED))
    tx.add(notice(run_id=made.id))
    tx.add(decision(run_id=made.id))
    tx.add(hold(created_at=NEW))


def escalation(of: Admission) -> Escalation:
    return Escalation(
        admission_id=of.id, episode_id=of.episode_id, policy="p", target="t", rungs=[], opened_at=OLD
    )


def notice(**fields: Any) -> Notice:
    plain: dict[str, Any] = {
        "channel": "c",
        "kind": NewsKind.STARTED,
        "content": {},
        "state": NoticeState.SENT,
        "created_at": OLD,
        "finished_at": OLD,
    }
    return Notice(**{**plain, **fields})


def decision(**fields: Any) -> DecisionRecord:
    plain: dict[str, Any] = dict.fromkeys(
        ("episode_id", "policy", "policy_hash", "target", "reason", "verdicts", "facts", "option")
    )
    plain |= dict.fromkeys(("plan_hash", "run_id", "next_look_at"))
    plain |= {"at": OLD, "phase": "entry", "outcome": Outcome.RUN, "detail": ""}
    return DecisionRecord(**{**plain, **fields})


Reason = Callable[[Tx, Run], object]
STAYS: dict[str, Reason] = {
    "it goes on": lambda tx, one: tx.save(replace(one, state=RunState.RUNNING, finished_at=None)),
    "it ended lately": lambda tx, one: tx.save(replace(one, finished_at=NEW)),
    "its change stands": lambda tx, one: tx.add(lease(one.id, state=LeaseState.OPEN)),
    "its change is overdue": lambda tx, one: tx.add(lease(one.id, state=LeaseState.OVERDUE)),
    "it holds a lock": lambda tx, one: tx.claim(["docker:a"], one.id, OLD),
    "somebody is asked": lambda tx, one: tx.add(request(one.id, requested_at=OLD)),
    "something is due": lambda tx, one: tx.set_timer(TimerKind.REPORT, one.id, NEW),
    "a notice waits": lambda tx, one: tx.add(notice(run_id=one.id, state=NoticeState.PENDING)),
    "it was told of lately": lambda tx, one: tx.add(notice(run_id=one.id, created_at=NEW)),
    "it was decided on lately": lambda tx, one: tx.add(decision(run_id=one.id, at=NEW)),
    "its alert fires": lambda tx, one: tx.save(replace(_episode(tx, one), closed_at=None)),
    "its alert fired lately": lambda tx, one: tx.save(replace(_episode(tx, one), closed_at=NEW)),
    "its revert goes on": lambda tx, one: tx.add(_revert(one, RunState.REVERTING, None)),
    "its revert ended lately": lambda tx, one: tx.add(_revert(one, RunState.REVERTED, NEW)),
}
LEAVES: dict[str, Reason] = {
    "all is over": lambda tx, one: None,
    "with all that is its own": lambda tx, one: (
        tx.add(lease(one.id, state=LeaseState.UNDONE)),
        tx.add(request(one.id, state=ApprovalState.DENIED)),
        tx.add(notice(run_id=one.id, episode_id=one.episode_id)),
        tx.add(decision(run_id=one.id, episode_id=one.episode_id, policy="p")),
        tx.add(_revert(one, RunState.REVERTED, OLD)),
    ),
}


def _episode(tx: Tx, one: Run) -> Any:
    return tx.episodes_of_run(one.id)[0]


def _revert(of: Run, state: RunState, finished_at: Any) -> Run:
    undoing = run(kind=RunKind.REVERT, parent_run_id=of.id, created_at=OLD)
    return replace(undoing, state=state, finished_at=finished_at)


@pytest.mark.parametrize("why", STAYS)
async def test_a_run_stays_while(store: SqliteStore, why: str) -> None:
    def work(tx: SqliteTx) -> Run | None:
        one = ended(tx)
        STAYS[why](tx, one)
        newest(tx)
        prune(tx)
        assert tx.connection.execute("PRAGMA foreign_key_check").fetchone() is None
        return tx.get(Run, one.id)

    assert await store.write(work) is not None


@pytest.mark.parametrize("why", LEAVES)
async def test_a_run_leaves_when(store: SqliteStore, why: str) -> None:
    def work(tx: SqliteTx) -> dict[str, int]:
        one = ended(tx)
        LEAVES[why](tx, one)
        newest(tx)
        left = prune(tx)
        assert tx.connection.execute("PRAGMA foreign_key_check").fetchone() is None
        assert tx.get(Run, one.id) is None
        assert tx.child_runs(one.id) == []
        return left

    left = await store.write(work)
    assert left["runs"] == (1 if why == "all is over" else 2)
    assert (left["episodes"], left["admissions"]) == (1, 1)


def _open(tx: Tx) -> int:
    return tx.add(episode("o", opened_at=OLD, last_seen_at=OLD)).id


async def test_of_an_alert_that_fires_the_newest_decision_of_each_policy_stays(store: SqliteStore) -> None:
    def work(tx: SqliteTx) -> list[int]:
        about = _open(tx)
        rows = [tx.add(decision(episode_id=about, policy=policy)) for policy in ("a", "b", "a", None, None)]
        newest(tx)
        prune(tx)
        return [rows.index(row) for row in rows if tx.get(DecisionRecord, row.id)]

    assert await store.write(work) == [1, 2, 4]


async def test_an_alert_that_fires_stays_with_its_escalation(store: SqliteStore) -> None:
    def work(tx: SqliteTx) -> tuple[bool, ...]:
        about = _open(tx)
        asked = tx.add(admission(about))
        kept = tx.add(escalation(asked))
        newest(tx)
        prune(tx)
        return tx.get(Escalation, kept.id) is not None, tx.admission(about, "p") is not None

    assert await store.write(work) == (True, True)


async def test_a_delivery_leaves_with_what_it_brought(store: SqliteStore) -> None:
    def deliver(tx: Tx, at: Any) -> None:
        made = tx.add(
            Delivery(
                source="d",
                received_at=at,
                origin="webhook",
                receiver="",
                group_key="",
                truncated_alerts=0,
                alerts=0,
                quarantined=1,
            )
        )
        tx.add(Quarantined(source="d", received_at=at, delivery_id=made.id, alert_index=0, reason="", raw=""))

    def work(tx: SqliteTx) -> dict[str, int]:
        for at in (OLD, OLD, NEW):
            deliver(tx, at)
        return prune(tx)

    assert await store.write(work) == {"quarantine": 2, "deliveries": 2}


async def test_a_breaker_stays_closed_by_its_newest_closing(store: SqliteStore) -> None:
    def work(tx: SqliteTx) -> tuple[dict[str, int], list[Any]]:
        for policy, at in (("a", OLD), ("a", OLD + DAY), ("b", OLD), ("c", NEW)):
            tx.close_failure_breaker(policy, "ana", at)
        left = prune(tx)
        kept = tx.connection.execute("SELECT policy FROM breaker_closings ORDER BY id").fetchall()
        return left, [policy for (policy,) in kept]

    assert await store.write(work) == ({"breaker_closings": 1}, ["a", "b", "c"])
