"""`docker.inspect`: look how a container of the inventory is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from remediator.actions.base import ActionParams, BaseAction, Call, Inventory, Outcome, succeeded
from remediator.actions.containers import Containers
from remediator.actions.faults import outcome_of
from remediator.actions.set_values import VariableName
from remediator.actions.time_left import TimeLeft
from remediator.clients.docker import ContainerState
from remediator.clients.errors import ClientError, Fault


class DockerInspectParams(ActionParams):
    """Which container, and which names its environment should hold."""

    container: Annotated[str, Inventory("docker")]
    env: tuple[VariableName, ...] = Field(
        default=(), max_length=50, description="Names that should be set there; values are not looked at."
    )


class DockerInspect(BaseAction):
    """Looks at a container."""

    name = "docker.inspect"
    summary = "Look whether a container runs, since when, and how healthy it is."
    params: ClassVar[type[BaseModel]] = DockerInspectParams
    result: ClassVar[Mapping[str, str]] = {
        "state": "running, exited, …; of several replicas the first one's, as all that follows",
        "health": "healthy, unhealthy, starting; empty without a health check",
        "started_at": "when it was last started, null if never",
        "image": "what it was made from",
        "exit_code": "how it last ended",
        "running": "how many of its containers run",
        "replicas": "how many containers there are",
        "missing_env": "names of `env` that are not set, or to nothing, in one of them",
    }
    fact = (
        "boolean: whether it runs (of a compose service: all replicas) with all names of `env` set; "
        "no such container is false"
    )
    read_only = True
    idempotent = True

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def refuse(self, params: DockerInspectParams) -> str | None:
        """Keep to the containers of the inventory."""
        return self._containers.refuse(params.container)

    async def act(self, params: DockerInspectParams, call: Call) -> Outcome:
        """Look."""
        try:
            states = await self._containers.states(params.container, TimeLeft(call.timeout))
        except ClientError as error:
            outcome = outcome_of(error, only_looked=True)
            return replace(outcome, fact=False) if error.fault is Fault.REFUSED else outcome
        runs = [state.running for state in states]
        missing = [name for name in params.env if not all(state.env.get(name) for state in states)]
        return succeeded(
            fact=all(runs) and not missing,
            running=sum(runs),
            replicas=len(runs),
            missing_env=missing,
            **_shown(states[0]),
        )


def _shown(state: ContainerState) -> dict[str, object]:
    return {
        "state": state.state,
        "health": state.health,
        "started_at": state.started_at.isoformat() if state.started_at else None,
        "image": state.image,
        "exit_code": state.exit_code,
    }
