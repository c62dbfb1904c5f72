"""`fly.logs`: count lines of a Fly app's log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel

from remediator.actions import log_params
from remediator.actions.base import BaseAction, Call, Inventory, Outcome, succeeded
from remediator.actions.faults import FAULTS, outcome_of
from remediator.actions.fly_apps import FlyApps
from remediator.actions.log_params import LogParams, tallied
from remediator.clock import Clock

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MOMENT = re.compile(r"\s*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?)\s")


class FlyLogsParams(LogParams):
    """Which app, from when, and what to count in its log."""

    app: Annotated[str, Inventory("fly")]


class FlyLogs(BaseAction):
    """Counts lines of what Fly still has of the log (some hundred lines), never waiting for more."""

    name = "fly.logs"
    summary = "Count the lines of a Fly app's log that hold a text or match patterns."
    params: ClassVar[type[BaseModel]] = FlyLogsParams
    result: ClassVar[Mapping[str, str]] = {
        **log_params.RESULT,
        "first_at": "when the first counted line was written, null without one",
        "last_at": "when the last counted line was written, null without one",
    }
    fact = log_params.FACT
    read_only = True
    idempotent = True

    def __init__(self, apps: FlyApps, clock: Clock) -> None:
        self._apps = apps
        self._clock = clock

    def refuse(self, params: FlyLogsParams) -> str | None:
        """Keep to the apps of the inventory."""
        return self._apps.refuse(params.app)

    async def act(self, params: FlyLogsParams, call: Call) -> Outcome:
        """Read and count."""
        try:
            log = await self._apps.client.logs(params.app, call.timeout)
        except FAULTS as error:
            return outcome_of(error, only_looked=True)
        since = self._clock.now() - params.since
        counter, top = params.counter()
        moments = [
            at
            for at, line in dated_lines(log.text)
            if (at is None or at >= since) and counter.look(line) and at is not None
        ]
        result = tallied(params, [(counter, top)], complete=log.complete)
        result |= {
            "first_at": min(moments).isoformat() if moments else None,
            "last_at": max(moments).isoformat() if moments else None,
        }
        return succeeded(fact=result["count"], **result)


def dated_lines(text: str) -> Iterator[tuple[datetime | None, str]]:
    """Yield each line that is not empty with its time, or else with that of the line before."""
    at: datetime | None = None
    for line in _COLOUR.sub("", text).splitlines():
        found = _MOMENT.match(line)
        at = (_read(found[1]) if found is not None else None) or at
        if line.strip():
            yield at, line


def _read(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
