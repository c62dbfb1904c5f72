"""What can go wrong between a client and what it talks to, told apart by what may have happened."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """How an exchange failed. Only the first two say that nothing was done."""

    NOT_SENT = "not_sent"
    """Nothing reached the other side: no connection, no such program."""
    REFUSED = "refused"
    """It was refused, here or there, before anything was done."""
    UNEXPECTED = "unexpected"
    """It answered with an error, or with something that can't be read."""
    TIMED_OUT = "timed_out"
    """No answer in time; it may have happened or still happen."""
    LOST = "lost"
    """The connection or the process ended before it answered; it may have happened."""


class ClientError(Exception):
    """An exchange failed. The text is for people and holds no secret."""

    def __init__(self, fault: Fault, detail: str) -> None:
        self.fault = fault
        self.detail = detail
        super().__init__(detail)
