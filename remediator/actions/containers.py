"""Containers of the inventory: one by its name, or all replicas of a compose service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from remediator.actions.base import CaptureError, FailureReason, Outcome, failed, succeeded
from remediator.actions.faults import outcome_of
from remediator.actions.time_left import TimeLeft
from remediator.clients.docker import ContainerState, DockerEngine
from remediator.clients.errors import ClientError, Fault
from remediator.settings_docker import Container, Docker


class Containers:
    """What the inventory's names stand for, and how they are now."""

    def __init__(self, settings: Docker | None, engine: DockerEngine, project: str | None) -> None:
        self.settings = settings
        self.engine = engine
        self._project = project

    def refuse(self, name: str) -> str | None:
        """Say why a name can't be touched, or None."""
        if self.settings is None:
            return "remediator.yaml has no docker section"
        if name not in self.settings.containers:
            return f"docker.containers in remediator.yaml has no {name!r}"
        return None

    async def names(self, name: str, within: timedelta) -> tuple[str, ...]:
        """Return the engine's names of an entry's containers, at least one.

        Raises:
            ClientError: REFUSED when a compose service has no container.
        """
        entry = self._entry(name)
        if entry.compose_service is None:
            return (entry.container or name,)
        found = await self.engine.by_service(entry.compose_service, self._project, within)
        if not found:
            raise ClientError(Fault.REFUSED, f"no container belongs to service {entry.compose_service}")
        return found

    async def one(self, name: str, within: timedelta) -> str:
        """Return the engine's name of an entry's first container; no entry is the engine's own name."""
        if self.settings is None or name not in self.settings.containers:
            return name
        return (await self.names(name, within))[0]

    async def states(self, name: str, time: TimeLeft) -> tuple[ContainerState, ...]:
        """Inspect all of an entry's containers, in order of their names."""
        names = await self.names(name, time.now())
        return tuple([await self.engine.inspect(one, time.now()) for one in names])

    def _entry(self, name: str) -> Container:
        entries = self.settings.containers if self.settings else ()
        return entries[name] if isinstance(entries, dict) else Container(container=name)


async def running(containers: Containers, name: str, time: TimeLeft) -> dict[str, bool]:
    """Return which of an entry's containers run, by the engine's names."""
    return {state.name: state.running for state in await containers.states(name, time)}


async def capture_running(containers: Containers, name: str, time: TimeLeft) -> dict[str, bool]:
    """Read it before a step changes it.

    Raises:
        CaptureError: when it can't be read.
    """
    try:
        return await running(containers, name, time)
    except ClientError as error:
        raise CaptureError(error.detail) from None


async def put_back_running(
    containers: Containers,
    name: str,
    time: TimeLeft,
    original: Mapping[str, bool],
    applied: Mapping[str, bool],
) -> Outcome:
    """Start or stop what a step stopped or started, unless somebody has since."""
    try:
        now = await running(containers, name, time)
    except ClientError as error:
        return outcome_of(error, only_looked=True)
    wanted = {one: runs for one, runs in original.items() if now.get(one) is not runs}
    for one in wanted:
        if now.get(one) is not applied[one]:
            detail = f"{one} is not as this step left it" if one in now else f"{one} is gone"
            return failed(FailureReason.CHANGED_SINCE, detail)
    try:
        for one, runs in wanted.items():
            if runs:
                await containers.engine.start(one, time.now())
            else:
                await containers.engine.stop(one, timedelta(seconds=10), time.now())
    except ClientError as error:
        return outcome_of(error)
    return succeeded(running=dict(original))
