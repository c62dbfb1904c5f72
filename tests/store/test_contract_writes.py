"""What `store/base.py` says of writing, asked of whatever store the fixture gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from remediator.runs.records import (
    PolicyVersion,
    Run,
    Timer,
    TimerKind,
    Vote,
)
from remediator.runs.states import LeaseState, RunState
from remediator.store.base import ConflictError, Filter, Reads, Store, Tx
from tests.store.samples import MINUTE, NOW, admission, entry, episode, lease, request, run


async def test_added_records_are_read_by_their_ids(store: Store) -> None:
    first, second = await store.write(lambda tx: (tx.add(run()), tx.add(run(target="u"))))
    assert (first.id, second.id) == (1, 2)
    assert await store.read(lambda reads: reads.get(Run, 2)) == second
    assert await store.read(lambda reads: reads.get(Run, 3)) is None
    assert await store.read(lambda reads: reads.get(Run, 2**70)) is None


async def test_a_saved_record_is_as_saved_and_an_unknown_one_a_conflict(store: Store) -> None:
    made = await store.write(lambda tx: tx.add(run()))
    changed = replace(made, state=RunState.RUNNING, started_at=NOW, tried=("a", "b"))
    assert await store.write(lambda tx: tx.save(changed)) == changed
    assert await store.read(lambda reads: reads.get(Run, made.id)) == changed
    with pytest.raises(ConflictError, match="no Run 9"):
        await store.write(lambda tx: tx.save(replace(made, id=9)))


async def test_only_the_owner_saves(store: Store) -> None:
    mine = await store.write(lambda tx: tx.add(run(epoch=3)))
    await store.write(lambda tx: tx.save_owned(replace(mine, detail="mine")))
    await store.write(lambda tx: tx.save(replace(mine, epoch=4, detail="theirs")))
    with pytest.raises(ConflictError, match=r"run 1 .*owned"):
        await store.write(lambda tx: tx.save_owned(replace(mine, detail="late")))
    kept = await store.read(lambda reads: reads.get(Run, mine.id))
    assert kept is not None
    assert (kept.epoch, kept.detail) == (4, "theirs")


async def test_a_reader_sees_what_was_committed_and_nothing_later(store: Store) -> None:
    def count(reads: Reads) -> int:
        return len(reads.select(Run, Filter()))

    for expected in (1, 2, 3):
        await store.write(lambda tx: tx.add(run()))
        assert await store.read(count) == expected


def _two_admissions(tx: Tx) -> None:
    opened = tx.add(episode())
    for _ in range(2):
        tx.add(admission(opened.id))


def _two_standing_leases(tx: Tx) -> None:
    made = tx.add(run())
    for state in (LeaseState.OVERDUE, LeaseState.OPEN):
        tx.add(lease(made.id, state=state))


def _two_votes_of_one_person(tx: Tx) -> None:
    asked = tx.add(request(tx.add(run()).id))
    for verdict in ("approved", "denied"):
        tx.add(Vote(approval_id=asked.id, actor="ana", verdict=verdict, comment="", at=NOW))


def _two_open_episodes(tx: Tx) -> None:
    for _ in range(2):
        tx.add(episode())


DUPLICATES = (_two_admissions, _two_standing_leases, _two_votes_of_one_person, _two_open_episodes)


@pytest.mark.parametrize("work", DUPLICATES)
async def test_what_there_is_once_there_is_once(store: Store, work: Callable[[Tx], None]) -> None:
    with pytest.raises(ConflictError):
        await store.write(work)


async def test_what_points_nowhere_is_a_mistake_and_no_lost_race(store: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)foreign key") as raised:
        await store.write(lambda tx: tx.add(run(episode_id=99)))
    assert not isinstance(raised.value, ConflictError)


async def test_a_timer_moves_and_goes(store: Store) -> None:
    await store.write(lambda tx: tx.set_timer(TimerKind.DRIVE, 1, NOW + MINUTE, 7))
    await store.write(lambda tx: tx.set_timer(TimerKind.DRIVE, 1, NOW, 8))
    await store.write(lambda tx: tx.set_timer(TimerKind.DECIDE, 1, NOW + MINUTE))
    assert await store.read(lambda reads: reads.next_due_at()) == NOW
    due = await store.read(lambda reads: reads.due_timers(NOW, 10))
    assert due == [Timer(kind=TimerKind.DRIVE, subject_id=1, due_at=NOW, priority=8)]
    counted = await store.read(lambda reads: [reads.timers(TimerKind.DRIVE), reads.timers(TimerKind.LEASE)])
    assert counted == [1, 0]
    for kind in (TimerKind.DRIVE, TimerKind.DRIVE, TimerKind.DECIDE):
        await store.write(partial(_clear, kind))
    assert await store.read(lambda reads: reads.next_due_at()) is None


def _clear(kind: TimerKind, tx: Tx) -> None:
    tx.clear_timer(kind, 1)


async def test_a_timer_that_was_moved_on_meanwhile_stays(store: Store) -> None:
    def move_on(tx: Tx) -> None:
        tx.set_timer(TimerKind.REPORT, 1, NOW + MINUTE)
        tx.clear_timer(TimerKind.REPORT, 1, due_by=NOW)
        tx.set_timer(TimerKind.REPORT, 2, NOW)
        tx.clear_timer(TimerKind.REPORT, 2, due_by=NOW)

    await store.write(move_on)
    due = await store.read(lambda reads: reads.due_timers(NOW + MINUTE, 10))
    assert [timer.subject_id for timer in due] == [1]


async def test_a_policys_document_is_kept_once(store: Store) -> None:
    first = PolicyVersion(hash="h", name="p", file="p.yaml", document={"policy": "p"}, first_seen_at=NOW)
    await store.write(lambda tx: tx.keep_policy(first))
    await store.write(lambda tx: tx.keep_policy(replace(first, first_seen_at=NOW + MINUTE)))
    assert await store.read(lambda reads: reads.policy_version("h")) == first
    assert await store.read(lambda reads: reads.policy_version("none")) is None


async def test_counts_for_gauges(store: Store) -> None:
    def work(tx: Tx) -> None:
        for state in (RunState.RUNNING, RunState.RUNNING, RunState.FAILED):
            tx.add(run(state=state))
        tx.add(lease(1))
        tx.add(lease(1, "memory", state=LeaseState.KEPT, closed_at=NOW))
        tx.audit(entry())

    empty = {"runs_in_state": {}, "leases_open": {}, "audit": {"head": 0, "archived": 0}}
    assert await store.read(lambda reads: reads.counts()) == empty
    await store.write(work)
    assert await store.read(lambda reads: reads.counts()) == {
        "runs_in_state": {"running": 2, "failed": 1},
        "leases_open": {"p": 1},
        "audit": {"head": 1, "archived": 0},
    }
