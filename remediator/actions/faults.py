"""Turns what went wrong between a client and its other side into an outcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from remediator.actions.base import FailureReason, Outcome, ambiguous, failed
from remediator.clients.errors import ClientError, Fault
from remediator.secret_refs import SecretUnavailableError

FAULTS = (ClientError, SecretUnavailableError)
"""What clients raise, and what becomes an outcome."""

_REASONS = {
    Fault.NOT_SENT: FailureReason.NOT_SENT,
    Fault.REFUSED: FailureReason.REFUSED,
    Fault.UNEXPECTED: FailureReason.UNEXPECTED,
    Fault.TIMED_OUT: FailureReason.TIMED_OUT,
    Fault.LOST: FailureReason.LOST,
}


@contextmanager
def only_looking() -> Iterator[None]:
    """Say of what fails within that nothing was changed, whether or not an answer came."""
    try:
        yield
    except ClientError as error:
        if error.fault in (Fault.TIMED_OUT, Fault.LOST):
            raise ClientError(Fault.NOT_SENT, error.detail) from None
        raise


def outcome_of(error: ClientError | SecretUnavailableError, *, only_looked: bool = False) -> Outcome:
    """Return a failure, or an ambiguous outcome when something may have been changed.

    `only_looked` says that nothing could have been changed so far.
    """
    if isinstance(error, SecretUnavailableError):
        return failed(FailureReason.SECRET_UNAVAILABLE, str(error))
    reason = _REASONS[error.fault]
    if error.fault in (Fault.TIMED_OUT, Fault.LOST) and not only_looked:
        return ambiguous(reason, error.detail)
    return failed(reason, error.detail)
