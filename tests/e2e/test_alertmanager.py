"""Real Alertmanagers and a real receiver: one run whatever they repeat, and nothing lost on the way."""

from __future__ import annotations

import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.e2e.gate import gate
from tests.e2e.receiver import TOKEN, Receiver, firing
from tests.real.alertmanager import RealAlertmanager, alertmanager, alertmanager_pair, webhook_config

_ALERT = {"alertname": "Broken", "severity": "critical"}
_APPEND = "import sys; open(sys.argv[1], 'a').write('acted\\n')"
_POLICY = """
policy: act
match: ['alertname = "Broken"']
target: 'thing/{{ labels.instance | default("one") }}'
recheck: 1s
options:
  - name: act
    steps: [{uses: command.run, with: {command: act}}]
"""


def _configure(receiver: Receiver, source: RealAlertmanager | None = None) -> Path:
    done = receiver.folder / "done.txt"
    default = {"url": source.url, "poll": "1s"} if source else {}
    receiver.configure(
        {
            "sources": {"default": default},
            "commands": {"act": {"argv": [sys.executable, "-c", _APPEND, str(done)]}},
            "store": {"sqlite": "data/remediator.db", "busy_timeout": "200ms"},
        },
        act=_POLICY,
    )
    return done


def _config(receiver: Receiver, by: str = "", **more: str) -> dict[str, object]:
    url = f"{by or receiver.url}/webhook/alertmanager"
    return webhook_config(url, authorization=TOKEN, **more)  # type: ignore[arg-type]


def test_a_hundred_posts_at_once_are_one_run(receiver: Receiver) -> None:
    done = _configure(receiver)
    receiver.start()
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda _: receiver.deliver(firing("Broken")), range(100)))
    assert statuses == [200] * 100
    receiver.until(done.exists, "nothing was done")
    receiver.until(lambda: receiver.runs()[0]["state"] == "succeeded", "the run did not end")
    assert len(receiver.runs()) == 1
    assert done.read_text() == "acted\n"


@pytest.mark.real
def test_two_alertmanagers_in_a_cluster_are_one_run(receiver: Receiver, tmp_path: Path) -> None:
    done = _configure(receiver)
    receiver.start()
    # A member that has had its answer tells the other, which then keeps still: so none gets one until both
    # have sent.
    with (
        gate(receiver.url, parties=2) as by,
        alertmanager_pair(tmp_path / "am", _config(receiver, by), peer_timeout="1ms") as pair,
    ):
        for one in pair:
            one.fire(_ALERT)
        metric = 'remediator_deliveries_total{result="accepted",source="default"}'
        receiver.until(lambda: _metric(receiver, metric) >= 2, "the second did not send as well")
    receiver.until(lambda: [run["state"] for run in receiver.runs()] == ["succeeded"], "there is not one run")
    assert done.read_text() == "acted\n"


@pytest.mark.real
def test_a_locked_database_is_503_and_the_retry_is_acted_on_once(receiver: Receiver, tmp_path: Path) -> None:
    done = _configure(receiver)
    receiver.start()
    holder = sqlite3.connect(receiver.database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with alertmanager(tmp_path / "am", _config(receiver)) as am:
        am.fire(_ALERT)
        metric = 'remediator_deliveries_total{result="unavailable",source="default"}'
        receiver.until(lambda: _metric(receiver, metric) >= 2, "Alertmanager did not come again")
        assert not done.exists()
        holder.execute("ROLLBACK")
        holder.close()
        receiver.until(
            lambda: [run["state"] for run in receiver.runs()] == ["succeeded"], "it was not acted on"
        )
    assert done.read_text() == "acted\n"


@pytest.mark.real
def test_what_was_missed_is_found_by_polling_and_what_vanished_is_closed(
    receiver: Receiver, tmp_path: Path
) -> None:
    nobody = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    with alertmanager(tmp_path / "am", nobody) as am:
        am.fire(_ALERT)
        done = _configure(receiver, am)
        receiver.start()
        receiver.until(done.exists, "the poll did not find the alert")
        am.resolve(_ALERT)
        episode = receiver.until(
            lambda: next(
                (one for one in receiver.get("/api/v1/episodes")["items"] if one["closed_at"]), None
            ),
            "what vanished was not closed",
        )
    assert episode["close_reason"] == "vanished"


@pytest.mark.real
def test_a_silenced_alert_is_left_to_people(receiver: Receiver, tmp_path: Path) -> None:
    nobody = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    with alertmanager(tmp_path / "am", nobody) as am:
        am.silence(alertname="Broken")
        am.fire(_ALERT)
        done = _configure(receiver, am)
        receiver.start()
        fingerprint = _fingerprint(am)
        assert receiver.deliver(firing("Broken", fingerprint, severity="critical")) == 200
        decision = receiver.until(
            lambda: next(
                (one for one in receiver.get("/api/v1/decisions")["items"] if one["reason"] == "silenced"),
                None,
            ),
            "it was not blocked as silenced",
        )
    assert decision["outcome"] == "blocked"
    assert not done.exists()


@pytest.mark.real
def test_cut_off_alerts_are_polled_at_once(receiver: Receiver, tmp_path: Path) -> None:
    config = _config(receiver)
    config["receivers"][0]["webhook_configs"][0]["max_alerts"] = 1  # type: ignore[index]
    with alertmanager(tmp_path / "am", config) as am:
        _configure(receiver, am)
        text = receiver.config.read_text().replace("poll: 1s", "poll: 1h")
        receiver.config.write_text(text)
        receiver.start()
        am.fire(*({**_ALERT, "instance": str(number)} for number in range(3)))
        receiver.until(lambda: len(receiver.runs()) == 3, "the cut-off alerts were not found")
    actions = {row["action"] for row in receiver.get("/api/v1/audit", limit=500)["items"]}
    assert "delivery.truncated" in actions


def _fingerprint(am: RealAlertmanager) -> str:
    """Return the fingerprint that Alertmanager gave the one alert it knows."""
    alerts = httpx.get(f"{am.url}/api/v2/alerts").json()
    return str(alerts[0]["fingerprint"])


def _metric(receiver: Receiver, name: str) -> float:
    for line in httpx.get(f"{receiver.url}/metrics").text.splitlines():
        if line.startswith(name):
            return float(line.split()[-1])
    return 0.0
