"""`docker.stop`: stop a container of the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    Inventory,
    Outcome,
    OutcomeStatus,
    ProbeAnswer,
)
from remediator.actions.containers import Containers, capture_running, put_back_running, running
from remediator.actions.faults import outcome_of
from remediator.actions.time_left import TimeLeft
from remediator.clients.errors import ClientError
from remediator.durations import Duration


class DockerStopParams(ActionParams):
    """Which container, and how long it may take to end by itself."""

    container: Annotated[str, Inventory("docker", lock="docker")]
    timeout: Duration = Field(default=timedelta(seconds=10), description="Then it is killed.")


class DockerStop(BaseAction):
    """Stops what runs."""

    name = "docker.stop"
    summary = "Stop a container, or all replicas of a compose service."
    params: ClassVar[type[BaseModel]] = DockerStopParams
    result: ClassVar[Mapping[str, str]] = {"running": "container name: whether it runs now"}
    reversible = True
    lasting = True
    idempotent = True
    captures = "which of its containers ran"

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def lasts(self, params: DockerStopParams) -> timedelta:
        """As long as the container may take to end."""
        return params.timeout

    def refuse(self, params: DockerStopParams) -> str | None:
        """Keep to the containers of the inventory."""
        return self._containers.refuse(params.container)

    def attributes(self, params: DockerStopParams) -> tuple[tuple[str, str], ...]:
        """Whether it runs."""
        return ((f"docker:{params.container}", "running"),)

    async def capture(self, params: DockerStopParams, call: Call) -> Mapping[str, Any]:
        """Read which containers run."""
        now = await capture_running(self._containers, params.container, TimeLeft(call.timeout))
        return {"running": now}

    async def act(self, params: DockerStopParams, call: Call) -> Outcome:
        """Stop what runs."""
        time = TimeLeft(call.timeout + params.timeout)
        try:
            before = await running(self._containers, params.container, time)
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        after = dict.fromkeys(before, False)
        if before == after:
            return Outcome(status=OutcomeStatus.ALREADY, result={"running": after})
        try:
            for name in (one for one, runs in before.items() if runs):
                await self._containers.engine.stop(name, params.timeout, time.now())
        except ClientError as error:
            return outcome_of(error)
        return Outcome(status=OutcomeStatus.SUCCEEDED, result={"running": after}, applied={"running": after})

    async def probe(
        self,
        params: DockerStopParams,
        call: Call,
        captured: Mapping[str, Any],  # noqa: ARG002
    ) -> ProbeAnswer:
        """Look whether none runs."""
        now = await running(self._containers, params.container, TimeLeft(call.timeout))
        return ProbeAnswer.NOT_DONE if any(now.values()) else ProbeAnswer.DONE

    async def undo(
        self, params: DockerStopParams, call: Call, original: Mapping[str, Any], applied: Mapping[str, Any]
    ) -> Outcome:
        """Start what ran before."""
        before: dict[str, bool] = original["running"]
        left = applied.get("running") or dict.fromkeys(before, False)
        return await put_back_running(
            self._containers, params.container, TimeLeft(call.timeout), before, left
        )
