"""What `store/base.py` says of asking, asked of whatever store the fixture gives."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from remediator.runs.episodes import Admission, Delivery, Episode, Handling, Receipt
from remediator.runs.history import Finish, History, Leased, Start, Waiting
from remediator.runs.reasons import CloseReason, Reason
from remediator.runs.records import (
    Run,
    StepRecord,
    Vote,
)
from remediator.runs.states import LeaseState, RunKind, RunState, StepPhase, StepState
from remediator.store.base import Reads, Store, Tx
from tests.store.samples import MINUTE, NOW, admission, episode, hold, lease, request, run


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
    seen = third.last_seen_at
    assert await store.read(lambda reads: reads.open_episodes("default", not_seen_after=seen)) == [third]
    earlier = seen - timedelta(milliseconds=1)
    assert await store.read(lambda reads: reads.open_episodes("default", not_seen_after=earlier)) == []


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
    states = [RunState.SUCCEEDED, RunState.REVERTING, RunState.VERIFYING]
    kinds = [RunKind.REMEDIATION, RunKind.REVERT, RunKind.REMEDIATION]
    leases = [LeaseState.OVERDUE, None, None]

    def work(tx: Tx) -> list[Run]:
        many = zip(states, kinds, leases, strict=True)
        return [tx.add(run(state=state, kind=kind, lease=lent)) for state, kind, lent in many]

    done, _, live = await store.write(work)
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


@pytest.mark.parametrize("shadow", [False, True])
async def test_history_of_others_reaches_less_far_back(store: Store, shadow: bool) -> None:
    def work(tx: Tx) -> None:
        for minutes, policy in ((9, "p"), (3, "p"), (3, "q"), (1, "q")):
            at = NOW - minutes * MINUTE
            tx.add(run(policy=policy, state=RunState.FAILED, started_at=at, finished_at=at))
            tx.shadow_start(policy, "t", None, at)

    await store.write(work)
    history = await store.read(
        lambda reads: reads.history(
            now=NOW, since=NOW - 4 * MINUTE, others_since=NOW - MINUTE, policy="p", shadow=shadow
        )
    )
    seen = [("q", NOW - MINUTE), ("p", NOW - 3 * MINUTE)]
    assert [(start.policy, start.at) for start in history.starts] == seen
    assert [(finish.policy, finish.at) for finish in history.finishes] == seen


@pytest.mark.parametrize("shadow", [False, True])
async def test_history_of_other_targets_reaches_less_far_back(store: Store, shadow: bool) -> None:
    def work(tx: Tx) -> None:
        for minutes, target in ((9, "t"), (3, "t"), (3, "u"), (1, "u")):
            at = NOW - minutes * MINUTE
            tx.add(run(policy="p", target=target, state=RunState.FAILED, started_at=at, finished_at=at))
            tx.shadow_start("p", target, None, at)

    await store.write(work)
    since, elsewhere = NOW - 4 * MINUTE, NOW - MINUTE
    for target, seen in (
        ("t", [("u", NOW - MINUTE), ("t", NOW - 3 * MINUTE)]),
        (None, [("u", NOW - MINUTE), ("u", NOW - 3 * MINUTE), ("t", NOW - 3 * MINUTE)]),
    ):
        history = await store.read(
            lambda reads, target=target: reads.history(  # type: ignore[misc]
                now=NOW, since=since, elsewhere_since=elsewhere, policy="p", shadow=shadow, target=target
            )
        )
        assert [(start.target, start.at) for start in history.starts] == seen
        assert [(finish.target, finish.at) for finish in history.finishes] == seen


async def test_those_who_wait_for_one_target(store: Store) -> None:
    def work(tx: Tx) -> None:
        tx.add(episode())
        for policy, target in (("here", "t"), ("there", "u")):
            tx.add(admission(1, policy, target=target, reason=Reason.TARGET_BUSY))

    await store.write(work)
    history = await store.read(
        lambda reads: reads.history(now=NOW, since=NOW, policy="p", shadow=False, target="u")
    )
    assert [waiting.policy for waiting in history.waiting] == ["there"]


async def test_history_of_one_policy_on_one_target(store: Store) -> None:
    def work(tx: Tx) -> None:
        for minutes, policy, target in (
            (3, "p", "t"),
            (2, "p", "u"),
            (2, "q", "t"),
            (9, "p", "t"),
            (1, "p", "t"),
        ):
            opened = tx.add(
                episode(opened_at=NOW - minutes * MINUTE, fingerprint=f"f{minutes}{policy}{target}")
            )
            tx.add(admission(opened.id, policy, target=target, created_at=opened.opened_at))
        for minutes, policy, target in ((3, "p", "t"), (2, "p", "u"), (2, "q", "t"), (9, "p", "t")):
            ended = {"policy": policy, "target": target, "finished_at": NOW - minutes * MINUTE}
            tx.add(run(state=RunState.FAILED, started_at=NOW - minutes * MINUTE, **ended))
        tx.add(run(state=RunState.CANCELLED, policy="p", target="t", finished_at=NOW))
        tx.add(run(kind=RunKind.REVERT, state=RunState.REVERTED, policy="p", target="t", finished_at=NOW))

    await store.write(work)

    async def history(target: str | None) -> History:
        since = NOW - 4 * MINUTE
        return await store.read(
            lambda reads: reads.history(now=NOW, since=since, policy="p", shadow=False, target=target)
        )

    seen = await history("t")
    assert seen.openings == (NOW - MINUTE, NOW - 3 * MINUTE)
    # A run that never started brought nothing back; a revert may have.
    assert seen.ends == (NOW, NOW - 3 * MINUTE)
    assert ((await history(None)).openings, (await history(None)).ends) == ((), ())


async def test_history_of_what_stands_for_a_while(store: Store) -> None:
    def work(tx: Tx) -> None:
        standing = tx.add(run(policy="q", target="a", state=RunState.SUCCEEDED)).id
        tx.add(lease(standing))
        tx.add(lease(standing, attribute="memory", state=LeaseState.OVERDUE))
        over = tx.add(run(policy="q", target="b", state=RunState.SUCCEEDED)).id
        tx.add(lease(over, attribute="count", state=LeaseState.UNDONE, closed_at=NOW))

    await store.write(work)
    history = await store.read(lambda reads: reads.history(now=NOW, since=NOW, policy="p", shadow=False))
    assert history.leased == (Leased(1, "q", "a"),)


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
