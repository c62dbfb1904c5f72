"""`docker.restart`: restart a container of the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    FailureReason,
    Inventory,
    Outcome,
    ProbeAnswer,
    failed,
    succeeded,
)
from remediator.actions.containers import Containers
from remediator.actions.faults import only_looking, outcome_of
from remediator.actions.time_left import TimeLeft
from remediator.clients.errors import ClientError
from remediator.clock import Clock
from remediator.durations import Duration

_EVERY = timedelta(milliseconds=500)


class DockerRestartParams(ActionParams):
    """Which container, and how long it may take to end by itself."""

    container: Annotated[str, Inventory("docker", lock="docker")]
    timeout: Duration = Field(default=timedelta(seconds=10), description="Then it is killed.")


class DockerRestart(BaseAction):
    """Restarts one container; of a compose service all, one at a time."""

    name = "docker.restart"
    summary = "Restart a container, or all replicas of a compose service one at a time."
    params: ClassVar[type[BaseModel]] = DockerRestartParams
    result: ClassVar[Mapping[str, str]] = {"restarted": "names of the containers"}

    def __init__(self, containers: Containers, clock: Clock) -> None:
        self._containers = containers
        self._clock = clock

    def lasts(self, params: DockerRestartParams) -> timedelta:
        """As long as the container may take to end."""
        return params.timeout

    def refuse(self, params: DockerRestartParams) -> str | None:
        """Keep to the containers of the inventory."""
        return self._containers.refuse(params.container)

    async def act(self, params: DockerRestartParams, call: Call) -> Outcome:
        """Restart, and wait for each replica before the next one goes down."""
        time = TimeLeft(call.timeout + params.timeout)
        restarted: list[str] = []
        try:
            with only_looking():
                names = await self._containers.names(params.container, time.now())
            for name in names:
                if restarted and not await self._back(restarted[-1], time):
                    return failed(
                        FailureReason.UNEXPECTED,
                        f"{restarted[-1]} did not come back; the replicas after it were left alone",
                        restarted=restarted,
                    )
                await self._containers.engine.restart(name, params.timeout, time.now())
                restarted.append(name)
        except ClientError as error:
            return outcome_of(error)
        return succeeded(restarted=restarted)

    async def probe(
        self,
        params: DockerRestartParams,
        call: Call,
        captured: Mapping[str, Any],  # noqa: ARG002
    ) -> ProbeAnswer:
        """Look whether each was started after the attempt began."""
        states = await self._containers.states(params.container, TimeLeft(call.timeout))
        since = [state.started_at is not None and state.started_at > call.started_at for state in states]
        if all(since):
            return ProbeAnswer.DONE
        return ProbeAnswer.UNKNOWN if any(since) else ProbeAnswer.NOT_DONE

    async def _back(self, name: str, time: TimeLeft) -> bool:
        """Wait until a replica is healthy or, without a health check, runs at two looks in a row.

        One look is not enough: a container that ends right after its start was running, too.
        """
        seen: datetime | None = None
        while True:
            state = await self._containers.engine.inspect(name, time.now())
            if state.running and (state.health == "healthy" or state.started_at == seen):
                return True
            seen = state.started_at if state.running and state.health in ("", "none") else None
            if time.over:
                return False
            await self._clock.sleep(_EVERY)
