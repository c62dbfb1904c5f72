"""Named places where a test can have the process killed, to show what a crash there leaves.

`REMEDIATOR_FAILPOINT=step.acted` kills at the first time that place is reached,
`step.acted:3` at the third. Without the variable nothing happens.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from enum import StrEnum


class Failpoint(StrEnum):
    """The places."""

    INGEST_COMMITTED = "ingest.committed"
    RUN_CREATED = "run.created"
    RUN_STARTED = "run.started"
    STEP_CAPTURED = "step.captured"
    STEP_INTENT_COMMITTED = "step.intent.committed"
    STEP_ACTED = "step.acted"
    STEP_RESULT_COMMITTED = "step.result.committed"
    VERIFIED = "verification.done"
    OPTION_ENDED = "option.ended"
    RUN_FINISHED = "run.finished"
    REVERT_CREATED = "revert.created"


def _kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Failpoints:
    """Kills the process, as a power cut would, when the armed place is reached."""

    def __init__(self, armed: str | None, strike: Callable[[], None] = _kill_self) -> None:
        name, _, count = (armed or "").partition(":")
        self._place = Failpoint(name) if name else None
        self._left = int(count or 1)
        self._strike = strike

    def hit(self, place: Failpoint) -> None:
        """Say that `place` is reached."""
        if place is not self._place:
            return
        self._left -= 1
        if self._left == 0:
            self._strike()
