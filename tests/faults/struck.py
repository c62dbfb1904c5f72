"""A real remediator that is killed, as by a power cut, at one boundary of its life.

`python -m tests.faults.struck serve ...` is `python -m remediator serve ...`, with two variables:
REMEDIATOR_STRIKE=commit.after:17 kills it the 17th time it has committed, and REMEDIATOR_REACHED names a
file that gets a line for each boundary.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter

from remediator.__main__ import main
from tests.faults.boundaries import watched

STRIKE, REACHED = "REMEDIATOR_STRIKE", "REMEDIATOR_REACHED"


class Striker:
    """Counts boundaries, and kills the process at the one that was chosen."""

    def __init__(self, strike: str, reached: str) -> None:
        self._strike = strike
        self._counted: Counter[str] = Counter()
        self._one = threading.Lock()
        self._file = os.open(reached, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if reached else None

    def reached(self, kind: str) -> None:
        """Note a boundary."""
        with self._one:
            self._counted[kind] += 1
            place = f"{kind}:{self._counted[kind]}"
            if self._file is not None:
                os.write(self._file, f"{place}\n".encode())
            if place == self._strike:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    striker = Striker(os.environ.get(STRIKE, ""), os.environ.get(REACHED, ""))
    with watched(striker.reached, writing=threading.Lock()):
        main()
