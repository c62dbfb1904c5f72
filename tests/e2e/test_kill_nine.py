"""kill -9 of a real server at boundaries of its life, then a restart: nothing lost, nothing twice.

`tests/faults/` tries every boundary within one process, and `make torture` every one of a real server.
"""

from __future__ import annotations

import sys

import pytest

from tests.e2e.receiver import Receiver, firing
from tests.faults.struck_life import StruckLife

# Around an answer, after an effect of the second option, among the commits.
_PLACES = ["answer.before:1", "answer.after:1", "attempt.after:4", "commit.after:14"]
# Each time it is made, the step appends a line.
_APPEND = "import sys; open(sys.argv[1], 'a').write('done\\n')"
_REPEATABLE = """
policy: job
match: ['alertname = "Broken"']
target: job/one
options:
  - {name: only, steps: [{uses: command.run, with: {command: one}}]}
"""


@pytest.mark.parametrize("place", _PLACES)
def test_killed_anywhere_it_loses_nothing_and_repeats_nothing(receiver: Receiver, place: str) -> None:
    life = StruckLife(receiver)
    life.live(place)
    assert place in life.boundaries()
    assert list(life.violations(place)) == []


def test_an_idempotent_step_is_simply_made_again(receiver: Receiver) -> None:
    done = receiver.folder / "done.txt"
    command = {"argv": [sys.executable, "-c", _APPEND, str(done)], "idempotent": True}
    receiver.configure({"commands": {"one": command}}, job=_REPEATABLE)
    receiver.start(failpoint="step.acted:1")
    receiver.deliver(firing("Broken"))
    assert receiver.await_death() == -9
    receiver.start()
    receiver.until(lambda: receiver.runs()[0]["state"] == "succeeded", "the run did not succeed")
    assert done.read_text().split() == ["done", "done"]
