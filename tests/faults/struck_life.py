"""The life of a real server, from alert to revert, that SIGKILL may cut anywhere."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from remediator.authoring.reference import PROJECT
from remediator.store.sqlite.store import verify_database
from tests.e2e.receiver import Receiver, firing, resolved
from tests.faults.struck import REACHED, STRIKE

# Each step appends a line: what was done, and how often, is there to be read.
_APPEND = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')"
_POLICY = """
policy: job
match: ['alertname = "Broken"']
target: job/one
options:
  - name: first
    steps: [{uses: command.run, with: {command: one}}]
    verify: {uses: command.run, with: {command: refuse}, within: 1s, every: 1s}
  - name: second
    steps:
      - {uses: command.run, with: {command: two}}
      - {uses: command.run, with: {command: three}}
    verify: {uses: command.run, with: {command: look}, within: 10s, every: 1s}
    revert:
      after: 1h
      steps: [{uses: command.run, with: {command: back}}]
"""
_HANDED_OVER = frozenset({"needs_human", "revert_failed"})
_PATIENCE_SECONDS = 120.0
WHOLE = ["one", "two", "three", "back"]


class StruckLife:
    """One server on one folder, killed once and started again."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._runs: list[dict[str, Any]] = []
        self._done = receiver.folder / "done.txt"
        self._reached = receiver.folder / "reached.txt"
        receiver.program = ("-m", "tests.faults.struck")
        receiver.env |= {"PYTHONPATH": str(PROJECT), REACHED: str(self._reached)}
        commands: dict[str, Any] = {
            name: {"argv": [sys.executable, "-S", "-c", _APPEND, str(self._done), name]} for name in WHOLE
        }
        look = {"argv": ["true"], "read_only": True}
        receiver.configure(
            {"commands": {**commands, "look": look, "refuse": {**look, "argv": ["false"]}}}, job=_POLICY
        )

    def live(self, place: str = "") -> None:
        """Live it to its end, killed at `place` if it is named."""
        self._receiver.env[STRIKE] = place
        self._receiver.start(ready=False)
        self._tell(firing("Broken"))
        self._until(lambda: self._states()[:1] in (["succeeded"], ["needs_human"]), "the run did not end")
        self._tell(resolved("Broken"))
        self._until(self._rests, "it was not reverted")
        self._receiver.stop()

    def boundaries(self) -> list[str]:
        """Return every boundary that was reached."""
        return self._reached.read_text().split()

    def violations(self, place: str) -> Iterator[str]:
        """Tell what was promised and does not hold, once it has ended."""
        lines = self._done.read_text().split() if self._done.exists() else []
        if len(lines) != len(set(lines)):
            yield f"{place}: a step that is not idempotent was made twice: {lines}"
        handed_over = [run for run in self._runs if run["state"] in _HANDED_OVER]
        # Nobody can know whether a command that was cut off had its effect.
        if any(run["reason"] != "step_ambiguous" for run in handed_over):
            yield f"{place}: handed over for no good reason: {handed_over}"
        if not handed_over and lines != WHOLE:
            yield f"{place}: {lines} was done instead of {WHOLE}"
        fault = verify_database(self._receiver.database)
        if fault is not None:
            yield f"{place}: {fault.what}"

    def _tell(self, payload: Any) -> None:
        """Post as Alertmanager does: again and again until it is taken in."""
        self._until(lambda: self._receiver.deliver(payload) == httpx.codes.OK, "it was not taken in")

    def _states(self) -> list[str]:
        self._runs = self._receiver.runs()
        return [str(run["state"]) for run in self._runs]

    def _rests(self) -> bool:
        states = self._states()
        return not _HANDED_OVER.isdisjoint(states) or states[-1] == "reverted"

    def _until(self, condition: Callable[[], bool], why: str) -> None:
        ends_at = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < ends_at:
            try:
                if condition():
                    return
            except httpx.HTTPError:
                self._start_again_if_killed()
            time.sleep(0.05)  # a poll of another process, which has no event to wait for
        raise AssertionError(f"{why}: {self._receiver.log()[-3000:]}")

    def _start_again_if_killed(self) -> None:
        process = self._receiver.process
        if process is not None and process.poll() is not None:
            assert process.returncode == -signal.SIGKILL, self._receiver.log()[-3000:]
            self._receiver.env[STRIKE] = ""
            self._receiver.start(ready=False)
