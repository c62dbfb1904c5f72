"""Starting, reloading and stopping a real server."""

from __future__ import annotations

import sqlite3
import sys

import httpx

from remediator.store.sqlite.store import verify_database
from tests.e2e.receiver import Receiver, firing

_POLICY = """
policy: act
match: ['alertname = "Broken"']
target: thing/one
options:
  - name: act
    steps:
      - {uses: command.run, with: {command: act}}
      - {uses: wait, with: {for: 1h}}
"""


def _configure(receiver: Receiver) -> None:
    argv = [sys.executable, "-c", f"open({str(receiver.folder / 'done.txt')!r}, 'a').write('acted ')"]
    receiver.configure({"commands": {"act": {"argv": argv}}}, act=_POLICY)


def _tamper(receiver: Receiver) -> None:
    connection = sqlite3.connect(receiver.database)
    trigger = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_no_update'").fetchone()[0]
    connection.execute("DROP TRIGGER audit_no_update")
    connection.execute("UPDATE audit SET actor = 'nobody' WHERE sequence = 2")
    connection.execute(trigger)
    connection.commit()
    connection.close()


def test_a_broken_audit_log_is_not_served(receiver: Receiver) -> None:
    _configure(receiver)
    receiver.start()
    receiver.stop()
    _tamper(receiver)
    receiver.start(ready=False)
    assert receiver.await_death() == 2
    last = receiver.log().splitlines()[-1]
    assert "audit log" in last
    assert "row 2 was altered" in last
    assert "--held" in last


def test_held_on_a_broken_audit_log_it_takes_deliveries_and_does_nothing(receiver: Receiver) -> None:
    _configure(receiver)
    receiver.start()
    receiver.stop()
    _tamper(receiver)
    receiver.start(ready=False, options=("--held",))
    receiver.until(lambda: _live(receiver), "it did not start")
    ready = httpx.get(f"{receiver.url}/health/ready")
    assert ready.status_code == 503
    assert "row 2 was altered" in ready.text
    assert receiver.deliver(firing("Broken")) == 200
    decision = receiver.until(lambda: receiver.get("/api/v1/decisions")["items"], "nothing was decided")[0]
    assert (decision["outcome"], decision["reason"]) == ("blocked", "held")
    assert not (receiver.folder / "done.txt").exists()


def test_a_damaged_database_is_not_served(receiver: Receiver) -> None:
    _configure(receiver)
    receiver.database.parent.mkdir()
    receiver.database.write_bytes(b"this is no database" * 500)
    receiver.start(ready=False)
    assert receiver.await_death() == 2
    assert "is damaged" in receiver.log().splitlines()[-1]


def test_two_servers_on_one_database_are_one_too_many(receiver: Receiver) -> None:
    _configure(receiver)
    receiver.start()
    second = receiver.cli("serve", "--config", str(receiver.config), "--port", "0")
    assert second.returncode == 2
    assert "another server has" in second.stderr


def test_a_bad_policy_file_leaves_the_last_good_set_serving(receiver: Receiver) -> None:
    _configure(receiver)
    receiver.start()
    (receiver.folder / "policies" / "act.yaml").write_text(_POLICY.replace("command.run", "comand.run"))
    notes = receiver.until(lambda: _ready(receiver).get("notes"), "the bad file was not noticed")
    assert "comand.run" in str(notes)
    assert httpx.get(f"{receiver.url}/health/ready").status_code == 200
    assert receiver.deliver(firing("Broken")) == 200
    receiver.until((receiver.folder / "done.txt").exists, "the last good set did not serve")
    (receiver.folder / "policies" / "act.yaml").write_text(_POLICY)
    receiver.until(lambda: not _ready(receiver).get("notes"), "the mended file was not noticed")


def test_an_alert_that_fires_already_concerns_a_new_policy(receiver: Receiver) -> None:
    _configure(receiver)
    (receiver.folder / "policies" / "act.yaml").rename(receiver.folder / "act.yaml")
    receiver.start()
    assert receiver.deliver(firing("Broken")) == 200
    (receiver.folder / "act.yaml").rename(receiver.folder / "policies" / "act.yaml")
    receiver.until((receiver.folder / "done.txt").exists, "the new policy did not act")


def test_it_stops_between_steps_and_goes_on_after_the_next_start(receiver: Receiver) -> None:
    _configure(receiver)
    text = receiver.config.read_text().replace("drain_timeout: 5s", "drain_timeout: 1s")
    receiver.config.write_text(text)
    receiver.start()
    receiver.deliver(firing("Broken"))
    done = receiver.folder / "done.txt"
    receiver.until(done.exists, "nothing was done")
    assert receiver.stop() == 0  # while the second step, an hour's wait, is under way
    assert verify_database(receiver.database) is None
    receiver.start()
    run = receiver.runs()[0]
    assert run["state"] == "running"
    assert done.read_text() == "acted "
    audit = receiver.get("/api/v1/audit", limit=500)["items"]
    assert {"server.stopped", "server.started"} <= {row["action"] for row in audit}


def test_the_first_start_makes_a_token_and_shows_it_once(receiver: Receiver) -> None:
    _configure(receiver)
    receiver.config.write_text(receiver.config.read_text().split("tokens:")[0])
    receiver.start()
    token = next(line.strip() for line in receiver.log().splitlines() if line.startswith("    "))
    answer = httpx.get(f"{receiver.url}/api/v1/runs", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    receiver.stop()
    before = receiver.log().count(token)
    receiver.start()
    assert receiver.log().count(token) == before == 1


def _ready(receiver: Receiver) -> dict[str, object]:
    answer: dict[str, object] = httpx.get(f"{receiver.url}/health/ready").json()
    return answer


def _live(receiver: Receiver) -> bool:
    try:
        return httpx.get(f"{receiver.url}/health/live").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
