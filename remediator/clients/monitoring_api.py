"""One exchange with Prometheus's or Alertmanager's API: JSON, bounded in time and size, no redirects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
from pydantic import HttpUrl
from yarl import URL

from remediator.clients.authorization import authorization, hidden_credentials
from remediator.clients.errors import ClientError, Fault
from remediator.secret_refs import Redactor, SecretUnavailableError
from remediator.settings import Auth

# Larger bodies are parsed off the event loop.
_PARSED_AT_ONCE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringApi:
    """Where an API is, and the bounds of an exchange with it."""

    name: str
    session: aiohttp.ClientSession
    url: HttpUrl
    auth: Auth | None
    timeout: timedelta
    body_cap_bytes: int
    _hidden: Redactor = field(init=False)
    """Kept, for it keeps what it looks for."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hidden", hidden_credentials(self.auth))

    async def get(self, path: str, query: Mapping[str, str]) -> tuple[int, Any]:
        """Ask with GET; see `_exchange`."""
        return await self._exchange("GET", path, query=query)

    async def post(self, path: str, form: Mapping[str, str]) -> tuple[int, Any]:
        """Ask with a form, which has no limit on its length; see `_exchange`."""
        return await self._exchange("POST", path, data=form)

    async def send(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """Post JSON; see `_exchange`."""
        return await self._exchange("POST", path, json_body=body)

    async def delete(self, path: str) -> tuple[int, Any]:
        """Ask for something to be removed; see `_exchange`."""
        return await self._exchange("DELETE", path)

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        json_body: Mapping[str, Any] | None = None,
    ) -> tuple[int, Any]:
        """Return the status and the body as JSON; None for a removal that leaves nothing to say.

        Raises:
            ClientError: not reached, no answer in time, no JSON, or too much of it.
        """
        try:
            status, body = await asyncio.wait_for(
                self._read(method, path, params=query, data=data, json=json_body),
                self.timeout.total_seconds(),
            )
        except SecretUnavailableError as error:
            raise ClientError(Fault.REFUSED, str(error)) from None
        except TimeoutError:
            seconds = self.timeout.total_seconds()
            raise ClientError(Fault.TIMED_OUT, f"{self.name} did not answer within {seconds:g}s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # A ValueError is a header that can't be written; it may hold a secret, so only its name shows.
            what = f"{self.name} can't be reached: {type(error).__name__}"
            raise ClientError(Fault.LOST, what) from None
        if not body and method == "DELETE":
            return status, None  # it is gone, and there is nothing to say of it
        return status, await self._parsed(status, body)

    async def _read(self, method: str, path: str, **sent: Any) -> tuple[int, bytes]:
        address = URL(str(self.url).rstrip("/") + path, encoded=True)
        # Unpacked, a small body could be a large one.
        headers = {"Accept-Encoding": "identity", **authorization(self.auth)}
        async with self.session.request(
            method, address, headers=headers, allow_redirects=False, **sent
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > self.body_cap_bytes:
                    response.close()
                    what = f"{self.name} answered more than {self.body_cap_bytes // 2**20} MiB"
                    raise ClientError(Fault.UNEXPECTED, what)
            return response.status, bytes(body)

    async def _parsed(self, status: int, body: bytes) -> Any:
        try:
            if len(body) > _PARSED_AT_ONCE_BYTES:
                return await asyncio.to_thread(json.loads, body)
            # What is said of an error is short, shown to people and kept; it may repeat how it was asked.
            return self._hidden.json(json.loads(body))
        except (ValueError, RecursionError):
            what = f"{self.name} answered {status} with something that is not JSON"
            raise ClientError(Fault.UNEXPECTED, what) from None
