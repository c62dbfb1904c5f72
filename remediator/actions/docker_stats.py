"""`docker.stats`: how much memory and processor time a container of the inventory uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    FailureReason,
    Inventory,
    Outcome,
    failed,
    succeeded,
)
from remediator.actions.containers import Containers
from remediator.actions.faults import outcome_of
from remediator.actions.time_left import TimeLeft
from remediator.clients.docker_stats import ContainerStats
from remediator.clients.errors import ClientError

_MEGABYTE = 2**20


class DockerStatsParams(ActionParams):
    """Which container, and which number is the fact."""

    container: Annotated[str, Inventory("docker")]
    value: Literal["memory_ratio", "memory_mb", "cpus", "processes"] = Field(
        default="memory_ratio", description="Which result field is the fact."
    )


class DockerStats(BaseAction):
    """Samples a container's use, over about a second.

    Podman 4.3 gives the machine's memory as the limit of a container without one, as Docker does, and counts
    file pages in, which Docker's numbers leave out.
    """

    name = "docker.stats"
    summary = "Look how much memory and processor time a container uses."
    params: ClassVar[type[BaseModel]] = DockerStatsParams
    result: ClassVar[Mapping[str, str]] = {
        "memory_mb": "megabytes (2^20 bytes) in use, without file pages that can be given back; of several "
        "replicas that of the one whose fact is highest, as all that follows",
        "memory_limit_mb": "its limit; without one the machine's memory",
        "memory_ratio": "share of the limit, 0 to 1",
        "cpus": "processors' time used: 1.5 is one and a half processors",
        "processes": "number of processes",
        "container": "the engine's name",
    }
    fact = "number: what `value` names, memory_ratio by default; of several replicas the highest"
    read_only = True
    idempotent = True

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def refuse(self, params: DockerStatsParams) -> str | None:
        """Keep to the containers of the inventory."""
        return self._containers.refuse(params.container)

    async def act(self, params: DockerStatsParams, call: Call) -> Outcome:
        """Sample each running replica."""
        time = TimeLeft(call.timeout)
        looks = []
        try:
            for state in await self._containers.states(params.container, time):
                if state.running:
                    stats = await self._containers.engine.stats(state.name, time.now())
                    looks.append(_shown(state.name, stats))
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        if not looks:
            return failed(FailureReason.UNEXPECTED, f"{params.container} does not run: it uses nothing")
        highest = max(looks, key=lambda shown: shown[params.value])
        return succeeded(fact=highest[params.value], **highest)


def _shown(name: str, stats: ContainerStats) -> dict[str, float | str]:
    return {
        "container": name,
        "memory_mb": round(stats.memory_bytes / _MEGABYTE, 1),
        "memory_limit_mb": round(stats.memory_limit_bytes / _MEGABYTE, 1),
        "memory_ratio": round(stats.memory_ratio, 6),
        "cpus": round(stats.cpus, 3),
        "processes": stats.processes,
    }
