"""HTTP services that answer from a script."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from remediator.clients.errors import ClientError, Fault
from remediator.clients.http import Reply, ServiceClient
from remediator.clock import Clock
from remediator.simulation.timelines import Timeline, Unscripted

_LOOKS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedReply:
    """What a service answers, after a while; or how asking it fails."""

    status: int = 200
    body: Any = None
    """Sent as JSON; None sends nothing."""
    takes: timedelta = timedelta(0)
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class ScriptedEndpoint:
    """One endpoint of one service. Without a method, every method."""

    service: str
    method: str | None
    path: str
    replies: Timeline[ScriptedReply]


class ScriptedServices(ServiceClient):
    """Answers for all services. What nobody scripted refuses to be looked at, and takes what it is sent."""

    def __init__(self, clock: Clock, endpoints: Sequence[ScriptedEndpoint], unscripted: Unscripted) -> None:
        super().__init__(None)
        self._clock = clock
        self._endpoints = endpoints
        self._unscripted = unscripted

    async def request(
        self,
        service: str,
        method: str,
        path: str,
        *,
        within: timedelta,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002  (the client's)
        body: Any = None,  # noqa: ARG002
    ) -> Reply:
        """Answer as scripted.

        Raises:
            ClientError: as scripted, or when it takes longer than `within`.
        """
        reply = self._reply(service, method, path)
        await self._clock.sleep(min(reply.takes, within))
        if reply.takes > within:
            raise ClientError(Fault.TIMED_OUT, f"{service} did not answer within {within}")
        if reply.fault is not None:
            raise ClientError(reply.fault, f"{service}: {reply.fault}")
        content = b"" if reply.body is None else json.dumps(reply.body).encode()
        return Reply(status=reply.status, body=content, truncated=False, latency=reply.takes)

    def _reply(self, service: str, method: str, path: str) -> ScriptedReply:
        for endpoint in self._endpoints:
            if (endpoint.service, endpoint.path) != (service, path):
                continue
            if endpoint.method in (None, method):
                reply = endpoint.replies.at(self._clock.now())
                if reply is not None:
                    return reply
        if method in _LOOKS:
            raise ClientError(Fault.REFUSED, self._unscripted.note(f"{method} {path} of {service}"))
        return ScriptedReply()
