"""Compose, as a program: `docker compose` or `docker-compose`, whichever the inventory names."""

from __future__ import annotations

from datetime import timedelta

from remediator.clients.capped_output import last_lines
from remediator.clients.errors import ClientError, Fault
from remediator.clients.process import ProcessResult, ProcessRunner
from remediator.settings import Compose

_SHOWN = 500


class ComposeClient:
    """One compose project. `docker_host` is the engine's address, when the inventory has one."""

    def __init__(self, settings: Compose, processes: ProcessRunner, docker_host: str | None) -> None:
        self._settings = settings
        self._processes = processes
        self._env = {"DOCKER_HOST": docker_host} if docker_host else {}

    async def containers(self, service: str, within: timedelta) -> tuple[str, ...]:
        """Return the ids of a service's containers. Compose 1.29 lists stopped ones as well."""
        result = await self._run(("ps", "-q", service), within)
        return tuple(line.strip() for line in result.stdout.splitlines() if line.strip())

    async def restart(self, service: str, grace: timedelta, within: timedelta, key: str) -> None:
        """Restart all containers of a service, killing them after `grace`."""
        seconds = str(-int(-grace.total_seconds() // 1))
        await self._run(("restart", "--timeout", seconds, service), within, key)

    async def scale(self, service: str, count: int, within: timedelta, key: str) -> None:
        """Make a service run `count` containers; others, and those that run already, are left alone."""
        argv = ("up", "-d", "--no-deps", "--no-recreate", "--scale", f"{service}={count}", service)
        await self._run(argv, within, key)

    async def _run(self, argv: tuple[str, ...], within: timedelta, key: str = "") -> ProcessResult:
        settings = self._settings
        project = ("-p", settings.project) if settings.project else ()
        result = await self._processes.run(
            (*settings.command, "-f", str(settings.file), *project, *argv),
            within=within,
            key=key,
            env=self._env,
            inherit=("DOCKER_*", "COMPOSE_*"),
        )
        result.settle(settings.command[0])
        if result.exit_code != 0:
            detail = f"compose {argv[0]} ended with {result.exit_code}: {last_lines(result.stderr, _SHOWN)}"
            raise ClientError(Fault.UNEXPECTED, detail)
        return result
