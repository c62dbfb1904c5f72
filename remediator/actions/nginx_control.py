"""Tests an nginx's configuration and has it read again, as the inventory says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from remediator.actions.containers import Containers
from remediator.actions.inside import run_inside
from remediator.clients.capped_output import last_lines
from remediator.clients.errors import ClientError, Fault
from remediator.clients.process import ProcessRunner
from remediator.settings_templates import Nginx, NginxCommand

_SHOWN = 500


class NginxControl:
    """The nginx servers of the inventory."""

    def __init__(
        self, servers: Mapping[str, Nginx] | None, processes: ProcessRunner, containers: Containers
    ) -> None:
        self._servers = servers
        self._processes = processes
        self._containers = containers

    def refuse(self, name: str) -> str | None:
        """Say why an nginx can't be touched, or None."""
        if self._servers is None:
            return "remediator.yaml has no nginx section"
        server = self._servers.get(name)
        if server is None:
            return f"nginx in remediator.yaml has no {name!r}"
        docker = self._containers.settings
        for key, command in (("test", server.test), ("reload", server.reload)):
            if command.exec is not None and (docker is None or command.exec not in docker.exec):
                return f"nginx.{name}.{key} names {command.exec!r}, which docker.exec does not have"
        return None

    async def test(self, name: str, within: timedelta, key: str) -> None:
        """Have the configuration tested.

        Raises:
            ClientError: UNEXPECTED with what nginx says of it; or as the test could not be made.
        """
        await self._run(name, "test", within, key)

    async def reload(self, name: str, within: timedelta, key: str) -> None:
        """Have the configuration read again; a master that finds a fault keeps the one it has.

        Raises:
            ClientError: UNEXPECTED when the command failed; or as it could not be run.
        """
        await self._run(name, "reload", within, key)

    async def _run(self, name: str, what: str, within: timedelta, key: str) -> None:
        server = (self._servers or {})[name]
        command = server.test if what == "test" else server.reload
        code, said = await self._ended(command, min(within, server.timeout), key, f"nginx {what}")
        if code != 0:
            detail = f"nginx {what} of {name} ended with {code}: {last_lines(said, _SHOWN)}"
            raise ClientError(Fault.UNEXPECTED, detail)

    async def _ended(
        self, command: NginxCommand, within: timedelta, key: str, program: str
    ) -> tuple[int | None, str]:
        if command.argv is not None:
            result = await self._processes.run(command.argv, within=within, key=key)
            result.settle(program)
            return result.exit_code, f"{result.stdout}\n{result.stderr}"
        docker = self._containers.settings
        entry = docker.exec[command.exec] if docker is not None and command.exec is not None else None
        if entry is None:
            raise ClientError(Fault.REFUSED, f"docker.exec has no {command.exec!r}")
        ended = await run_inside(
            self._containers,
            entry.container,
            entry.argv,
            kill_with=entry.kill_with,
            within=min(within, entry.timeout),
        )
        return ended.exit_code, f"{ended.stdout}\n{ended.stderr}"
