"""What `explain --live` says is what the receiver then decides, and saying it does nothing.

All parts are real: Prometheus, Alertmanager, a service that keeps what it is asked, a receiver.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from remediator.authoring.alert_forms import fingerprint
from tests.e2e.conftest import free_port
from tests.e2e.receiver import Receiver, firing, resolved
from tests.real.alertmanager import RealAlertmanager, alertmanager, webhook_config
from tests.real.prometheus import prometheus
from tests.real.service import RealService, service

pytestmark = pytest.mark.real

SECRET = "a-secret-that-nobody-may-see"
_POLICY = """
policy: {name}
match: ['alertname = "{name}"']
target: '{{{{ labels.on | default("{name}") }}}}'
recheck: 1h
{more}
diagnose:
  - {{fact: up, uses: http.probe, with: {{service: there, path: /health, expect: {{status: 200}}}}}}
  - {{fact: one, uses: prometheus.query, with: {{query: 'vector(1)'}}}}
options:
  - name: down
    when: not facts.up
    steps: [{{uses: http.request, with: {{service: there, method: POST, path: /down}}}}]
    verify: {{promql: 'vector(1)'}}
  - name: act
    when: facts.one == 1
    steps:
      - uses: http.request
        with: {{service: there, method: POST, path: '/act/{{{{ labels.alertname }}}}'}}
    verify: {{promql: 'vector(1)', within: 5s, every: 1s}}
{option}
"""
_HELD = "guards: [{promql: {query: 'vector(1) > 0'}}, {cooldown: {for: 1h}}]"
POLICIES = {
    "runs": (_HELD, ""),
    "shadowed": (f"mode: shadow\n{_HELD}", ""),
    "switched-off": ("mode: 'off'", ""),
    "not-confirmed": ("guards: [{promql: {query: 'vector(time()) < 1'}}]", ""),
    "not-yet-held": ("guards: [{promql: {query: 'vector(1) > 0', hold: 1h}}]", ""),
    "cannot-be-asked": (
        """guards: [{promql: {query: 'label_replace(vector(1), "1x", "", "", "")'}}]""",
        "",
    ),
    "other-fires": ("guards: [{not_firing: {alerts: [Cause]}}]", ""),
    "silenced": ("", ""),
    "settles": ("settle: 1h", ""),
    "asks": ("guards: [{approval: {from: [oncall]}}]", ""),
    "asks-for-option": ("", "    approval: {from: [oncall], expires: 10m}"),
    "no-label": ("guards: [{promql: {query: 'up{job=\"{{ labels.nowhere }}\"}'}}]", ""),
}


@dataclass(frozen=True)
class Site:
    receiver: Receiver
    service: RealService

    def explain(self, payload: Any, *options: str) -> dict[str, Any]:
        """Explain a payload live, as a person would; returns what the policy of its name says."""
        name = payload["alerts"][0]["labels"]["alertname"]
        path = self.receiver.folder / "payload.json"
        path.write_text(json.dumps(payload))
        ended = self.receiver.cli("explain", str(path), "--live", "--json", *options)
        assert ended.returncode == 0, ended.stderr
        assert SECRET not in ended.stdout + ended.stderr
        policies = json.loads(ended.stdout)["alerts"][0]["policies"]
        said: dict[str, Any] = next(policy for policy in policies if policy["policy"] == name)
        return said

    def decided(self, name: str, after: int = 0) -> dict[str, Any]:
        """Deliver nothing; return what the receiver decided of a policy after its first pass."""
        decided: dict[str, Any] = self.receiver.until(
            lambda: next((one for one in self._decisions(name) if one["id"] > after), None),
            "nothing was decided",
        )
        return decided

    def newest(self, name: str) -> int:
        return max((one["id"] for one in self._decisions(name)), default=0)

    def _decisions(self, name: str) -> list[dict[str, Any]]:
        items = self.receiver.get("/api/v1/decisions", policy=name, limit=100)["items"]
        return sorted((one for one in items if one["outcome"] != "planned"), key=lambda one: one["id"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("explain")
    receiver = Receiver(folder, free_port())
    with (
        service() as there,
        prometheus(folder / "prometheus") as prom,
        alertmanager(folder / "alertmanager", webhook_config("http://127.0.0.1:9/nowhere")) as am,
    ):
        receiver.env["THERE_TOKEN"] = SECRET
        receiver.configure(
            {
                "sources": {"default": {"url": am.url, "poll": "1h"}},
                "prometheus": {"url": prom.url},
                "services": {"there": {"url": there.url, "auth": {"bearer": "env:THERE_TOKEN"}}},
            },
            **{
                name: _POLICY.format(name=name, more=more, option=option)
                for name, (more, option) in POLICIES.items()
            },
        )
        # Before the server first asks: what it knows of Alertmanager may be as old as a tick.
        am.fire({"alertname": "Cause"})
        silence(am, receiver, "silenced")
        receiver.start()
        yield Site(receiver, there)
        assert receiver.stop() == 0


def alert(name: str, **labels: str) -> dict[str, Any]:
    """A delivery of an alert with the fingerprint that Alertmanager gives it."""
    return firing(name, fingerprint({"alertname": name, **labels}), **labels)


SAME = ("outcome", "reason", "option", "plan_hash", "target")


def same(decision: dict[str, Any]) -> dict[str, Any]:
    kinds = {verdict["key"]: (verdict["kind"], verdict["reason"]) for verdict in decision["verdicts"]}
    return {name: decision[name] for name in SAME} | {"verdicts": kinds}


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("runs", "run", None),
        ("shadowed", "shadow", None),
        ("switched-off", "blocked", "policy_off"),
        ("not-confirmed", "blocked", "precondition"),
        ("not-yet-held", "blocked", "hold_pending"),
        ("cannot-be-asked", "blocked", "guard_error"),
        ("other-fires", "blocked", "other_alert_firing"),
        ("silenced", "blocked", "silenced"),
        ("settles", "blocked", "settling"),
        ("asks", "awaiting_approval", None),
        ("asks-for-option", "awaiting_approval", None),
        ("no-label", "blocked", "template_error"),
    ],
)
def test_it_says_what_the_receiver_then_decides(
    site: Site, name: str, outcome: str, reason: str | None
) -> None:
    sent = alert(name)
    said = site.explain(sent)
    # The run that the first case starts acts meanwhile.
    assert {path for _, path in site.service.acted_on} <= {"/act/runs"}, "explaining acted"
    assert name != "runs" or not site.service.acted_on
    assert site.newest(name) == 0, "explaining left a decision"
    assert (said["outcome"], said["reason"]) == (outcome, reason)
    assert site.receiver.deliver(sent) == 200
    decided = site.decided(name)
    if decided["phase"] == "admission":
        # The receiver has not asked yet what explain shows beside.
        decided["verdicts"] = said["verdicts"]
    assert same(said) == same(decided)


def silence(am: RealAlertmanager, receiver: Receiver, name: str) -> None:
    """Silence an alert, and wait until the silence has reached it."""
    am.silence(alertname=name)
    am.fire({"alertname": name})

    def silenced() -> bool:
        listed = httpx.get(f"{am.url}/api/v2/alerts", trust_env=False).json()
        return any(one["status"]["silencedBy"] for one in listed if one["labels"]["alertname"] == name)

    receiver.until(silenced, "it was not silenced")


def test_history_holds_what_comes_again(site: Site) -> None:
    """A cooldown, a run to join, a hold: all from the database that the server has open."""
    again = alert("runs", n="2")
    site.receiver.until(
        lambda: any(run["state"] == "succeeded" for run in site.receiver.runs()), "the first did not end"
    )
    assert [one for one in site.service.acted_on if one == ("POST", "/act/runs")] == [("POST", "/act/runs")]
    cooling = site.explain(again)
    assert (cooling["outcome"], cooling["reason"]) == ("blocked", "cooldown")
    after = site.newest("runs")
    assert site.receiver.deliver(again) == 200
    assert same(site.decided("runs", after))["reason"] == "cooldown"
    later = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    new = alert("runs", n="3")
    assert site.explain(new, "--at", later)["outcome"] == "run"

    joining = alert("asks", n="2")
    said = site.explain(joining)
    assert said["outcome"] == "joined"
    after = site.newest("asks")
    assert site.receiver.deliver(joining) == 200
    decided = site.decided("asks", after)
    assert (decided["outcome"], decided["run_id"]) == ("joined", said["run_id"])

    assert site.receiver.post("/api/v1/holds", {"scope": "all", "reason": "test"}).is_success
    held = site.explain(alert("shadowed", n="2"))
    assert (held["outcome"], held["reason"]) == ("blocked", "held")


def test_what_was_decided_is_not_decided_again(site: Site) -> None:
    said = site.explain(alert("runs"))
    assert said["decided_before"]
    assert (said["outcome"], said["run_id"]) == ("run", 1)
    over = resolved("runs", fingerprint({"alertname": "runs"}))
    assert "outcome" not in site.explain(over)


def test_nothing_is_written_and_no_server_is_needed(site: Site) -> None:
    """Comes last: it stops the server."""
    assert site.receiver.stop() == 0
    data = site.receiver.database.parent
    before = {path.name: digest(path) for path in data.iterdir()}
    said = site.explain(alert("shadowed", n="3"))
    assert said["reason"] == "held"  # so it was read
    assert {path.name: digest(path) for path in data.iterdir()} == before


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
