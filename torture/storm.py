"""A storm of different alerts at a real server, 10,000 where there is time for so many."""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from tests.e2e.conftest import free_port
from tests.e2e.receiver import Receiver
from tests.e2e.storming import configure, storm
from torture.trial import Trial

_MOST = 10_000
# What a slow machine was seen to take, decide and act on within a second, and then some.
_PER_SECOND = 20
_MOST_GROWTH_MIB = 120


def run(seed: int, budget: timedelta) -> Trial:
    """Send one storm, as large as the time allows."""
    count = max(500, min(_MOST, int(budget.total_seconds() * _PER_SECOND)))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        receiver = Receiver(Path(folder), free_port())
        configure(receiver, enter=min(300, count // 4), within="30s")
        receiver.start()
        try:
            came = asyncio.run(
                storm(receiver, count, seed, patience_seconds=3 * budget.total_seconds() + 120)
            )
        finally:
            receiver.stop()
    grown = came.rss_most_mib - came.rss_before_mib
    violations = list(came.violations)
    if grown > _MOST_GROWTH_MIB:
        violations.append(f"memory grew by {grown:.0f} MiB, from {came.rss_before_mib:.0f}")
    print(  # noqa: T201  (a command's own output)
        f"storm: {count} alerts in {time.monotonic() - began:.0f} s, {came.put_off} put off by 503, memory "
        f"{came.rss_before_mib:.0f} to {came.rss_most_mib:.0f} MiB"
    )
    return Trial(
        promise="In a storm of different alerts each is answered, decided and audited, caps hold, "
        "what matters most goes first, nothing starves, memory stays bounded",
        cases=count,
        violations=violations,
    )
