"""The acknowledgement of the runbooks with a real Alertmanager: a silence that ends when the run does."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.receiver import TOKEN, Receiver
from tests.real.alertmanager import RealAlertmanager, alertmanager, webhook_config

_ALERT = {"alertname": "Broken", "severity": "critical"}
_POLICY = """
policy: act
match: ['alertname = "Broken"']
target: thing/one
options:
  - name: act
    steps:
      - uses: alertmanager.silence
        with: {source: default, fingerprint: "{{ episode.fingerprint }}", for: 2h, comment: looked after}
      - {uses: command.run, with: {command: act}}
"""


@pytest.mark.real
@pytest.mark.parametrize(("command", "end"), [("true", "succeeded"), ("false", "failed")])
def test_the_silence_of_a_run_ends_with_the_run(
    receiver: Receiver, tmp_path: Path, command: str, end: str
) -> None:
    config = webhook_config(f"{receiver.url}/webhook/alertmanager", authorization=TOKEN)
    with alertmanager(tmp_path / "am", config) as source:
        receiver.configure(
            {
                "sources": {"default": {"url": source.url, "poll": "1s"}},
                "commands": {"act": {"argv": [f"/bin/{command}"]}},
            },
            act=_POLICY,
        )
        receiver.start()
        source.fire(_ALERT)
        receiver.until(lambda: len(receiver.runs()) == 2, "nothing was undone")
        receiver.until(
            lambda: [run["state"] for run in receiver.runs()] == [end, "reverted"], "the runs did not end"
        )
        revert = receiver.runs()[1]
        (silence,) = _silences(source)
        (episode,) = receiver.get("/api/v1/episodes")["items"]
        audited = receiver.get("/api/v1/audit", limit=500)["items"]

    assert silence["status"]["state"] == "expired"
    assert "run 1" in silence["comment"]
    assert _when(silence["endsAt"]) - _when(silence["startsAt"]) < timedelta(minutes=1)
    assert revert["revert_trigger"] == "run_ended"
    assert episode["closed_at"] is None, "the alert itself goes on"
    actions = [row["action"] for row in reversed(audited) if row["run_id"] == 1]
    assert actions.index("lease.opened") < actions.index("step.result")
    assert receiver.cli("audit", "verify", "--db", str(receiver.database)).returncode == 0


def _silences(source: RealAlertmanager) -> list[dict[str, Any]]:
    answer = httpx.get(f"{source.url}/api/v2/silences", trust_env=False)
    found: list[dict[str, Any]] = answer.raise_for_status().json()
    return found


def _when(text: str) -> datetime:
    return datetime.fromisoformat(text)
