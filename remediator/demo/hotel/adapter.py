"""How the agent reaches its PMS: over HTTP, or a mock that always has rooms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

Rooms = list[dict[str, Any]]

_MOCK_ROOMS: Rooms = [
    {"room_type": "standard", "available": 5, "price_eur": 80},
    {"room_type": "double", "available": 3, "price_eur": 110},
]


class PmsError(Exception):
    """A call of the PMS failed; `kind` is fit for a metric's label."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"the PMS call failed: {kind}")
        self.kind = kind


class QloApps:
    """The PMS over HTTP."""

    def __init__(self, session: ClientSession, url: Callable[[], str], timeout_seconds: float) -> None:
        """`url` is asked anew for each call: it can be pointed at a backup meanwhile."""
        self._session = session
        self._url = url
        self._timeout = ClientTimeout(total=timeout_seconds)

    async def availability(self, checkin: str) -> Rooms:
        """Ask for free rooms.

        Raises:
            PmsError: when it can't be reached, is too slow, or does not say 200.
        """
        try:
            async with self._session.get(
                f"{self._url().rstrip('/')}/api/availability",
                params={"checkin": checkin},
                timeout=self._timeout,
            ) as response:
                if response.status != 200:
                    raise PmsError(f"http_{response.status}")
                body = await response.json(content_type=None)  # whatever the PMS calls it
        except TimeoutError:
            raise PmsError("timeout") from None
        except (ClientError, ValueError):
            raise PmsError("unreachable") from None
        rooms = body.get("rooms") if isinstance(body, dict) else body
        if not isinstance(rooms, list):
            raise PmsError("unreadable")
        return rooms


def mock_rooms() -> Rooms:
    """Return what the mock PMS always has."""
    return [dict(room) for room in _MOCK_ROOMS]
