"""`docker.top`: count the processes in a container of the inventory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from remediator.actions.base import ActionParams, BaseAction, Call, Inventory, Outcome, succeeded
from remediator.actions.containers import Containers
from remediator.actions.faults import outcome_of
from remediator.actions.time_left import TimeLeft
from remediator.clients.docker_processes import program_of
from remediator.clients.errors import ClientError
from remediator.patterns import Pattern, compile_pattern

_SHOWN_PROGRAMS = 50


class DockerTopParams(ActionParams):
    """Which container, and which processes count."""

    container: Annotated[str, Inventory("docker")]
    pattern: Pattern | None = Field(
        default=None, description="RE2, searched in the command line with its arguments; all without it."
    )


class DockerTop(BaseAction):
    """Counts processes. Arguments are matched but not shown: they may hold secrets."""

    name = "docker.top"
    summary = "Count the processes in a container."
    params: ClassVar[type[BaseModel]] = DockerTopParams
    result: ClassVar[Mapping[str, str]] = {
        "count": "how many processes were counted",
        "programs": f"program: number of its processes, the {_SHOWN_PROGRAMS} most frequent; never arguments",
    }
    fact = "number: processes counted (all replicas together)"
    read_only = True
    idempotent = True

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def refuse(self, params: DockerTopParams) -> str | None:
        """Keep to the containers of the inventory."""
        return self._containers.refuse(params.container)

    async def act(self, params: DockerTopParams, call: Call) -> Outcome:
        """List and count; a container that is down has no processes."""
        time = TimeLeft(call.timeout)
        pattern = None if params.pattern is None else compile_pattern(params.pattern)
        lines: list[str] = []
        try:
            for state in await self._containers.states(params.container, time):
                if state.running:
                    lines += await self._containers.engine.processes(state.name, time.now())
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        counted = [line for line in lines if pattern is None or pattern.search(line)]
        programs = Counter(program_of(line) for line in counted)
        return succeeded(
            fact=len(counted), count=len(counted), programs=dict(programs.most_common(_SHOWN_PROGRAMS))
        )
