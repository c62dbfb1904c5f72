"""`net.dns`: look whether a name resolves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    FailureReason,
    Inventory,
    Outcome,
    succeeded,
)
from remediator.actions.from_container import FromContainer, answered
from remediator.durations import Duration
from remediator.settings_network import Network

_SHOWN_ADDRESSES = 20


class NetDnsParams(ActionParams):
    """Which name to resolve, and from where."""

    name: Annotated[str, Inventory("network.dns")]
    timeout: Duration = Field(default=timedelta(seconds=5), description="Then it counts as not resolving.")
    from_: Annotated[str, Inventory("docker.probes")] | None = Field(
        default=None, alias="from", description="A container to check from; by default from here."
    )


class NetDns(BaseAction):
    """Asks the resolver that programs here use, hosts file included."""

    name = "net.dns"
    summary = "Look whether a name resolves, from here or from inside a container."
    params: ClassVar[type[BaseModel]] = NetDnsParams
    result: ClassVar[Mapping[str, str]] = {
        "addresses": "what it resolved to, when asked from here",
        "exit_code": "how the command ended, when asked from a container",
    }
    fact = "boolean: whether it resolved; no such name, no answer and no time are false"
    read_only = True
    idempotent = True

    def __init__(self, network: Network | None, inside: FromContainer) -> None:
        self._network = network
        self._inside = inside

    def refuse(self, params: NetDnsParams) -> str | None:
        """Keep to the names of the inventory."""
        if self._network is None:
            return "remediator.yaml has no network section"
        if params.name not in self._network.dns:
            return f"network.dns in remediator.yaml has no {params.name!r}"
        return self._inside.refuse(params.from_, "dns")

    async def act(self, params: NetDnsParams, call: Call) -> Outcome:
        """Resolve once."""
        host = (self._network or Network()).dns[params.name].host
        within = min(call.timeout, params.timeout)
        if params.from_ is None:
            return await _resolved(host, within)
        ended = await self._inside.run(params.from_, "dns", {"host": host}, within)
        if isinstance(ended, Outcome):
            return ended
        if ended.exit_code == 0:
            return succeeded(fact=True, exit_code=0)
        detail = f"{host} does not resolve from {params.from_}"
        return answered(FailureReason.UNEXPECTED, detail, exit_code=ended.exit_code)


async def _resolved(host: str, within: timedelta) -> Outcome:
    try:
        async with asyncio.timeout(within.total_seconds()):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except TimeoutError:
        return answered(FailureReason.TIMED_OUT, f"no answer for {host} in time")
    except OSError as error:
        return answered(FailureReason.UNEXPECTED, f"{host} does not resolve: {error.strerror}")
    addresses = sorted({str(address[0]) for *_, address in found})
    return succeeded(fact=True, addresses=addresses[:_SHOWN_ADDRESSES])
