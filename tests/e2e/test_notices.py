"""Notices and reports of a real server: to real HTTP receivers, by real apprise, through a kill -9."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import free_port
from tests.e2e.receiver import TOKEN, Receiver, firing, resolved
from tests.real.metrics_target import metrics_target
from tests.real.notice_receiver import NoticeReceiver, notice_receiver
from tests.real.prometheus import prometheus

_POLICY = """
policy: act
owner: team
match: ['alertname = "Broken"']
target: thing/one
options:
  - name: act
    steps: [{uses: command.run, with: {command: act}}]
"""
_WATCHED = (
    _POLICY
    + """
    verify: {promql: 'pms_broken == 0', within: 1m, every: 1s}
diagnose:
  - {fact: broken, uses: prometheus.query, with: {query: pms_broken}}
notify:
  - {channel: incidents, every: 1s}
  - {channel: hotel, audience: stakeholders, language: es}
  - {channel: hotel, audience: stakeholders, language: en, on: [started, resolved]}
  - {channel: dead}
  - {channel: slow}
communication:
  es: {issue: Problema con las reservas, impact: No se puede reservar}
  en: {issue: Trouble with reservations, impact: No reservations}
report: {on: [terminal], metrics: [pms_broken], action_items: [Review the SLA]}
"""
)


@pytest.fixture
def incidents() -> Iterator[NoticeReceiver]:
    with notice_receiver() as made:
        yield made


def _configure(receiver: Receiver, policy: str, channels: dict[str, str], **settings: Any) -> None:
    receiver.env |= {f"{name.upper()}_URL": url for name, url in channels.items()}
    receiver.configure(
        {
            "channels": {name: [f"env:{name.upper()}_URL"] for name in channels},
            "commands": {"act": {"argv": ["/bin/true"]}},
            **settings,
        },
        act=policy,
    )


@pytest.mark.real
def test_people_hear_of_it_from_the_start_to_the_report(
    receiver: Receiver, tmp_path: Path, incidents: NoticeReceiver
) -> None:
    with (
        notice_receiver() as hotel,
        notice_receiver(hangs=True) as slow,
        metrics_target("pms_broken 1\n") as metrics,
        prometheus(tmp_path / "prometheus", targets=[metrics.address]) as source,
    ):
        dead = f"json://127.0.0.1:{free_port()}/dead-secret"
        channels = {"incidents": incidents.url, "hotel": hotel.url, "dead": dead, "slow": slow.url}
        more = {"prometheus": {"url": source.url}, "server": _server(receiver), "reports": "reports"}
        _configure(receiver, _WATCHED, channels, **more)
        receiver.until(lambda: source.query("pms_broken"), "nothing was scraped")
        receiver.start()
        assert receiver.deliver(firing("Broken", severity="critical")) == 200
        receiver.until(
            lambda: [run["state"] for run in receiver.runs()] == ["verifying"], "it was not verified"
        )
        assert slow.hanging.wait(30)
        metrics.text = "pms_broken 0\n"
        _until_state(receiver, "succeeded")
        assert not slow.came, "the run did not wait for the slow channel"
        receiver.until(lambda: _updates(incidents), "nothing was told again")
        assert receiver.deliver(resolved("Broken", severity="critical")) == 200
        receiver.until(lambda: "Broken: resolved (thing/one)" in incidents.titles, "its end was not told")
        receiver.until(lambda: len(hotel.came) >= 4, "the hotel was not told")
        _a_dead_channel_is_seen(receiver)
        written = receiver.until(lambda: _written(receiver), "no report was written")
        again = receiver.cli("report", "1", "--url", receiver.url)
        offline = receiver.cli("report", "1", "--config", str(receiver.config), "--no-metrics")

    titles = incidents.titles
    assert titles[0] == "Broken: remediation of thing/one started"
    assert titles.index("Broken: thing/one remediated") < titles.index("Broken: resolved (thing/one)")
    assert titles[-1] == "Broken: resolved (thing/one)", "nothing is told again once it is over"
    assert f"{receiver.url}/runs/1" in incidents.came[0]["message"]
    _in_both_languages(hotel)
    _a_whole_report(written)
    assert again.returncode == 0
    assert again.stdout.startswith("# Broken on thing/one")
    assert offline.returncode == 0
    assert "## Timeline" in offline.stdout


def _in_both_languages(hotel: NoticeReceiver) -> None:
    bodies = [str(message["message"]) for message in hotel.came]
    assert ["es" if "Impacto: " in text else "en" if "Impact: " in text else text for text in bodies] == [
        "es",
        "en",
        "es",
        "en",
    ]
    for text in bodies:
        assert "command.run" not in text
        assert "thing/one" not in text


def _a_dead_channel_is_seen(receiver: Receiver) -> None:
    channels = {one["name"]: one for one in receiver.get("/api/v1/channels")["items"]}
    assert channels["dead"]["failures"] >= 1
    assert channels["dead"]["retry_at"] is not None
    assert "dead-secret" not in str(channels)
    assert channels["incidents"]["failures"] == 0
    metrics = httpx.get(f"{receiver.url}/metrics", timeout=60).text
    assert 'remediator_notifications_total{channel="dead",result="delayed"}' in metrics
    assert 'remediator_notifications_total{channel="incidents",result="sent"}' in metrics
    page = httpx.get(f"{receiver.url}/", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)
    assert page.status_code == 200
    assert "<bdi>dead</bdi></strong> takes nothing" in page.text
    assert "<bdi>incidents</bdi></strong> takes" not in page.text


def _a_whole_report(path: Path) -> None:
    text = path.read_text()
    for title in ("Summary", "Root cause", "Facts", "Timeline", "Actions", "Communication", "Metrics"):
        assert f"\n## {title}\n" in text, title
    assert "| `broken` | `1.0` |" in text
    assert "As found by the branch that worked: act." in text
    assert "Review the SLA" in text
    # Before it nothing may have been scraped yet; during it 1 was the highest, and 0 came after.
    assert re.search(r"\| `pms_broken` \| `[^`]*` \| [-1] \| [01] \| 1 \| 0 \|", text)
    (plot,) = path.parent.glob("*.svg")
    assert plot.name in text
    assert "<svg" in plot.read_text()


def _written(receiver: Receiver) -> Path | None:
    """Return the report once it tells the end of the alert."""
    for path in (receiver.folder / "reports").glob("act-*-run-1.md"):
        if "the alert is over" in path.read_text():
            return path
    return None


def _updates(incidents: NoticeReceiver) -> bool:
    """Whether it was told again after its success."""
    titles = incidents.titles
    return "Broken: thing/one remediated" in titles and titles[-1] != "Broken: thing/one remediated"


def _server(receiver: Receiver) -> dict[str, Any]:
    here = {"host": "127.0.0.1", "port": receiver.port, "drain_timeout": "5s"}
    return {**here, "public_url": receiver.url}


def _until_state(receiver: Receiver, state: str) -> None:
    receiver.until(lambda: [run["state"] for run in receiver.runs()] == [state], f"it was not {state}")


_TOLD = _POLICY + "notify: {channel: incidents}\n"


def test_what_was_not_sent_before_a_kill_comes_after_it(receiver: Receiver) -> None:
    with notice_receiver(hangs=True) as incidents:
        _configure(receiver, _TOLD, {"incidents": incidents.url})
        receiver.start()
        assert receiver.deliver(firing("Broken")) == 200
        assert incidents.hanging.wait(30)
        _until_state(receiver, "succeeded")
        assert receiver.deliver(resolved("Broken")) == 200
        queued = receiver.get("/api/v1/notices", run=1)["items"]
        receiver.kill()
        assert [notice["state"] for notice in queued] == ["pending"] * 3
        incidents.let_go.set()
        receiver.start()
        receiver.until(
            lambda: {notice["state"] for notice in receiver.get("/api/v1/notices")["items"]} == {"sent"},
            "the rest was not sent",
        )
        # What was on its way may come twice: better than not at all.
        assert list(dict.fromkeys(incidents.titles)) == [
            "Broken: remediation of thing/one started",
            "Broken: thing/one remediated",
            "Broken: resolved (thing/one)",
        ]
        assert receiver.cli("audit", "verify", "--db", str(receiver.database)).returncode == 0
