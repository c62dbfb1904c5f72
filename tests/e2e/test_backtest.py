"""What a real Prometheus and Alertmanager brought about, replayed: it is decided as the receiver did."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.receiver import TOKEN, Receiver
from tests.real.alertmanager import alertmanager, webhook_config
from tests.real.metrics_target import MetricsTarget, metrics_target
from tests.real.prometheus import prometheus

_ALERTS = ("Runs", "Guarded", "Brief", "Unmatched", "Twice")
_RULES = "groups:\n- name: test\n  rules:\n" + "\n".join(
    f"  - alert: {name}\n    expr: {name.lower()} == 1\n    labels: {{severity: critical}}"
    for name in _ALERTS
)
# Runs take so long that what follows can be told apart in the past, where a look is 2 s late at worst.
_POLICY = """
policy: {name}
match: ['alertname = "{alert}"']
target: '{alert}/{{{{ labels.instance }}}}'
recheck: 1s
guards: [{guards}]
options:
  - {{name: pause, steps: [{{uses: wait, with: {{for: 5s}}}}]}}
"""
_POLICIES = {
    "runs": _POLICY.format(name="runs", alert="Runs", guards="{cooldown: {for: 10m}}"),
    "guarded": _POLICY.format(name="guarded", alert="Guarded", guards="{promql: {query: 'allowed == 1'}}"),
    "brief": _POLICY.format(name="brief", alert="Brief", guards="{promql: {query: 'never == 1'}}"),
    "twice": _POLICY.format(name="twice", alert="Twice", guards="{cooldown: {for: 10m, scope: policy}}"),
}

_STEP = timedelta(seconds=1)

Paths = dict[tuple[int, str], list[tuple[str, str | None, str | None]]]


@contextmanager
def _world(receiver: Receiver, folder: Path) -> Iterator[MetricsTarget]:
    webhook = webhook_config(f"{receiver.url}/webhook/alertmanager", authorization=TOKEN)
    with (
        metrics_target() as target,
        alertmanager(folder / "am", webhook) as am,
        prometheus(
            folder / "prom", targets=[target.address], rules=_RULES, alertmanagers=[am.address]
        ) as prom,
    ):
        receiver.configure(
            {"sources": {"default": {"url": am.url, "poll": "2s"}}, "prometheus": {"url": prom.url}},
            **_POLICIES,
        )
        receiver.start()
        yield target


def _show(target: MetricsTarget, values: dict[str, int]) -> None:
    """Show all of them in one go: a scrape may come at any moment."""
    target.text = "".join(f"{name} {value}\n" for name, value in values.items())


def _decided(
    receiver: Receiver, policy: str, outcome: str, reason: str | None, times: int = 1
) -> Callable[[], bool]:
    def look() -> bool:
        decisions = receiver.get("/api/v1/decisions", policy=policy, limit=500)["items"]
        return sum((one["outcome"], one["reason"]) == (outcome, reason) for one in decisions) >= times

    return look


def _live_through(receiver: Receiver, target: MetricsTarget) -> None:
    """One alert runs, one is blocked and let go, one is blocked and over, one fits nobody, one cools down."""
    shown = {"runs": 1, "guarded": 1, "brief": 1, "unmatched": 1, 'twice{n="a"}': 1, "allowed": 0, "never": 0}
    _show(target, shown)
    receiver.until(_decided(receiver, "guarded", "blocked", "precondition"), "it was not blocked")
    receiver.until(_decided(receiver, "brief", "blocked", "precondition"), "it was not blocked")
    receiver.until(_succeeded(receiver, {"runs", "twice"}), "they did not run")
    shown |= {"allowed": 1, 'twice{n="b"}': 1}
    _show(target, shown)
    receiver.until(_succeeded(receiver, {"runs", "twice", "guarded"}), "it was not let go")
    receiver.until(_decided(receiver, "twice", "blocked", "cooldown"), "it did not cool down")
    _show(target, shown | {"brief": 0})
    receiver.until(
        lambda: any(
            episode["closed_at"] for episode in receiver.get("/api/v1/episodes", alertname="Brief")["items"]
        ),
        "it was not resolved",
    )


def _succeeded(receiver: Receiver, policies: set[str]) -> Callable[[], bool]:
    return lambda: {run["policy"] for run in receiver.runs() if run["state"] == "succeeded"} >= policies


def _decided_live(receiver: Receiver) -> Paths:
    paths: Paths = {}
    decisions = receiver.get("/api/v1/decisions", limit=500)["items"]
    for one in sorted(decisions, key=lambda decision: int(decision["id"])):
        if one["policy"] is None:
            continue
        path = paths.setdefault((int(one["episode_id"]), one["policy"]), [])
        said = (one["outcome"], one["reason"], one["option"])
        if not path or path[-1] != said:
            path.append(said)
    return paths


def _decided_again(report: dict[str, Any]) -> Paths:
    return {
        (int(episode["episode_id"]), policy["policy"]): [
            (one["outcome"], one["reason"], one["option"]) for one in policy["decisions"]
        ]
        for episode in report["episodes"]
        for policy in episode["policies"]
    }


def _backtest(receiver: Receiver, *options: str) -> dict[str, Any]:
    done = receiver.cli("backtest", *options, "--config", str(receiver.config), "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _compare_with_prometheus(receiver: Receiver, audit: dict[str, Any]) -> None:
    """From Prometheus alone: the same alerts, no later than its points lie apart, and why they may differ."""
    report = _backtest(receiver, "--from", "prometheus", "--since", "5m", "--step", "1s")
    live = {one["fingerprint"]: one for one in audit["episodes"]}
    seen = {one["fingerprint"]: one for one in report["episodes"]}
    assert seen.keys() == live.keys()
    for fingerprint, episode in seen.items():
        assert _said(episode) == _said(live[fingerprint])
        # What fires between two points of the grid is seen at the later one.
        assert _opened_at(episode) <= _opened_at(live[fingerprint]) + _STEP
    assert report["answers"]["counts"]["prometheus"] > 0
    assert "assumed" not in report["answers"]["counts"]
    told = " ".join(report["input"]["differs"])
    for reason in ("external labels", "annotations", "groups", "Silences", "`for`", "every 1s"):
        assert reason in told


def _opened_at(episode: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(episode["opened_at"])


def _said(episode: dict[str, Any]) -> list[Any]:
    return [
        (policy["policy"], [(one["outcome"], one["reason"]) for one in policy["decisions"]])
        for policy in episode["policies"]
    ]


@pytest.mark.real
def test_a_backtest_of_the_audit_says_what_the_receiver_decided(receiver: Receiver, tmp_path: Path) -> None:
    with _world(receiver, tmp_path) as target:
        _live_through(receiver, target)
        # The server goes on meanwhile.
        report = _backtest(receiver, "--from", "audit")
        live = _decided_live(receiver)
        assert _decided_again(report) == live
        assert {policy for _, policy in live} == set(_POLICIES)
        assert [one["alertname"] for one in report["unmatched"]] == ["Unmatched"]
        assert report["answers"]["counts"]["recorded"] > 0
        assert "assumed" not in report["answers"]["counts"]
        _compare_with_prometheus(receiver, report)
        again = _backtest(receiver, "--from", "audit", "--against", str(receiver.folder / "policies"))
        assert again["difference"]["changed"] == 0
