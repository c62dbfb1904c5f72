"""A short soak: a real server, killed now and then among neighbours that fail."""

from __future__ import annotations

from datetime import timedelta

from torture.soak.soaking import soak


def test_a_soaked_servers_log_shows_every_promise_kept() -> None:
    soaked, violations = soak(6, timedelta(seconds=6))
    assert violations == []
    assert soaked.acknowledged
    assert soaked.kills
