"""`net.tcp`: look whether something listens."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
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
    failed,
    succeeded,
)
from remediator.actions.from_container import FromContainer, answered
from remediator.durations import Duration
from remediator.settings_network import Network, TcpEndpoint

# Nothing was learned about the other side.
_OUR_OWN = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class NetTcpParams(ActionParams):
    """What to connect to, and from where."""

    endpoint: Annotated[str, Inventory("network.tcp")]
    timeout: Duration = Field(default=timedelta(seconds=5), description="Then it counts as not listening.")
    from_: Annotated[str, Inventory("docker.probes")] | None = Field(
        default=None, alias="from", description="A container to check from; by default from here."
    )


class NetTcp(BaseAction):
    """Connects, sends nothing, and closes."""

    name = "net.tcp"
    summary = "Look whether a TCP port accepts connections, from here or from inside a container."
    params: ClassVar[type[BaseModel]] = NetTcpParams
    result: ClassVar[Mapping[str, str]] = {
        "latency_seconds": "time until it was connected, when asked from here",
        "exit_code": "how the command ended, when asked from a container",
    }
    fact = "boolean: whether it accepted; refused, timed out, unreachable and unknown names are false"
    read_only = True
    idempotent = True

    def __init__(self, network: Network | None, inside: FromContainer) -> None:
        self._network = network
        self._inside = inside

    def refuse(self, params: NetTcpParams) -> str | None:
        """Keep to the endpoints of the inventory."""
        if self._network is None:
            return "remediator.yaml has no network section"
        if params.endpoint not in self._network.tcp:
            return f"network.tcp in remediator.yaml has no {params.endpoint!r}"
        return self._inside.refuse(params.from_, "tcp")

    async def act(self, params: NetTcpParams, call: Call) -> Outcome:
        """Connect once."""
        endpoint = (self._network or Network()).tcp[params.endpoint]
        within = min(call.timeout, params.timeout)
        if params.from_ is None:
            return await _connected(endpoint, within)
        values = {"host": endpoint.host, "port": str(endpoint.port)}
        ended = await self._inside.run(params.from_, "tcp", values, within)
        if isinstance(ended, Outcome):
            return ended
        if ended.exit_code == 0:
            return succeeded(fact=True, exit_code=0)
        detail = f"{endpoint.host}:{endpoint.port} does not accept connections from {params.from_}"
        return answered(FailureReason.UNEXPECTED, detail, exit_code=ended.exit_code)


async def _connected(endpoint: TcpEndpoint, within: timedelta) -> Outcome:
    where, began = f"{endpoint.host}:{endpoint.port}", time.monotonic()
    try:
        async with asyncio.timeout(within.total_seconds()):
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    except TimeoutError:
        return answered(FailureReason.TIMED_OUT, f"{where} did not answer in time")
    except socket.gaierror as error:
        return answered(FailureReason.UNEXPECTED, f"{endpoint.host} does not resolve: {error.strerror}")
    except OSError as error:
        if error.errno in _OUR_OWN:
            return failed(FailureReason.INTERNAL, f"no connection could be tried: {error.strerror}")
        return answered(FailureReason.UNEXPECTED, f"{where}: {error.strerror or type(error).__name__}")
    latency = time.monotonic() - began
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return succeeded(fact=True, latency_seconds=round(latency, 3))
