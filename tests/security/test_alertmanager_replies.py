"""A real Alertmanager against every kind of reply, killed, flapping, by two routes."""

from __future__ import annotations

import os
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.receiver import TOKEN, Receiver, resolved
from tests.real.alertmanager import RealAlertmanager, alertmanager, webhook_config
from tests.security.replies import LOST, NOTHING, RESET, TWICE, replying

pytestmark = pytest.mark.real
_LONG_SECONDS = 150
_POLICY = """
policy: act
match: ['alertname =~ ".+"']
target: 'thing/{{ labels.alertname }}'
recheck: 1s
options:
  - name: act
    steps: [{uses: command.run, with: {command: act}}]
"""
# What a receiver, or whatever is before it, may say, and how often before it lets an alert through.
_REPLIES: dict[str, list[int | str]] = {
    "fine": [],
    **{f"answer{status}": [status] for status in (400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504)},
    "often500": [500] * 4,
    "odd": [418, 599],
    "reset": [RESET, RESET],
    "nothing": [NOTHING],
    "lost": [LOST, LOST],
    "twice": [TWICE],
}
# Alertmanager follows with a GET and takes its 200 for delivered: only the poll finds these.
_LED_AWAY: dict[str, list[int | str]] = {f"led{status}": [status] * 50 for status in (301, 302, 303)}
_KEPT_METHOD: dict[str, list[int | str]] = {f"led{status}": [status] for status in (307, 308)}


def _configure(receiver: Receiver, source: RealAlertmanager | None = None, poll: str = "1h") -> None:
    receiver.configure(
        {
            "sources": {"default": {"url": source.url, "poll": poll} if source else {}},
            "commands": {"act": {"argv": ["/bin/true"], "idempotent": True}},
        },
        act=_POLICY,
    )


def _done(receiver: Receiver) -> Counter[str]:
    return Counter(
        run["target"].removeprefix("thing/") for run in receiver.runs() if run["state"] == "succeeded"
    )


def _fire(am: RealAlertmanager, *names: str, starts: datetime | None = None) -> None:
    now = datetime.now(UTC)
    body = [
        {
            "labels": {"alertname": name},
            "startsAt": (starts or now).isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
        }
        for name in names
    ]
    httpx.post(f"{am.url}/api/v2/alerts", json=body, trust_env=False).raise_for_status()


def test_each_alert_is_acted_on_once_whatever_was_answered(receiver: Receiver, tmp_path: Path) -> None:
    names = {*_REPLIES, *_LED_AWAY, *_KEPT_METHOD}
    with replying(receiver.url, {**_REPLIES, **_LED_AWAY, **_KEPT_METHOD}) as proxy:
        config = webhook_config(f"{proxy.url}/webhook/alertmanager", authorization=TOKEN)
        with alertmanager(tmp_path / "am", config) as am:
            _configure(receiver, am, poll="2s")
            text = receiver.config.read_text()
            receiver.config.write_text(text.replace("poll: 2s", "poll: 1h"))
            receiver.start()
            _fire(am, *names)
            reached = names - _LED_AWAY.keys()
            receiver.until(lambda: _done(receiver).keys() >= reached, "not all came", seconds=_LONG_SECONDS)
            receiver.until(lambda: len(proxy.gets) >= len(_LED_AWAY), "nobody was led away")
            assert _done(receiver) == Counter(reached), "each once"
            receiver.stop()
            receiver.config.write_text(text)
            receiver.start()
            receiver.until(lambda: _done(receiver).keys() >= names, "the poll did not find what was led away")
    assert _done(receiver) == Counter(names)
    came_again = {name: given for name, given in _REPLIES.items() if given != [TWICE]}
    assert all(proxy.came[name] > len(given) for name, given in came_again.items()), proxy.came


def test_killed_and_restarted_it_tells_again_and_nothing_is_done_again(
    receiver: Receiver, tmp_path: Path
) -> None:
    _configure(receiver)
    receiver.start()
    config = _to(receiver)
    with alertmanager(tmp_path / "am", config) as am:
        _fire(am, "Broken")
        receiver.until(lambda: _done(receiver) == Counter(["Broken"]), "it was not acted on")
        os.kill(am.pid, signal.SIGKILL)
    before = _deliveries(receiver)
    with alertmanager(tmp_path / "am", config) as again:
        _fire(again, "Broken")  # as Prometheus does, all the time
        receiver.until(lambda: _deliveries(receiver) > before, "it did not tell again", seconds=_LONG_SECONDS)
    assert _done(receiver) == Counter(["Broken"])
    assert len(receiver.get("/api/v1/episodes")["items"]) == 1


def test_what_flaps_moves_and_comes_by_two_routes_is_one_run_an_episode(
    receiver: Receiver, tmp_path: Path
) -> None:
    _configure(receiver)
    receiver.start()
    config = _to(receiver)
    config["route"]["routes"] = [
        {"receiver": "webhook", "continue": True},
        {"receiver": "webhook", "group_by": ["..."]},
    ]
    with alertmanager(tmp_path / "am", config) as am:
        _fire(am, "Moving")
        receiver.until(lambda: _deliveries(receiver) >= 2, "not both routes told", seconds=_LONG_SECONDS)
        receiver.until(lambda: _done(receiver) == Counter(["Moving"]), "it was not acted on")
        # Another Prometheus has seen it earlier: Alertmanager keeps the earliest start it has heard of.
        _fire(am, "Moving", starts=datetime.now(UTC) - timedelta(minutes=20))
        _fire(am, "Flapping")
        receiver.until(lambda: _done(receiver)["Flapping"] == 1, "it was not acted on")
        for turn in (2, 3):
            am.resolve({"alertname": "Flapping"})
            receiver.until(lambda turn=turn: _closed(receiver) >= turn - 1, "it did not resolve")
            _fire(am, "Flapping")
            receiver.until(lambda turn=turn: _done(receiver)["Flapping"] == turn, "it did not come back")
    assert _done(receiver) == Counter({"Moving": 1, "Flapping": 3})
    assert _closed(receiver) == 2


def test_resolved_without_having_fired_opens_nothing(receiver: Receiver) -> None:
    _configure(receiver)
    receiver.start()
    assert receiver.deliver(resolved("Never", "f1")) == 200
    assert receiver.get("/api/v1/episodes")["items"] == []
    assert receiver.runs() == []


def _to(receiver: Receiver) -> dict[str, Any]:
    return webhook_config(f"{receiver.url}/webhook/alertmanager", authorization=TOKEN)


def _deliveries(receiver: Receiver) -> int:
    rows = receiver.get("/api/v1/audit", action="delivery.accepted", limit=500)["items"]
    return len(rows)


def _closed(receiver: Receiver) -> int:
    return len([one for one in receiver.get("/api/v1/episodes")["items"] if one["closed_at"]])
