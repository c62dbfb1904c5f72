"""`remediator drill --shadow`, against a server that would act on the real thing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.receiver import TOKEN, Receiver, firing

_POLICY = """
policy: {name}
match: ['alertname = "DatabaseDown"', 'severity = "critical"']
target: 'database/{{{{ labels.service }}}}'
recheck: 1s
settle: 1s
options:
  - name: act
    steps: [{{uses: command.run, with: {{command: act}}}}]
"""


def _drill(receiver: Receiver, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "remediator", "drill", "database-down", "--shadow", "--url"]
    env = os.environ | {"REMEDIATOR_TOKEN": TOKEN}
    return subprocess.run(
        [*command, receiver.url, *arguments], capture_output=True, text=True, timeout=600, env=env
    )


def _start(receiver: Receiver, name: str) -> Path:
    done = receiver.folder / "done.txt"
    touch = [sys.executable, "-c", "import sys; open(sys.argv[1], 'w').close()", str(done)]
    receiver.configure({"commands": {"act": {"argv": touch}}}, policy=_POLICY.format(name=name))
    receiver.start()
    return done


def test_it_says_what_would_be_done_and_nothing_is(receiver: Receiver) -> None:
    done = _start(receiver, "database-down")
    told = _drill(receiver, "--json")
    assert told.returncode == 0, told.stderr
    decision = json.loads(told.stdout)["decision"]
    assert (decision["outcome"], decision["option"]) == ("shadow", "act")
    assert "option act" in _drill(receiver).stdout
    assert receiver.runs() == []
    assert not done.exists()
    assert {one["closed_at"] is None for one in receiver.get("/api/v1/episodes")["items"]} == {False}
    # The same alert, and no exercise: so it was the label that held it back.
    assert receiver.deliver(firing("DatabaseDown", severity="critical", service="postgres")) == 200
    receiver.until(done.exists, "the real alert was not acted on")


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_server_without_the_policy_fails_the_drill(receiver: Receiver, arguments: tuple[str, ...]) -> None:
    _start(receiver, "another-name")
    told = _drill(receiver, "--within", "2", *arguments)
    assert told.returncode == 1
    assert "database-down did not decide" in told.stderr
