"""Soaks a server for minutes."""

from __future__ import annotations

from datetime import timedelta

from torture.soak.soaking import soak
from torture.trial import Trial


def run(seed: int, budget: timedelta) -> Trial:
    """Soak one server for as long as there is, from this seed."""
    soaked, violations = soak(seed, budget)
    minutes = budget / timedelta(minutes=1)
    return Trial(
        promise="a real server, among neighbours that fail and killed again and again: its audit log alone "
        f"shows every promise kept ({soaked.kills} kills)",
        cases=len(soaked.acknowledged),
        violations=violations,
        repeat=f"python -m torture --only soak --minutes {minutes:.2f} --seed {seed}",
    )
