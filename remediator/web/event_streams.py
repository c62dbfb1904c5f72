"""How many streams of events may be open at once, and for how long."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from remediator.web.access import Login
from remediator.web.problems import ProblemError

_MOST_STREAMS = 256
_MOST_STREAMS_PER_CALLER = 32


class OpenStream:
    """A stream, and the login that it was opened with."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.ended = asyncio.Event()


class EventStreams:
    """Bounds how many streams are open at once, in all and for one caller, and ends those of ended logins."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._streams: set[OpenStream] = set()

    def __len__(self) -> int:
        return self._open.total()

    def end_unless(self, stands: Callable[[Login], bool]) -> None:
        """End every stream whose login does not stand."""
        for stream in self._streams:
            if not stands(stream.login):
                stream.ended.set()

    @contextmanager
    def opened(self, login: Login) -> Iterator[OpenStream]:
        """Count a stream while it is open.

        Raises:
            ProblemError: 503 when there are too many.
        """
        caller = login.actor.name
        stream = OpenStream(login)
        if len(self) >= _MOST_STREAMS or self._open[caller] >= _MOST_STREAMS_PER_CALLER:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "too many streams are open; close one")
        self._open[caller] += 1
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)
            self._open[caller] -= 1
