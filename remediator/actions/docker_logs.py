"""`docker.logs`: count lines of a container's log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from remediator.actions import log_params
from remediator.actions.base import BaseAction, Call, Inventory, Outcome, succeeded
from remediator.actions.containers import Containers
from remediator.actions.faults import outcome_of
from remediator.actions.log_params import LogParams, tallied
from remediator.actions.time_left import TimeLeft
from remediator.clients.errors import ClientError
from remediator.clock import Clock


class DockerLogsParams(LogParams):
    """Which log, from when, and what to count in it."""

    container: Annotated[str, Inventory("docker")]
    tail: int | None = Field(default=None, ge=1, le=100_000, description="Only so many last lines.")


class DockerLogs(BaseAction):
    """Counts lines."""

    name = "docker.logs"
    summary = "Count the lines of a container's log that hold a text or match patterns."
    params: ClassVar[type[BaseModel]] = DockerLogsParams
    result: ClassVar[Mapping[str, str]] = log_params.RESULT
    fact = log_params.FACT
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
        read, complete = [], True
        try:
            for name in await self._containers.names(params.container, time.now()):
                counter, top = params.counter()
                complete &= await self._containers.engine.logs(
                    name, since=since, tail=params.tail, take=counter.take, within=time.now()
                )
                counter.end()
                read.append((counter, top))
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        result = tallied(params, read, complete=complete)
        return succeeded(fact=result["count"], **result)
