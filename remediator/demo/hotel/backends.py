"""What the agent needs besides the PMS: a database, and Redis for its cache."""

from __future__ import annotations

from typing import Protocol

from aiohttp import ClientError, ClientSession, ClientTimeout

_TIMEOUT = ClientTimeout(total=2)


class Pings(Protocol):
    """Finds out whether something answers."""

    async def ping(self, url: str) -> bool:
        """Return whether `url` answers 200 in good time."""
        ...


class HttpPing:
    """By an HTTP request, which is how the demo's stand-ins are asked."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def ping(self, url: str) -> bool:
        """Return whether `url`'s health endpoint says 200 within 2 s."""
        try:
            async with self._session.get(f"{url.rstrip('/')}/api/health", timeout=_TIMEOUT) as response:
                return response.status == 200
        except (TimeoutError, ClientError):
            return False
