"""Answers of the PMS, kept for a while."""

from __future__ import annotations

from collections.abc import Callable

from remediator.demo.hotel.adapter import Rooms


class Cache:
    """Rooms by check-in day. `now` gives seconds; ages are in seconds too."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._stored: dict[str, tuple[float, Rooms]] = {}

    def put(self, checkin: str, rooms: Rooms) -> None:
        """Keep an answer."""
        self._stored[checkin] = (self._now(), rooms)

    def get(self, checkin: str, max_age_seconds: float) -> Rooms | None:
        """Return an answer that is young enough."""
        stored_at_seconds, rooms = self._stored.get(checkin, (float("-inf"), []))
        return rooms if self._now() - stored_at_seconds < max_age_seconds else None
