"""What `store/base.py` says, asked of whatever store the fixture gives: nothing here knows of SQLite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from remediator.runs.episodes import Admission, DecisionRecord, Delivery, Episode, Handling, Receipt
from remediator.runs.history import Finish, Start, Waiting
from remediator.runs.reasons import CloseReason, Outcome, Reason
from remediator.runs.records import (
    ApprovalRequest,
    ApprovalState,
    Hold,
    HoldScope,
    Lease,
    PolicyVersion,
    Run,
    StepRecord,
    Timer,
    TimerKind,
    Vote,
)
from remediator.runs.states import LeaseState, RunKind, RunState, StepPhase, StepState
from remediator.store.base import ConflictError, Filter, Order, Reads, Store, Tx
from tests.store.samples import NOW, entry, episode, run

MINUTE = timedelta(minutes=1)


def admission(episode_id: int, policy: str = "p", **fields: Any) -> Admission:
    plain: dict[str, Any] = {
        "policy_hash": "h",
        "priority": 50,
        "target": "t",
        "created_at": NOW,
        "outcome": Outcome.BLOCKED,
        "reason": Reason.COOLDOWN,
    }
    return Admission(episode_id=episode_id, policy=policy, **{**plain, **fields})


def lease(run_id: int, attribute: str = "count", **fields: Any) -> Lease:
    plain: dict[str, Any] = {
        "resource": "fly:a",
        "policy": "p",
        "option": "o",
        "position": 0,
        "action": "fly.scale_count",
        "params": {},
        "original": 1,
        "applied": 2,
        "state": LeaseState.OPEN,
        "opened_at": NOW,
        "expires_at": NOW + MINUTE,
    }
    return Lease(run_id=run_id, attribute=attribute, **{**plain, **fields})


def hold(**fields: Any) -> Hold:
    plain: dict[str, Any] = {"scope": HoldScope.ALL, "value": "", "reason": "r", "created_by": "ana"}
    return Hold(**{**plain, "created_at": NOW, "expires_at": None, **fields})


def request(run_id: int, **fields: Any) -> ApprovalRequest:
    plain: dict[str, Any] = {
        "plan_hash": "h",
        "option": "o",
        "level": "policy",
        "state": ApprovalState.PENDING,
        "from_": ("oncall",),
        "count": 1,
        "self_approval": "never",
        "requested_at": NOW,
        "expires_at": NOW + MINUTE,
    }
    return ApprovalRequest(run_id=run_id, **{**plain, **fields})


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


async def test_an_identity_opens_again_once_it_was_closed(store: Store) -> None:
    def work(tx: Tx) -> tuple[Episode, Episode, Episode]:
        first = tx.add(episode())
        first = tx.save(replace(first, closed_at=NOW + MINUTE, close_reason=CloseReason.RESOLVED))
        second = tx.add(episode())
        second = tx.save(replace(second, closed_at=NOW + 2 * MINUTE, close_reason=CloseReason.VANISHED))
        return first, second, tx.add(episode())

    _, second, third = await store.write(work)
    await store.write(lambda tx: tx.add(episode(source="other")))
    assert await store.read(lambda reads: reads.open_episode("default", "f")) == third
    assert await store.read(lambda reads: reads.last_closed_episode("default", "f")) == second
    assert await store.read(lambda reads: reads.open_episode("nowhere", "f")) is None
    assert [found.id for found in await store.read(lambda reads: reads.open_episodes())] == [3, 4]
    assert await store.read(lambda reads: reads.open_episodes("default")) == [third]


async def test_the_newest_late_receipt_since_a_time(store: Store) -> None:
    def work(tx: Tx) -> None:
        delivery = tx.add(
            Delivery(
                source="default",
                received_at=NOW,
                origin="webhook",
                receiver="r",
                group_key="g",
                truncated_alerts=0,
                alerts=1,
                quarantined=0,
            )
        )
        for minutes, handling in ((0, Handling.LATE), (1, Handling.LATE), (2, Handling.REPEATED)):
            receipt = Receipt(
                delivery_id=delivery.id,
                episode_id=None,
                source="default",
                fingerprint="f",
                status="firing",
                alertname="A",
                labels={},
                annotations={},
                starts_at=NOW,
                ends_at=None,
                generator_url="",
                received_at=NOW + minutes * MINUTE,
                handling=handling,
            )
            tx.add(receipt)

    await store.write(work)

    async def last(since: datetime) -> int | None:
        found = await store.read(lambda reads: reads.last_late_receipt("default", "f", since))
        return found.id if found else None

    assert [await last(NOW), await last(NOW + MINUTE), await last(NOW + 2 * MINUTE)] == [2, 2, None]


async def test_admissions_of_an_episode(store: Store) -> None:
    def work(tx: Tx) -> list[Admission]:
        tx.add(episode())
        return [tx.add(admission(1, policy)) for policy in ("p", "q")]

    made = await store.write(work)
    assert await store.read(lambda reads: reads.admissions_of_episode(1)) == made
    assert await store.read(lambda reads: reads.admission(1, "q")) == made[1]
    assert await store.read(lambda reads: reads.admission(1, "none")) is None


async def test_live_and_leased_runs_of_a_policy_and_target(store: Store) -> None:
    states = [RunState.SUCCEEDED, RunState.VERIFYING, RunState.REVERTING]
    kinds = [RunKind.REMEDIATION, RunKind.REMEDIATION, RunKind.REVERT]
    leases = [LeaseState.OVERDUE, None, None]

    def work(tx: Tx) -> list[Run]:
        many = zip(states, kinds, leases, strict=True)
        return [tx.add(run(state=state, kind=kind, lease=lent)) for state, kind, lent in many]

    done, live, _ = await store.write(work)
    assert await store.read(lambda reads: reads.live_run("p", "t")) == live
    assert await store.read(lambda reads: reads.leased_run("p", "t")) == done
    assert await store.read(lambda reads: reads.live_run("p", "elsewhere")) is None
    assert await store.read(lambda reads: reads.leased_run("q", "t")) is None


async def test_a_run_and_all_that_belongs_to_it(store: Store) -> None:
    def work(tx: Tx) -> None:
        for fingerprint in ("a", "b"):
            tx.add(episode(fingerprint))
        parent = tx.add(run(episode_id=1))
        tx.add(run(kind=RunKind.REVERT, parent_run_id=parent.id))
        assert tx.join(1, 1, NOW)
        assert tx.join(1, 2, NOW)
        assert not tx.join(1, 2, NOW + MINUTE)
        for position in (1, 0):
            tx.add(
                StepRecord(
                    run_id=1,
                    option="o",
                    phase=StepPhase.ACT,
                    position=position,
                    action="wait",
                    params={},
                    state=StepState.INTENT,
                    attempt=1,
                    epoch=0,
                    started_at=NOW,
                )
            )
        for attribute in ("count", "memory"):
            tx.add(lease(1, attribute))
        for plan_hash in ("old", "new"):
            tx.add(request(1, plan_hash=plan_hash))
        for actor in ("eva", "ana"):
            tx.add(Vote(approval_id=2, actor=actor, verdict="approved", comment="", at=NOW))

    await store.write(work)

    def look(reads: Reads) -> list[object]:
        newest = reads.approval_of_run(1)
        return [
            [found.id for found in reads.episodes_of_run(1)],
            [found.id for found in reads.runs_serving(2)],
            [found.id for found in reads.child_runs(1)],
            [found.position for found in reads.steps_of_run(1)],
            [found.attribute for found in reads.leases_of_run(1)],
            newest and newest.plan_hash,
            [vote.actor for vote in reads.votes(2)],
            reads.approval_of_run(2),
        ]

    assert await store.read(look) == [
        [1, 2],
        [1],
        [2],
        [1, 0],
        ["count", "memory"],
        "new",
        ["eva", "ana"],
        None,
    ]


@pytest.mark.parametrize(
    ("state", "stands"),
    [
        (LeaseState.OPEN, True),
        (LeaseState.OVERDUE, True),
        (LeaseState.UNDONE, False),
        (LeaseState.KEPT, False),
    ],
)
async def test_a_lease_stands_until_it_is_undone_or_kept(
    store: Store, state: LeaseState, stands: bool
) -> None:
    made = await store.write(lambda tx: tx.add(lease(tx.add(run()).id)))
    closed_at = None if stands else NOW + MINUTE
    saved = await store.write(lambda tx: tx.save(replace(made, state=state, closed_at=closed_at)))
    assert await store.read(lambda reads: reads.open_lease("fly:a", "count")) == (saved if stands else None)
    history = await store.read(lambda reads: reads.history(now=NOW, since=NOW, policy="p", shadow=False))
    assert history.leases == ((saved,) if stands else ())
    if not stands:
        await store.write(lambda tx: tx.add(lease(made.run_id)))


async def test_holds_count_until_removed_or_expired(store: Store) -> None:
    def work(tx: Tx) -> None:
        tx.add(hold(reason="for good"))
        tx.add(hold(reason="for a minute", expires_at=NOW + MINUTE))
        tx.add(hold(reason="removed", removed_at=NOW, removed_by="ana"))

    await store.write(work)

    async def active(at: datetime) -> list[str]:
        return [found.reason for found in await store.read(lambda reads: reads.active_holds(at))]

    assert await active(NOW) == ["for good", "for a minute"]
    assert await active(NOW + MINUTE) == ["for good"]


def _runs_of_the_past(tx: Tx) -> None:
    for minutes, policy, state in ((5, "p", "failed"), (3, "q", "succeeded"), (1, "p", "verifying")):
        started = NOW - minutes * MINUTE
        finished = None if state == "verifying" else started + MINUTE
        tx.add(run(policy=policy, state=RunState(state), started_at=started, finished_at=finished))
    tx.add(run(kind=RunKind.REVERT, state=RunState.REVERTING, started_at=NOW))
    tx.add(run(state=RunState.PLANNED))
    # Denied before it began: it ended without having started.
    tx.add(run(state=RunState.DENIED, finished_at=NOW))


async def test_history_of_starts_and_finishes(store: Store) -> None:
    await store.write(_runs_of_the_past)
    history = await store.read(
        lambda reads: reads.history(now=NOW, since=NOW - 4 * MINUTE, policy="p", shadow=False)
    )
    assert history.starts == (
        Start(NOW - MINUTE, "p", "t", 3),
        Start(NOW - 3 * MINUTE, "q", "t", 2),
    )
    assert history.finishes == (
        Finish(NOW, "p", "t", 6, RunState.DENIED),
        Finish(NOW - 2 * MINUTE, "q", "t", 2, RunState.SUCCEEDED),
        Finish(NOW - 4 * MINUTE, "p", "t", 1, RunState.FAILED),
    )
    assert {(live.run_id, live.state) for live in history.live} == {
        (3, RunState.VERIFYING),
        (4, RunState.REVERTING),
    }
    assert (history.claims, history.leases, history.holds, history.waiting) == ((), (), (), ())


async def test_shadow_has_a_ledger_of_its_own(store: Store) -> None:
    await store.write(_runs_of_the_past)
    await store.write(lambda tx: tx.shadow_start("p", "t", None, NOW - MINUTE))
    await store.write(lambda tx: tx.shadow_start("p", "u", None, NOW - 9 * MINUTE))
    history = await store.read(
        lambda reads: reads.history(now=NOW, since=NOW - 4 * MINUTE, policy="p", shadow=True)
    )
    assert history.starts == (Start(NOW - MINUTE, "p", "t", 0),)


async def test_history_of_one_policys_breaker_and_of_those_who_wait(store: Store) -> None:
    def work(tx: Tx) -> None:
        for minutes, policy in ((9, "p"), (2, "p"), (1, "q")):
            tx.close_failure_breaker(policy, "ana", NOW - minutes * MINUTE)
        tx.add(episode())
        for policy, reason, priority, done in (
            ("later", Reason.TARGET_BUSY, 60, False),
            ("sooner", Reason.TARGET_BUSY, 40, False),
            ("over", Reason.TARGET_BUSY, 1, True),
            ("other", Reason.COOLDOWN, 1, False),
        ):
            tx.add(admission(1, policy, reason=reason, priority=priority, done=done))

    await store.write(work)
    history = await store.read(lambda reads: reads.history(now=NOW, since=NOW, policy="p", shadow=False))
    assert history.breaker_closed_at == NOW - 2 * MINUTE
    assert history.waiting == (Waiting(2, "sooner", "t", 40, NOW), Waiting(1, "later", "t", 60, NOW))
    other = await store.read(lambda reads: reads.history(now=NOW, since=NOW, policy="none", shadow=False))
    assert other.breaker_closed_at is None


async def test_a_timer_moves_and_goes(store: Store) -> None:
    await store.write(lambda tx: tx.set_timer(TimerKind.DRIVE, 1, NOW + MINUTE, 7))
    await store.write(lambda tx: tx.set_timer(TimerKind.DRIVE, 1, NOW, 8))
    await store.write(lambda tx: tx.set_timer(TimerKind.DECIDE, 1, NOW + MINUTE))
    assert await store.read(lambda reads: reads.next_due_at()) == NOW
    due = await store.read(lambda reads: reads.due_timers(NOW, 10))
    assert due == [Timer(kind=TimerKind.DRIVE, subject_id=1, due_at=NOW, priority=8)]
    for kind in (TimerKind.DRIVE, TimerKind.DRIVE, TimerKind.DECIDE):
        await store.write(partial(_clear, kind))
    assert await store.read(lambda reads: reads.next_due_at()) is None


def _clear(kind: TimerKind, tx: Tx) -> None:
    tx.clear_timer(kind, 1)


WOKEN = {Reason.TARGET_BUSY, Reason.LEASE_HELD, Reason.HELD, Reason.CONCURRENCY, Reason.GLOBAL_LIMIT}


async def test_what_waits_for_others_is_woken_and_the_rest_left(store: Store) -> None:
    reasons = [*sorted(WOKEN), Reason.COOLDOWN, None]
    states = [
        RunState.PLANNED,
        RunState.HELD,
        RunState.REVERTING,
        RunState.AWAITING_APPROVAL,
        RunState.RUNNING,
    ]
    later = NOW + 60 * MINUTE

    def work(tx: Tx) -> None:
        tx.add(episode())
        for number, reason in enumerate(reasons):
            tx.set_timer(TimerKind.DECIDE, tx.add(admission(1, f"p{number}", reason=reason)).id, later)
        over = tx.add(admission(1, "over", reason=Reason.HELD, done=True))
        tx.set_timer(TimerKind.DECIDE, over.id, later)
        for state in states:
            tx.set_timer(TimerKind.DRIVE, tx.add(run(state=state)).id, later)
        tx.set_timer(TimerKind.LEASE, 1, later)

    await store.write(work)
    assert await store.write(lambda tx: tx.wake_waiting(NOW)) == len(WOKEN) + 3
    due = await store.read(lambda reads: reads.due_timers(NOW, 100))
    assert {(timer.kind, timer.subject_id) for timer in due} == {
        *((TimerKind.DECIDE, number + 1) for number in range(len(WOKEN))),
        *((TimerKind.DRIVE, run_id) for run_id in (1, 2, 3)),
    }
    assert await store.write(lambda tx: tx.wake_waiting(NOW + MINUTE)) == 0, (
        "what is due already is not put off"
    )


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

    empty = {"runs_in_state": {}, "leases_open": {}, "audit": {"head": 0}}
    assert await store.read(lambda reads: reads.counts()) == empty
    await store.write(work)
    assert await store.read(lambda reads: reads.counts()) == {
        "runs_in_state": {"running": 2, "failed": 1},
        "leases_open": {"p": 1},
        "audit": {"head": 1},
    }


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
