"""What looks at a shadow decision's checks amount to: pure, so that a restart simply goes on.

The window is that of a real verification: it begins when the steps would have ended, the checks
must begin to hold within it, and hold for as long as `stable_for` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.engine.verification import CheckLook
from remediator.policy.model import Verify
from remediator.runs.shadow import ShadowObservation, ShadowReason, WouldVerify

# Timers are looked at about once a second, whatever `every` says.
_SHORTEST_PAUSE = timedelta(seconds=1)
# A look is as late as the tick that notices it, and as a busy loop.
_TICK_SLACK = timedelta(seconds=2)


def held(looks: Sequence[CheckLook]) -> bool | None:
    """Tell whether all checks held; None when that depends on one that could not be asked."""
    if any(look.answered and not look.held for look in looks):
        return False
    return True if all(look.answered for look in looks) else None


def next_look_at(observation: ShadowObservation, verify: Verify) -> datetime:
    """Return when the checks are looked at next: at the decision, at the window's begin, then `every`."""
    looked_at = observation.looked_at
    if looked_at is None:
        return observation.decided_at
    if looked_at < observation.steps_end_at:
        return observation.steps_end_at
    since = observation.held_since
    decides_at = observation.look_until if since is None else since + verify.stable_for
    pause = max(min(verify.every, decides_at - looked_at), _SHORTEST_PAUSE)
    return looked_at + pause


def is_opening(observation: ShadowObservation, now: datetime) -> bool:
    """Tell whether a look at `now` is the one at the decision, before anything could have been done."""
    return observation.looked_at is None and now < observation.steps_end_at


def after_look(
    observation: ShadowObservation, verify: Verify, looks: Sequence[CheckLook], now: datetime
) -> ShadowObservation:
    """Return an observation with one more look in it, ended if that decides it."""
    all_held = held(looks)
    noted = replace(
        observation,
        looked_at=now,
        last_look=[look.json() for look in looks],
        first_held_at=observation.first_held_at or (now if all_held else None),
    )
    if is_opening(observation, now):
        return replace(noted, held_at_decision=all_held)
    missed = now - _due_at(observation, verify) > _lateness(verify)
    since = observation.held_since if not missed else None
    counted = replace(
        noted,
        looks=observation.looks + 1,
        unanswered=observation.unanswered + (all_held is None),
        missed=observation.missed + missed,
        held_since=(since or now) if all_held else None,
    )
    return _decided(counted, verify, now)


def ended(
    observation: ShadowObservation, would_verify: WouldVerify, reason: ShadowReason, now: datetime
) -> ShadowObservation:
    """Return an observation that has come to its end."""
    return replace(observation, would_verify=would_verify, reason=reason, finished_at=now)


def _decided(observation: ShadowObservation, verify: Verify, now: datetime) -> ShadowObservation:
    since = observation.held_since
    if since is not None and since <= observation.look_until + _lateness(verify):
        if now - since >= verify.stable_for:
            return ended(observation, WouldVerify.YES, ShadowReason.HELD, now)
        return observation
    if now < observation.look_until:
        return observation
    if observation.missed:
        return ended(observation, WouldVerify.UNKNOWN, ShadowReason.MISSED, now)
    if observation.unanswered:
        return ended(observation, WouldVerify.UNKNOWN, ShadowReason.UNANSWERED, now)
    return ended(observation, WouldVerify.NO, ShadowReason.NOT_HELD, now)


def _due_at(observation: ShadowObservation, verify: Verify) -> datetime:
    """When this look within the window was due; the one at the decision may have been left out."""
    return max(next_look_at(observation, verify), observation.steps_end_at)


def _lateness(verify: Verify) -> timedelta:
    """How late a look may come and still speak for its time."""
    return 2 * max(verify.every, _SHORTEST_PAUSE) + _TICK_SLACK
