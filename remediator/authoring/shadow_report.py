"""Compares what a policy would have done with what happened: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any

from pydantic import BaseModel, ConfigDict

from remediator.authoring.shadow_history import ShadowDecision, ShadowHistory, deeds
from remediator.engine.actors import ENGINE
from remediator.runs.reasons import CloseReason, Reason
from remediator.runs.records import Run
from remediator.runs.shadow import ShadowObservation, WouldVerify


class Reported(BaseModel):
    """Base of a report's parts. Durations are seconds after the decision, unless they say otherwise."""

    model_config = ConfigDict(frozen=True)


class Ending(StrEnum):
    """How the alert of a decision went on."""

    NEEDLESS = "needless"
    """It resolved before the run would have ended, and nothing that was recorded had acted."""
    STAYED = "stayed"
    """It resolved later than the run would have ended, or is still open since."""
    ACTED_ON = "acted_on"
    """It resolved before the run would have ended, after somebody or another policy had acted."""
    UNCLEAR = "unclear"
    """It is too early to say, no option applied, or nobody knows when the alert ended."""


class Act(Reported):
    """Something that was done, or asked for, between the decision and the alert's end."""

    run_id: int | None
    """None: asked for by hand, and not run because of shadow."""
    policy: str
    option: str | None
    actor: str
    after_seconds: float
    same: bool
    """Whether it is the policy's own option, or has a step in common with the plan."""


class Line(Reported):
    """One shadow decision and what followed."""

    decision_id: int
    at: datetime
    episode_id: int
    alertname: str
    target: str
    option: str | None
    reason: str | None
    steps: tuple[str, ...]
    would_have_asked: tuple[Mapping[str, Any], ...]
    run_would_end_after_seconds: float | None
    would_verify: WouldVerify | None
    verification_reason: str | None
    held_at_decision: bool | None
    first_held_after_seconds: float | None
    guards_later: tuple[str, ...] | None
    """Guards that denied by the time the steps would have ended; None: not looked at."""
    resolved_after_seconds: float | None
    close_reason: CloseReason | None
    ending: Ending
    open_longer_seconds: float | None
    """How long the alert stayed open after the run would have ended: at most this could be saved."""
    by_hand: tuple[Act, ...]
    other_policies: tuple[Act, ...]


class Summary(Reported):
    """All decisions together."""

    decisions: int
    """Shadow decisions, with a plan or without."""
    planned: int
    seen: int
    """With a plan, and the look at its verification ended."""
    targets: int
    days: float
    """Since the policy's first decision in the period."""
    endings: Mapping[Ending, int]
    open_longer_median_seconds: float | None
    open_longer_p90_seconds: float | None
    verification: Mapping[str, int]
    """By what it would have seen; `pending` while it is looked at."""
    held_at_decision: int
    held_at_decision_known: int
    asked: int
    """Plans that somebody would have been asked for."""
    same_by_hand: int
    otherwise_by_hand: int
    contended: int
    """Another policy ran meanwhile, by itself."""
    denied_later: int
    no_option: int
    episodes: int
    faulty_episodes: int
    blocked: Mapping[str, int]
    busiest_day: int
    busiest_minute: int
    most_at_once: int


def lines_of(history: ShadowHistory) -> tuple[Line, ...]:
    """Return each decision with what followed, oldest first."""
    return tuple(_line(history, decision) for decision in history.decisions)


def summarize(history: ShadowHistory, lines: Sequence[Line]) -> Summary:
    """Count over all decisions."""
    planned = [line for line in lines if line.option is not None]
    longer = sorted(line.open_longer_seconds for line in planned if line.open_longer_seconds is not None)
    verification = Counter(str(line.would_verify or "pending") for line in planned)
    starts = [line.at for line in planned]
    known = [line for line in planned if line.held_at_decision is not None]
    first_at = history.first_at
    return Summary(
        decisions=len(lines),
        planned=len(planned),
        seen=sum(line.would_verify is not None for line in planned),
        targets=len({line.target for line in planned}),
        days=round((history.until - first_at) / timedelta(days=1), 2) if first_at else 0.0,
        endings=Counter(line.ending for line in planned),
        open_longer_median_seconds=_quantile(longer, 0.5),
        open_longer_p90_seconds=_quantile(longer, 0.9),
        verification=verification,
        held_at_decision=sum(line.held_at_decision is True for line in known),
        held_at_decision_known=len(known),
        asked=sum(bool(line.would_have_asked) for line in planned),
        same_by_hand=sum(any(act.same for act in line.by_hand) for line in planned),
        otherwise_by_hand=sum(
            bool(line.by_hand) and not any(act.same for act in line.by_hand) for line in planned
        ),
        contended=sum(bool(line.other_policies) for line in planned),
        denied_later=sum(bool(line.guards_later) for line in planned),
        no_option=sum(line.reason == Reason.NO_OPTION_APPLIES for line in lines),
        episodes=history.episodes,
        faulty_episodes=history.faulty_episodes,
        blocked=dict(sorted(history.blocked.items())),
        busiest_day=max(Counter(at.date() for at in starts).values(), default=0),
        busiest_minute=_most_within(starts, timedelta(minutes=1)),
        most_at_once=_most_at_once(planned),
    )


def _line(history: ShadowHistory, decision: ShadowDecision) -> Line:
    record, episode, seen = decision.record, decision.episode, decision.observation
    acts = [*(_act_of_run(history, decision, run) for run in decision.runs), *_attempts(decision)]
    ends_at = _would_end_at(seen)
    by_hand = tuple(act for act in acts if act.actor != ENGINE)
    others = tuple(act for act in acts if act.actor == ENGINE and act.policy != history.policy)
    closed_at = episode.closed_at
    return Line(
        decision_id=record.id,
        at=record.at,
        episode_id=episode.id,
        alertname=episode.alertname,
        target=record.target or "",
        option=record.option,
        reason=record.reason,
        steps=tuple(step.action for step in seen.plan.steps) if seen else (),
        would_have_asked=tuple(seen.asks or ()) if seen else (),
        run_would_end_after_seconds=_after(record.at, ends_at),
        would_verify=seen.would_verify if seen else None,
        verification_reason=seen.reason if seen else None,
        held_at_decision=seen.held_at_decision if seen else None,
        first_held_after_seconds=_after(record.at, seen.first_held_at) if seen else None,
        guards_later=_denied_later(seen),
        resolved_after_seconds=_after(record.at, closed_at),
        close_reason=episode.close_reason,
        ending=_ending(decision, history.until, ends_at, acted=bool(acts)),
        open_longer_seconds=_open_longer(decision, history.until, ends_at),
        by_hand=by_hand,
        other_policies=others,
    )


def _would_end_at(seen: ShadowObservation | None) -> datetime | None:
    """When a run would have ended at the soonest: its steps by estimate, and the checks held long enough."""
    if seen is None:
        return None
    verify = seen.plan.verify
    return seen.steps_end_at + (verify.stable_for if verify else timedelta(0))


def _ending(decision: ShadowDecision, until: datetime, ends_at: datetime | None, *, acted: bool) -> Ending:
    episode = decision.episode
    if ends_at is None or episode.close_reason is CloseReason.PRESUMED_RESOLVED:
        return Ending.UNCLEAR
    if (episode.closed_at or until) > ends_at:
        return Ending.STAYED
    if episode.closed_at is None:
        return Ending.UNCLEAR
    return Ending.ACTED_ON if acted else Ending.NEEDLESS


def _open_longer(decision: ShadowDecision, until: datetime, ends_at: datetime | None) -> float | None:
    """What could have been saved at most; an alert that is still open counts as open until now."""
    episode = decision.episode
    if ends_at is None or episode.close_reason is CloseReason.PRESUMED_RESOLVED:
        return None
    return _after(ends_at, max(episode.closed_at or until, ends_at)) or None


def _act_of_run(history: ShadowHistory, decision: ShadowDecision, run: Run) -> Act:
    seen = decision.observation
    own = run.policy == history.policy and run.option == decision.record.option
    common = seen is not None and not deeds(seen.plan).isdisjoint(deeds(run.plan))
    return Act(
        run_id=run.id,
        policy=run.policy,
        option=run.option,
        actor=run.actor,
        after_seconds=_after(decision.record.at, run.created_at) or 0.0,
        same=own or common,
    )


def _attempts(decision: ShadowDecision) -> Iterable[Act]:
    for attempt in decision.attempts:
        yield Act(
            run_id=None,
            policy=attempt.policy or "",
            option=attempt.option,
            actor="somebody",
            after_seconds=_after(decision.record.at, attempt.at) or 0.0,
            same=attempt.option == decision.record.option,
        )


def _denied_later(seen: ShadowObservation | None) -> tuple[str, ...] | None:
    if seen is None or seen.guards_later is None:
        return None
    return tuple(f"{verdict['guard']}: {verdict['detail']}" for verdict in seen.guards_later)


def _after(since: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else round((moment - since).total_seconds(), 3)


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least `share` of all do not exceed."""
    if not ordered:
        return None
    return ordered[ceil(share * len(ordered)) - 1]


def _most_within(times: Sequence[datetime], window: timedelta) -> int:
    """Return the most moments that lie in any window."""
    ordered = sorted(times)
    first = most = 0
    for last, moment in enumerate(ordered):
        while ordered[first] <= moment - window:
            first += 1
        most = max(most, last - first + 1)
    return most


def _most_at_once(lines: Sequence[Line]) -> int:
    """Return how many runs would have been under way at once, each until its soonest end."""
    changes: list[tuple[datetime, int]] = []
    for line in lines:
        lasts = timedelta(seconds=line.run_would_end_after_seconds or 0.0)
        changes += [(line.at, 1), (line.at + lasts, -1)]
    under_way = most = 0
    for _, change in sorted(changes):
        under_way += change
        most = max(most, under_way)
    return most
