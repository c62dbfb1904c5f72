"""Which rungs of an escalation are due: a pure function of what was seen and the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.policy.telling import Escalation as Rung
from remediator.runs.news import Escalation, EscalationCause

_LOOKS_PER_HOLD = 3
_SHORTEST_BETWEEN_LOOKS = timedelta(seconds=1)
_LONGEST_BETWEEN_LOOKS = timedelta(seconds=10)
# A look is as late as the tick that notices it, and as a busy loop.
_TICK_SLACK = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be told now, and when to look again (None: when something else happens)."""

    rungs: Mapping[int, EscalationCause]
    held_since: Mapping[str, datetime]
    next_at: datetime | None


def wants_a_look(escalation: Escalation, rungs: Sequence[Rung], now: datetime) -> list[int]:
    """Return the places of rungs whose condition has to be looked at now."""
    return [
        at
        for at, rung in enumerate(rungs)
        if str(at) not in escalation.told
        and (rung.promql is not None or (rung.when is not None and now >= _not_before(escalation, rung)))
    ]


def due_rungs(
    escalation: Escalation,
    rungs: Sequence[Rung],
    holds: Mapping[int, bool | None],
    now: datetime,
    recheck: timedelta,
) -> Due:
    """Say what is due. `holds`: per place whether its condition holds; None when nobody could answer."""
    due: dict[int, EscalationCause] = {}
    held: dict[str, datetime] = {}
    looks: list[datetime] = []
    for at, rung in enumerate(rungs):
        if str(at) in escalation.told:
            continue
        not_before = _not_before(escalation, rung)
        if rung.promql is not None:
            since = _since(escalation, at, rung, now, recheck, holds=holds.get(at))
            if since is not None:
                held[str(at)] = since
            ready_at = max(not_before, since + _hold(rung)) if since is not None else None
            if holds.get(at) and ready_at is not None and now >= ready_at:
                due[at] = EscalationCause.PROMQL
            else:
                next_look = now + _between(rung, recheck)
                looks.append(next_look if ready_at is None or ready_at <= now else min(next_look, ready_at))
        elif now < not_before:
            looks.append(not_before)
        elif rung.when is None:
            due[at] = EscalationCause.AFTER
        elif holds.get(at):
            due[at] = EscalationCause.WHEN
        else:
            looks.append(now + recheck)
    return Due(due, held, min(looks, default=None))


def _not_before(escalation: Escalation, rung: Rung) -> datetime:
    return escalation.opened_at + (rung.after or timedelta(0))


def _hold(rung: Rung) -> timedelta:
    return rung.hold or timedelta(0)


def _between(rung: Rung, recheck: timedelta) -> timedelta:
    if not rung.hold:
        return recheck
    return min(max(rung.hold / _LOOKS_PER_HOLD, _SHORTEST_BETWEEN_LOOKS), _LONGEST_BETWEEN_LOOKS)


def _since(
    escalation: Escalation, at: int, rung: Rung, now: datetime, recheck: timedelta, *, holds: bool | None
) -> datetime | None:
    """Since when its query has held. A query that could not be answered leaves that open."""
    since = escalation.held_since.get(str(at))
    if since is not None and escalation.looked_at is not None:
        if now - escalation.looked_at > 2 * _between(rung, recheck) + _TICK_SLACK:
            since = None  # nobody looked for so long that it may have stopped between
    if holds is None:
        return since
    return (since or now) if holds else None
