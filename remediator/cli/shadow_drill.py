"""`remediator drill NAME --shadow`: an exercise alert for a server of yours; it decides, and does nothing.

Whatever carries the label `drill="true"` is decided as shadow, whatever the mode.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from remediator.cli.api_error import ApiError
from remediator.cli.client import ApiClient
from remediator.cli.output import ExitCode, complain, print_json, print_line, say
from remediator.cli.plans import print_plan
from remediator.content_hash import content_hash
from remediator.demo.drills.scenarios import Scenario
from remediator.labels import ALERTNAME

_LOOK_EVERY_SECONDS = 0.5
# Blocked only for the time being: something else follows by itself.
_PASSING = frozenset({"hold_pending", "settling"})
_DECIDED = frozenset({"shadow", "blocked", "awaiting_approval", "run", "joined"})


def drill_in_shadow(scenario: Scenario, api: ApiClient, within: timedelta, *, as_json: bool) -> int:
    """Post the scenario's alert as an exercise, wait for the decision, resolve the alert, show it all.

    Returns the exit code: 0 when the policy would have acted or asked, 1 when it would not.
    """
    posted_at = datetime.now(UTC)
    alert = _alert(scenario, posted_at)
    fingerprint = alert["fingerprint"]
    api.post("/webhook/alertmanager", _payload(alert, "firing"))
    try:
        decision = _await_decision(api, scenario, fingerprint, within)
    finally:
        over = {**alert, "status": "resolved", "endsAt": datetime.now(UTC).isoformat()}
        api.post("/webhook/alertmanager", _payload(over, "resolved"))
    if decision is None:
        complain(
            f"{scenario.policy} did not decide within {within.total_seconds():g} s; does it serve there?"
        )
        return ExitCode.WRONG
    decided_at = datetime.fromisoformat(decision["at"])
    seconds = (decided_at - posted_at).total_seconds()
    if as_json:
        print_json({"drill": scenario.name, "seconds_to_decide": seconds, "decision": decision})
    else:
        _show(scenario, decision, seconds)
    return ExitCode.FINE if decision["outcome"] == "shadow" and decision["option"] else ExitCode.WRONG


def _alert(scenario: Scenario, now: datetime) -> dict[str, Any]:
    labels = {ALERTNAME: scenario.alertname, **scenario.labels, "drill": "true"}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": f"Exercise: {scenario.title}. Nothing is wrong."},
        "startsAt": now.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        # Each exercise is an episode of its own.
        "fingerprint": content_hash({"drill": scenario.name, "at": now.isoformat()})[:16],
    }


def _payload(alert: Mapping[str, Any], status: str) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": "drill",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "drill",
        "groupLabels": {},
        "commonLabels": alert["labels"],
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": [alert],
    }


def _await_decision(
    api: ApiClient, scenario: Scenario, fingerprint: str, within: timedelta
) -> dict[str, Any] | None:
    until = time.monotonic() + within.total_seconds()
    episodes = api.get("/api/v1/episodes", fingerprint=fingerprint)["items"]
    if not episodes:
        raise ApiError("the server took the alert, and has no episode of it")
    while time.monotonic() < until:
        decisions = api.get("/api/v1/decisions", episode_id=episodes[0]["id"], policy=scenario.policy)
        for decision in decisions["items"]:
            settled = decision["outcome"] in _DECIDED and decision["reason"] not in _PASSING
            if settled and decision["phase"] != "admission":
                found: dict[str, Any] = api.get(f"/api/v1/decisions/{decision['id']}")
                return found
        time.sleep(_LOOK_EVERY_SECONDS)
    return None


def _show(scenario: Scenario, decision: Mapping[str, Any], seconds: float) -> None:
    say(f"Drill {scenario.name} in shadow: {scenario.title}", style="bold")
    why = f", {decision['reason']}: {decision['detail']}" if decision["reason"] else ""
    say(f"{scenario.policy} decided after {seconds:.1f} s: {decision['detail'] or decision['outcome']}{why}")
    for verdict in decision["verdicts"] or ():
        mark = "-" if verdict["kind"] == "deny" else "+"
        print_line(f"{mark} {verdict['guard']}: {verdict['detail']}", indent=2)
    if decision.get("plan"):
        print_plan(decision["plan"])
    say("Nothing was done, and the exercise's alert is resolved.")
