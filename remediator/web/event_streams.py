"""How many streams of events may be open at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from remediator.web.problems import ProblemError

_MOST_STREAMS = 256
_MOST_STREAMS_PER_CALLER = 32


class EventStreams:
    """Bounds how many streams are open at once, in all and for one caller."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    @contextmanager
    def opened(self, caller: str) -> Iterator[None]:
        """Count a stream while it is open.

        Raises:
            ProblemError: 503 when there are too many.
        """
        if len(self) >= _MOST_STREAMS or self._open[caller] >= _MOST_STREAMS_PER_CALLER:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "too many streams are open; close one")
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
