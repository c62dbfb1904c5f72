"""A policy's numbers are those of its records, however much of them is counted already."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from remediator.runs.policy_numbers import Blocked
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.states import RunKind, RunState
from remediator.store.sqlite.memory import open_memory_store
from remediator.store.sqlite.store import SqliteStore
from tests.store.samples import MINUTE, NOW, episode, run
from tests.store.test_search import a_decision, indexed

_DAY = timedelta(days=1)
TODAY = NOW.date()


async def fill(store: SqliteStore) -> None:
    """Three runs in range, one before it, a revert, another policy's; five blocked decisions."""
    opened = await store.write(lambda tx: tx.add(episode()))
    runs = [
        run(state=RunState.SUCCEEDED, created_at=NOW, finished_at=NOW + 4 * MINUTE, episode_id=opened.id),
        run(
            state=RunState.SUCCEEDED,
            created_at=NOW - _DAY,
            finished_at=NOW + 8 * MINUTE,
            episode_id=opened.id,
        ),
        run(state=RunState.FAILED, created_at=NOW - _DAY),
        run(state=RunState.CANCELLED, created_at=NOW),
        run(state=RunState.SUCCEEDED, created_at=NOW - 3 * _DAY),
        run(state=RunState.REVERTED, kind=RunKind.REVERT, created_at=NOW),
        run(state=RunState.FAILED, policy="another", created_at=NOW),
    ]
    for one in runs:
        await store.write(lambda tx, one=one: tx.add(one))  # type: ignore[misc]
    blocked = [
        a_decision(),
        a_decision(at=NOW - _DAY),
        a_decision(at=NOW - 3 * _DAY),
        a_decision(policy="another"),
        a_decision(policy=None),
        a_decision(outcome=Outcome.RUN, reason=None, verdicts=[]),
        a_decision(reason=Reason.POLICY_OFF, verdicts=[]),
    ]
    for decision in blocked:
        await store.write(lambda tx, decision=decision: tx.add(decision))  # type: ignore[misc]


@pytest.mark.parametrize("counted", ["nothing", "all", "half"])
async def test_numbers_are_of_the_days_asked_for(store: SqliteStore, counted: str) -> None:
    await fill(store)
    expected = 2
    if counted != "nothing":
        await indexed(store)
    if counted == "half":
        await store.write(lambda tx: tx.add(a_decision()))
        expected = 3
    numbers = await store.read(lambda reads: reads.policy_numbers("p", TODAY - _DAY, TODAY))
    assert [(day.day, day.good, day.bad, day.other) for day in numbers.days] == [
        (TODAY - _DAY, 1, 1, 0),
        (TODAY, 1, 0, 1),
    ]
    assert numbers.runs == 4
    assert numbers.success_rate == pytest.approx(2 / 3)
    assert numbers.median_recovery == 6 * MINUTE
    assert numbers.blocked == [Blocked("cooldown", "cooldown", expected), Blocked("", "policy_off", 1)]


async def test_a_policy_that_did_nothing_has_no_rates(store: SqliteStore) -> None:
    numbers = await store.read(lambda reads: reads.policy_numbers("p", date(2026, 1, 1), date(2026, 1, 30)))
    assert len(numbers.days) == 30
    assert (numbers.runs, numbers.success_rate, numbers.median_recovery, numbers.blocked) == (
        0,
        None,
        None,
        [],
    )


async def test_a_store_without_an_index_counts_the_same() -> None:
    memory = open_memory_store()
    await fill(memory)  # type: ignore[arg-type]
    numbers = await memory.read(lambda reads: reads.policy_numbers("p", TODAY - _DAY, TODAY))
    assert numbers.blocked == [Blocked("cooldown", "cooldown", 2), Blocked("", "policy_off", 1)]
    await memory.close()
