"""What `store/base.py` says of lists and of the audit log, asked of whatever store the fixture gives."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from remediator.runs.episodes import DecisionRecord
from remediator.runs.records import (
    Run,
)
from remediator.runs.states import RunState
from remediator.store.base import Filter, Order, Store, Tx
from tests.store.samples import MINUTE, NOW, entry, run

PAGES: Sequence[tuple[Filter, list[int]]] = [
    (Filter(), [6, 5, 4, 3, 2, 1]),
    (Filter(limit=2), [6, 5]),
    (Filter(limit=2, before_id=5), [4, 3]),
    (Filter(limit=2, order=Order.OLDEST), [1, 2]),
    (Filter(limit=2, order=Order.OLDEST, before_id=2), [3, 4]),
    (Filter(before_id=2**70, limit=1), [6]),
    (Filter(equal={"policy": "even"}), [6, 4, 2]),
    (Filter(equal={"policy": "even", "state": RunState.HELD}), [6]),
    (Filter(equal={"reason": None}), [6, 5, 4, 3, 2, 1]),
    (Filter(equal={"id": 2**70}), []),
    (Filter(equal={"created_at": NOW + 2 * MINUTE}), [2]),
    (Filter(one_of={"state": ["held", "running"]}), [6, 1]),
    (Filter(one_of={"state": []}), []),
    (Filter(since=NOW + 2 * MINUTE, until=NOW + 4 * MINUTE), [3, 2]),
    (Filter(since=NOW + 3 * MINUTE, equal={"policy": "odd"}), [5, 3]),
]


@pytest.mark.parametrize(("where", "expected"), PAGES)
async def test_a_page_shows_what_was_asked_for(store: Store, where: Filter, expected: list[int]) -> None:
    states = {1: RunState.RUNNING, 6: RunState.HELD}

    def work(tx: Tx) -> None:
        for number in range(1, 7):
            policy = "odd" if number % 2 else "even"
            state = states.get(number, RunState.PLANNED)
            tx.add(run(policy=policy, state=state, created_at=NOW + number * MINUTE))

    await store.write(work)
    assert [found.id for found in await store.read(lambda reads: reads.select(Run, where))] == expected


@pytest.mark.parametrize("where", [Filter(equal={"no_such": 1}), Filter(one_of={"1); --": [1]})])
async def test_an_unknown_column_is_an_error(store: Store, where: Filter) -> None:
    with pytest.raises(ValueError, match="no column"):
        await store.read(lambda reads: reads.select(DecisionRecord, where))
    with pytest.raises(ValueError, match="no column"):
        await store.read(lambda reads: reads.audit_rows(where))


async def test_the_log_is_chained_and_filtered(store: Store) -> None:
    def work(tx: Tx) -> None:
        for number, actor in enumerate(("ana", "remediator", "ana")):
            tx.audit(entry(actor=actor, at=NOW + number * MINUTE, policy="p", run_id=number))

    assert await store.read(lambda reads: reads.audit_head()) is None
    await store.write(work)
    rows = await store.read(lambda reads: reads.audit_rows(Filter(order=Order.OLDEST)))
    assert [row.sequence for row in rows] == [1, 2, 3]
    assert [row.previous_hash for row in rows[1:]] == [row.hash for row in rows[:-1]]
    assert await store.read(lambda reads: reads.audit_head()) == rows[2]

    async def found(where: Filter) -> list[int]:
        return [row.sequence for row in await store.read(lambda reads: reads.audit_rows(where))]

    assert await found(Filter(equal={"actor": "ana"})) == [3, 1]
    assert await found(Filter(equal={"run_id": 1})) == [2]
    assert await found(Filter(since=NOW + MINUTE, search="x", limit=1)) == [3]
    assert await found(Filter(until=NOW + MINUTE)) == [1]
