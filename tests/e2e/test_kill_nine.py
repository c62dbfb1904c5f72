"""kill -9 between each pair of steps of a real server, then a restart: nothing lost, nothing twice."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import httpx
import pytest

from remediator.store.sqlite.store import verify_database
from tests.e2e.receiver import Receiver, firing, resolved

# Each step appends a line: what was done, and how often, is there to be read.
_APPEND = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"
_POLICY = """
policy: job
match: ['alertname = "Broken"']
target: job/one
options:
  - name: only
    steps:
      - {uses: command.run, with: {command: one}}
      - {uses: command.run, with: {command: two}}
      - {uses: command.run, with: {command: three}}
    verify: {uses: command.run, with: {command: look}, within: 10s, every: 1s}
    revert:
      after: 1h
      steps: [{uses: command.run, with: {command: back}}]
"""
_STEPS = ("one", "two", "three")
_CASES = [
    "ingest.committed:1",
    "run.created:1",
    "run.started:1",
    *(f"step.intent.committed:{nth}" for nth in (1, 2, 3)),
    *(f"step.acted:{nth}" for nth in (1, 2, 3)),
    *(f"step.result.committed:{nth}" for nth in (1, 2, 3)),
    "verification.done:1",
]


def _configure(receiver: Receiver, *, idempotent: bool) -> Path:
    done = receiver.folder / "done.txt"
    commands = {
        name: {"argv": [sys.executable, "-c", _APPEND, str(done), name], "idempotent": idempotent}
        for name in (*_STEPS, "back")
    }
    look = {"argv": [sys.executable, "-c", ""], "read_only": True}
    receiver.configure({"commands": {**commands, "look": look}}, job=_POLICY)
    return done


@pytest.mark.parametrize("failpoint", _CASES)
def test_killed_anywhere_it_loses_nothing_and_repeats_nothing(receiver: Receiver, failpoint: str) -> None:
    done = _configure(receiver, idempotent=False)
    receiver.start(failpoint=failpoint)
    with contextlib.suppress(httpx.HTTPError):  # killed before it answered
        receiver.deliver(firing("Broken"))
    assert receiver.await_death() == -9
    receiver.start()
    run = receiver.until(
        lambda: next((run for run in receiver.runs() if run["state"] in ("succeeded", "needs_human")), None),
        "the run did not end",
    )
    lines = done.read_text().split() if done.exists() else []
    assert len(lines) == len(set(lines)), "a step that is not idempotent was made twice"
    if run["state"] == "succeeded":
        assert lines == list(_STEPS)
    else:
        # Nobody can know whether a command that was cut off had its effect.
        assert failpoint.startswith(("step.intent", "step.acted"))
        assert run["reason"] == "step_ambiguous"
    assert verify_database(receiver.database) is None


@pytest.mark.parametrize("failpoint", ["step.intent.committed:2", "step.acted:2"])
def test_an_idempotent_step_is_simply_made_again(receiver: Receiver, failpoint: str) -> None:
    done = _configure(receiver, idempotent=True)
    receiver.start(failpoint=failpoint)
    receiver.deliver(firing("Broken"))
    assert receiver.await_death() == -9
    receiver.start()
    receiver.until(lambda: receiver.runs()[0]["state"] == "succeeded", "the run did not succeed")
    assert set(done.read_text().split()) == set(_STEPS)


def test_a_revert_goes_on_after_a_kill(receiver: Receiver) -> None:
    done = _configure(receiver, idempotent=False)
    receiver.start(failpoint="revert.created")
    receiver.deliver(firing("Broken"))
    receiver.until(
        lambda: receiver.runs() and receiver.runs()[0]["state"] == "succeeded", "it did not succeed"
    )
    with contextlib.suppress(httpx.HTTPError):  # killed before it answered
        receiver.deliver(resolved("Broken"))
    assert receiver.await_death() == -9
    receiver.start()
    receiver.until(lambda: receiver.runs()[-1]["state"] == "reverted", "it was not reverted")
    assert done.read_text().split() == [*_STEPS, "back"]
    assert receiver.runs()[0]["lease"] == "undone"
