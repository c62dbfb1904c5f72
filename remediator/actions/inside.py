"""Runs a fixed command inside a container, ended there when its time is over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta

from remediator.actions.containers import Containers
from remediator.actions.time_left import TimeLeft
from remediator.clients.capped_output import beginning
from remediator.clients.docker_exec import ExecResult
from remediator.clients.errors import ClientError, Fault

# How a runtime says that there is no such program, or that it may not be run.
_NOT_RUN = (126, 127)
# What `timeout` ends with when it had to act: its own word, or the signal's.
_CUT = (124, 137, 143)
_LONGEST_ERROR = 300
_GRACE = timedelta(seconds=1)


async def run_inside(
    containers: Containers,
    container: str,
    argv: Sequence[str],
    *,
    kill_with: Sequence[str],
    within: timedelta,
    env: Mapping[str, str] | None = None,
) -> ExecResult:
    """Run `argv` behind `kill_with`, whose `{seconds}` becomes the time it has.

    Raises:
        ClientError: REFUSED when the container is not there or does not run, UNEXPECTED when it has no such
            program, TIMED_OUT when it was ended for its time.
    """
    seconds = max(1, math.floor(within.total_seconds()) - 1)
    before = [part.replace("{seconds}", str(seconds)) for part in kill_with]
    time = TimeLeft(within + _GRACE)
    name = await containers.one(container, time.now())
    clock = TimeLeft(timedelta(seconds=seconds))
    result = await containers.engine.run_inside(name, [*before, *argv], env or {}, time.now())
    if before and clock.over and result.exit_code in _CUT:
        raise ClientError(Fault.TIMED_OUT, f"it did not end within {seconds}s and was killed")
    if result.exit_code in _NOT_RUN:
        said = beginning((result.stderr or result.stdout).strip(), _LONGEST_ERROR)
        raise ClientError(Fault.UNEXPECTED, f"it can't be run in {name} ({result.exit_code}): {said}")
    return result
