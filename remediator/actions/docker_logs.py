"""`docker.logs`: count lines of a container's log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, Field

from remediator.actions.base import ActionParams, BaseAction, Call, Inventory, Outcome, succeeded
from remediator.actions.containers import Containers
from remediator.actions.faults import outcome_of
from remediator.actions.log_counter import LogCounter
from remediator.actions.patterns import Pattern, compile_pattern
from remediator.actions.time_left import TimeLeft
from remediator.clients.errors import ClientError
from remediator.clock import Clock
from remediator.durations import Duration


def _as_list(value: Any) -> Any:
    wrapped = value if isinstance(value, list | tuple) else [value]
    return [str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in wrapped]


Needle = Annotated[str, Field(min_length=1, max_length=500)]


class DockerLogsParams(ActionParams):
    """Which log, from when, and what to count in it."""

    container: Annotated[str, Inventory("docker")]
    since: Duration = Field(default=timedelta(minutes=10), description="How far back.")
    tail: int | None = Field(default=None, ge=1, le=100_000, description="Only so many last lines.")
    count: Annotated[tuple[Needle, ...], BeforeValidator(_as_list)] = Field(
        default=(), description="Literal text, or a list of it: lines that hold any are counted."
    )
    pattern: Pattern | None = Field(default=None, description="RE2: lines that match are counted.")


class DockerLogs(BaseAction):
    """Counts lines."""

    name = "docker.logs"
    summary = "Count the lines of a container's log that hold a text or match a pattern."
    params: ClassVar[type[BaseModel]] = DockerLogsParams
    result: ClassVar[Mapping[str, str]] = {
        "count": "how many lines were counted",
        "lines": "the latest of them",
        "complete": "whether the whole log of that time was read",
    }
    fact = "number: lines counted (all lines without count and pattern)"
    read_only = True
    idempotent = True

    def __init__(self, containers: Containers, clock: Clock) -> None:
        self._containers = containers
        self._clock = clock

    def refuse(self, params: DockerLogsParams) -> str | None:
        """Keep to the containers of the inventory."""
        return self._containers.refuse(params.container)

    async def act(self, params: DockerLogsParams, call: Call) -> Outcome:
        """Read and count; of a compose service all replicas' logs."""
        time = TimeLeft(call.timeout)
        since = self._clock.now() - params.since
        pattern = compile_pattern(params.pattern) if params.pattern is not None else None
        count, lines, complete = 0, [], True
        try:
            for name in await self._containers.names(params.container, time.now()):
                counter = LogCounter(params.count, pattern)
                complete &= await self._containers.engine.logs(
                    name, since=since, tail=params.tail, take=counter.take, within=time.now()
                )
                counter.end()
                count += counter.count
                lines += counter.latest
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        return succeeded(fact=count, count=count, lines=lines, complete=complete)
