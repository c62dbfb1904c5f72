"""Escalation clocks of a real server: kept over a kill -9, ended by resolve and by acknowledgement."""

from __future__ import annotations

from typing import Any

from tests.e2e.receiver import Receiver, firing, resolved
from tests.real.notice_receiver import notice_receiver

_POLICY = """
policy: act
match: ['alertname = "Broken"']
target: thing/{{ labels.thing }}
guards: [{time_window: {from: "00:00", to: "00:01", days: mon, timezone: UTC}}]
options:
  - name: act
    steps: [{uses: command.run, with: {command: act}}]
escalate:
  - {after: 1s, to: lead}
  - {after: 5s, to: manager}
"""


def _rows(receiver: Receiver, action: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = receiver.get("/api/v1/audit", action=action, limit=100)["items"]
    return sorted(found, key=lambda row: int(row["sequence"]))


def _told(receiver: Receiver, episode: int) -> list[str]:
    rows = _rows(receiver, "escalation.told")
    return [row["detail"]["to"] for row in rows if row["episode_id"] == episode]


def test_clocks_outlive_a_kill_and_end_with_the_alert_or_an_acknowledgement(receiver: Receiver) -> None:
    with notice_receiver() as phone:
        receiver.env["PHONE_URL"] = phone.url
        receiver.configure(
            {
                "channels": {"phone": ["env:PHONE_URL"]},
                "contacts": {"lead": {"channel": "phone"}, "manager": {"channel": "phone"}},
                "commands": {"act": {"argv": ["/bin/true"]}},
            },
            act=_POLICY,
        )
        receiver.start()
        assert receiver.deliver(firing("Broken", "1", thing="one")) == 200
        receiver.until(lambda: _told(receiver, 1) == ["lead"], "the first was not told")
        receiver.kill()
        receiver.start()
        for name in ("acknowledged", "resolved"):
            assert receiver.deliver(firing("Broken", name, thing=name)) == 200
        assert receiver.post("/api/v1/episodes/2/acknowledge", {"comment": "on it"}).status_code == 200
        assert receiver.deliver(resolved("Broken", "resolved", thing="resolved")) == 200
        # By the time that both are told of a later one, the clocks of the others would have run out as well.
        assert receiver.deliver(firing("Broken", "4", thing="later")) == 200
        receiver.until(lambda: _told(receiver, 4) == ["lead", "manager"], "the clocks do not run")

        assert _told(receiver, 1) == ["lead", "manager"], "each once, before the kill or after it"
        assert _told(receiver, 2) in ([], ["lead"])
        assert _told(receiver, 3) in ([], ["lead"])
        assert [row["episode_id"] for row in _rows(receiver, "episode.acknowledged")] == [2]
        (ended,) = [row for row in _rows(receiver, "escalation.ended") if row["episode_id"] == 3]
        assert ended["detail"]["reason"] == "closed"
        assert "manager" in ended["detail"]["not_told"]
        assert receiver.runs() == [], "all of this, though nothing was allowed to be done"
        sent = receiver.get("/api/v1/notices", state="sent", limit=100)["items"]
        receiver.until(lambda: len(phone.came) >= len(sent), "they did not arrive")
        assert receiver.cli("audit", "verify", "--db", str(receiver.database)).returncode == 0
