"""Reading bodies within bounds of size, time and memory. aiohttp sets no deadline of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum

from aiohttp import HttpVersion11, hdrs, web


class BodyFault(StrEnum):
    """Why a body was not read."""

    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    BROKEN = "broken"
    OVERLOADED = "overloaded"


class BodyError(Exception):
    """A body was not read to its end."""

    def __init__(self, fault: BodyFault) -> None:
        self.fault = fault
        super().__init__(fault)


class BodyBudget:
    """How many bytes of bodies may be in memory at once, over all requests."""

    def __init__(self, limit_bytes: int) -> None:
        self._free_bytes = limit_bytes

    @contextmanager
    def share(self) -> Iterator[BudgetShare]:
        """Give one request a share; what it took is given back at the end."""
        share = BudgetShare(self)
        try:
            yield share
        finally:
            self._free_bytes += share.taken_bytes

    def take(self, count_bytes: int) -> None:
        """Take bytes.

        Raises:
            BodyError: when there is no room.
        """
        if count_bytes > self._free_bytes:
            raise BodyError(BodyFault.OVERLOADED)
        self._free_bytes -= count_bytes


class BudgetShare:
    """What one request has taken of the budget."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self.taken_bytes = 0

    def grow(self, count_bytes: int) -> None:
        """Take more.

        Raises:
            BodyError: when there is no room.
        """
        self._budget.take(count_bytes)
        self.taken_bytes += count_bytes


async def read_body(
    request: web.Request, *, limit_bytes: int, within: timedelta, share: BudgetShare
) -> bytes:
    """Read a request's body.

    Raises:
        BodyError: when it is over the limit (by its length, or as it comes), is not all there
            by the deadline, is badly framed or cut off, or there is no room for it now.
    """
    if request.content_length is not None and request.content_length > limit_bytes:
        raise BodyError(BodyFault.TOO_LARGE)
    # What came with the header, as small bodies do, needs no deadline.
    deadline = None if request.content.is_eof() else within.total_seconds()
    chunks: list[bytes] = []
    try:
        async with asyncio.timeout(deadline):
            await _ask_to_continue(request)
            while chunk := await request.content.readany():
                if share.taken_bytes + len(chunk) > limit_bytes:
                    raise BodyError(BodyFault.TOO_LARGE)
                share.grow(len(chunk))
                chunks.append(chunk)
    except TimeoutError:
        raise BodyError(BodyFault.TOO_SLOW) from None
    except (ConnectionError, web.RequestPayloadError):
        raise BodyError(BodyFault.BROKEN) from None
    return b"".join(chunks)


async def expect_later(request: web.Request) -> None:
    """Leave `Expect: 100-continue` to `read_body`: nobody is asked for a body that is then refused."""
    expect = request.headers.get(hdrs.EXPECT, "")
    if expect.lower() != "100-continue":
        raise web.HTTPExpectationFailed


async def _ask_to_continue(request: web.Request) -> None:
    if hdrs.EXPECT in request.headers and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # aiohttp takes any output for the start of the response.
        request.writer.output_size = 0
