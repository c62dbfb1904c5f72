"""`docker.network`: look whether a container of the inventory is attached to a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from remediator.actions.base import ActionParams, BaseAction, Call, Inventory, Outcome, succeeded
from remediator.actions.containers import Containers
from remediator.actions.faults import outcome_of
from remediator.actions.time_left import TimeLeft
from remediator.clients.docker import ContainerState
from remediator.clients.errors import ClientError, Fault


class DockerNetworkParams(ActionParams):
    """Which container, and which network it should be on."""

    container: Annotated[str, Inventory("docker")]
    network: Annotated[str, Inventory("docker.networks")] = Field(
        description="A name under docker.networks, as the engine calls it."
    )


class DockerNetwork(BaseAction):
    """Looks at the engine's side of a connection: it asks nothing of the network itself."""

    name = "docker.network"
    summary = "Look whether a container is attached to a network, with an address there."
    params: ClassVar[type[BaseModel]] = DockerNetworkParams
    result: ClassVar[Mapping[str, str]] = {
        "exists": "whether the engine has the network",
        "attached": "whether the container (all replicas) is attached to it",
        "running": "whether it runs (all replicas)",
        "addresses": "container: its addresses there; nothing while it does not run",
    }
    fact = "boolean: whether it runs, attached, with an address there; no such container or network is false"
    read_only = True
    idempotent = True

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def refuse(self, params: DockerNetworkParams) -> str | None:
        """Keep to the containers and networks of the inventory."""
        refusal = self._containers.refuse(params.container)
        settings = self._containers.settings
        if refusal is not None or settings is None or params.network in settings.networks:
            return refusal
        return f"docker.networks in remediator.yaml has no {params.network!r}"

    async def act(self, params: DockerNetworkParams, call: Call) -> Outcome:
        """Look at both sides."""
        time = TimeLeft(call.timeout)
        try:
            exists = await self._containers.engine.has_network(params.network, time.now())
            states = await self._states(params.container, time)
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        ends = {state.name: _endpoint(state, params.network) for state in states}
        attached = bool(ends) and all(end is not None for end in ends.values())
        runs = bool(states) and all(state.running for state in states)
        addresses = {name: _addresses(end or {}) for name, end in ends.items()}
        reachable = exists and attached and runs and all(addresses.values())
        return succeeded(fact=reachable, exists=exists, attached=attached, running=runs, addresses=addresses)

    async def _states(self, name: str, time: TimeLeft) -> tuple[ContainerState, ...]:
        try:
            return await self._containers.states(name, time)
        except ClientError as error:
            if error.fault is Fault.REFUSED:
                return ()
            raise


def _endpoint(state: ContainerState, network: str) -> Mapping[str, Any] | None:
    networks = (state.raw.get("NetworkSettings") or {}).get("Networks") or {}
    found: Mapping[str, Any] | None = networks.get(network)
    return found


def _addresses(endpoint: Mapping[str, Any]) -> list[str]:
    return [str(endpoint[key]) for key in ("IPAddress", "GlobalIPv6Address") if endpoint.get(key)]
