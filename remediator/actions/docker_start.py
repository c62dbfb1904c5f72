"""`docker.start`: start a container of the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel

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


class DockerStartParams(ActionParams):
    """Which container."""

    container: Annotated[str, Inventory("docker", lock="docker")]


class DockerStart(BaseAction):
    """Starts what does not run."""

    name = "docker.start"
    summary = "Start a container, or all replicas of a compose service."
    params: ClassVar[type[BaseModel]] = DockerStartParams
    result: ClassVar[Mapping[str, str]] = {"running": "container name: whether it runs now"}
    reversible = True
    lasting = True
    idempotent = True
    captures = "which of its containers ran"

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def refuse(self, params: DockerStartParams) -> str | None:
        """Keep to the containers of the inventory."""
        return self._containers.refuse(params.container)

    def attributes(self, params: DockerStartParams) -> tuple[tuple[str, str], ...]:
        """Whether it runs."""
        return ((f"docker:{params.container}", "running"),)

    async def capture(self, params: DockerStartParams, call: Call) -> Mapping[str, Any]:
        """Read which containers run."""
        now = await capture_running(self._containers, params.container, TimeLeft(call.timeout))
        return {"running": now}

    async def act(self, params: DockerStartParams, call: Call) -> Outcome:
        """Start what does not run."""
        time = TimeLeft(call.timeout)
        try:
            before = await running(self._containers, params.container, time)
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        after = dict.fromkeys(before, True)
        if before == after:
            return Outcome(status=OutcomeStatus.ALREADY, result={"running": after})
        try:
            for name in (one for one, runs in before.items() if not runs):
                await self._containers.engine.start(name, time.now())
        except ClientError as error:
            return outcome_of(error)
        return Outcome(status=OutcomeStatus.SUCCEEDED, result={"running": after}, applied={"running": after})

    async def probe(
        self,
        params: DockerStartParams,
        call: Call,
        captured: Mapping[str, Any],  # noqa: ARG002
    ) -> ProbeAnswer:
        """Look whether all run."""
        now = await running(self._containers, params.container, TimeLeft(call.timeout))
        return ProbeAnswer.DONE if all(now.values()) else ProbeAnswer.NOT_DONE

    async def undo(
        self, params: DockerStartParams, call: Call, original: Mapping[str, Any], applied: Mapping[str, Any]
    ) -> Outcome:
        """Stop what did not run before."""
        before: dict[str, bool] = original["running"]
        left = applied.get("running") or dict.fromkeys(before, True)
        return await put_back_running(
            self._containers, params.container, TimeLeft(call.timeout), before, left
        )
