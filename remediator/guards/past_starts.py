"""Which past starts count, for the guards that count them."""

from __future__ import annotations

from typing import Literal

from remediator.guards.base import Look
from remediator.runs.history import Start


def own_starts(look: Look, scope: Literal["target", "policy"]) -> list[Start]:
    """Return the policy's starts, on this target or on all, without that of the run that looks."""
    policy, own = look.policy, look.run_id
    mine = [start for start in look.history.starts if start.policy == policy and start.run_id != own]
    return mine if scope == "policy" else [start for start in mine if start.target == look.target]


def is_own(look: Look, run_id: int) -> bool:
    """Tell whether a run is the one that looks."""
    return look.run_id is not None and run_id == look.run_id


def frees_at(starts: list[Start], most: int) -> Start | None:
    """Return the start that has to leave the window before fewer than `most` are in it."""
    if len(starts) < most:
        return None
    return sorted(starts, key=lambda start: start.at, reverse=True)[most - 1]
