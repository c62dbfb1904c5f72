"""A storm of different alerts, over HTTP: the short form of the trial `storm` of `make torture`."""

from __future__ import annotations

from tests.e2e.receiver import Receiver
from tests.e2e.storming import configure, storm


async def test_a_storm_is_taken_decided_and_acted_on_the_important_first(receiver: Receiver) -> None:
    configure(receiver, enter=20, within="5s")
    receiver.start()
    came = await storm(receiver, 80, seed=1, patience_seconds=240)
    assert came.violations == []
    assert came.accepted == 80
