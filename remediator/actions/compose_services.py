"""Compose services of the inventory."""

from __future__ import annotations

from remediator.actions.time_left import TimeLeft
from remediator.clients.compose import ComposeClient
from remediator.clients.docker import ContainerState, DockerEngine
from remediator.clients.errors import ClientError, Fault
from remediator.settings import Compose
from remediator.settings_section import Bounds


class ComposeServices:
    """What the inventory lets a policy touch, and the clients to do it with.

    With a container engine in the inventory, containers are looked at one by one; without,
    what compose lists is taken as it is.
    """

    def __init__(
        self, settings: Compose | None, client: ComposeClient | None, engine: DockerEngine | None
    ) -> None:
        self._settings = settings
        self._client = client
        self._engine = engine

    @property
    def client(self) -> ComposeClient:
        """The client.

        Raises:
            ClientError: NOT_SENT, when the inventory has no compose section.
        """
        if self._client is None:
            raise ClientError(Fault.NOT_SENT, "remediator.yaml has no compose section")
        return self._client

    def bounds(self, service: str) -> Bounds | None:
        """Return how many containers a service may have."""
        return self._settings.services[service] if self._settings else None

    def refuse(self, service: str) -> str | None:
        """Say why a service can't be touched, or None."""
        if self._settings is None:
            return "remediator.yaml has no compose section"
        if service not in self._settings.services:
            return f"compose.services in remediator.yaml has no {service!r}"
        return None

    async def count(self, service: str, time: TimeLeft) -> int:
        """Return how many containers of a service run."""
        states = await self.states(service, time)
        if states is None:
            return len(await self.client.containers(service, time.now()))
        return sum(state.running for state in states)

    async def states(self, service: str, time: TimeLeft) -> tuple[ContainerState, ...] | None:
        """Inspect a service's containers; None without a container engine."""
        if self._engine is None:
            return None
        ids = await self.client.containers(service, time.now())
        return tuple([await self._engine.inspect(one, time.now()) for one in ids])
