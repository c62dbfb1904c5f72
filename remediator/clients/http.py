"""Asks HTTP services of the inventory: no redirects, a capped body, secrets looked up at the moment."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
from yarl import URL

from remediator.clients.authorization import authorization
from remediator.clients.errors import ClientError, Fault
from remediator.clients.service_paths import path_fault
from remediator.settings import Service

_BODY_CAP_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a service answered. `body` is cut at the cap, `truncated` then says so.

    Names of `headers` are in lower case; several of one name are one, parted by commas.
    """

    status: int
    body: bytes
    truncated: bool
    latency: timedelta
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Return the body as JSON, or None when it is none."""
        if self.truncated:
            return None
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode("utf-8", "replace")


class ServiceClient:
    """Sends requests to the services of the inventory, each over a connection of its own.

    A kept connection may be closed by the other side while a request is on its way, and then
    nobody knows whether it arrived; with a new one, failing to connect means that nothing was sent.
    """

    def __init__(self, services: Mapping[str, Service] | None) -> None:
        self._services = services or {}
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        service: str,
        method: str,
        path: str,
        *,
        within: timedelta,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Reply:
        """Send one request and read its answer, whatever its status.

        `body` is sent as JSON unless it is None.

        Raises:
            ClientError: not sent, refused, timed out or lost.
            SecretUnavailableError: when the service's credentials can't be looked up.
        """
        entry = self._services[service]
        url = _join(entry, path)
        sent = {"Accept-Encoding": "identity", **(headers or {}), **authorization(entry.auth)}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        began = time.monotonic()
        limits = _limits(within)
        try:
            async with self._open().request(
                method, url, headers=sent, data=data, allow_redirects=False, timeout=limits
            ) as response:
                read, truncated = await _read_capped(response)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _fault(error, service, within) from None
        return Reply(
            status=response.status,
            body=read,
            truncated=truncated,
            latency=timedelta(seconds=time.monotonic() - began),
            headers=_headers(response),
        )

    def address(self, service: str, path: str) -> str:
        """Return where a path of a service is.

        Raises:
            ClientError: REFUSED when it would lead elsewhere.
        """
        return str(_join(self._services[service], path))

    async def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                headers={"User-Agent": "remediator"},
            )
        return self._session


def _limits(within: timedelta) -> aiohttp.ClientTimeout:
    total = within.total_seconds()
    # Connecting ends first, so that running out of time while connecting is known as not sent.
    return aiohttp.ClientTimeout(total=total, connect=total * 0.9)


def _join(entry: Service, path: str) -> URL:
    """Put a path behind the inventory's address as text: nothing in it is read as an address."""
    fault = path_fault(path)
    if fault is not None:
        raise ClientError(Fault.REFUSED, fault)
    base = URL(str(entry.url))
    joined = URL(str(entry.url).rstrip("/") + path, encoded=True)
    if joined.origin() != base.origin():
        raise ClientError(Fault.REFUSED, f"the path {path[:80]!r} leads to another host")
    return joined


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    names = dict.fromkeys(name.lower() for name in response.headers)
    return {name: ", ".join(response.headers.getall(name)) for name in names}


async def _read_capped(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    read = bytearray()
    async for chunk in response.content.iter_any():
        read += chunk
        if len(read) > _BODY_CAP_BYTES:
            response.close()
            return bytes(read[:_BODY_CAP_BYTES]), True
    return bytes(read), False


def _fault(error: Exception, service: str, within: timedelta) -> ClientError:
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return ClientError(Fault.NOT_SENT, f"{service} can't be reached: {name}")
    if isinstance(error, TimeoutError):
        seconds = within.total_seconds()
        return ClientError(Fault.TIMED_OUT, f"{service} did not answer within {seconds:g}s")
    if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError):
        # A header value with a line break, most likely; the value may be a secret.
        return ClientError(Fault.REFUSED, f"the request to {service} can't be written: {name}")
    return ClientError(Fault.LOST, f"the connection to {service} broke: {name}")
