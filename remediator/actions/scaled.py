"""One attempt to change a number, and its undo: the same for every thing that has a scale."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from remediator.actions.base import (
    CaptureError,
    FailureReason,
    Outcome,
    OutcomeStatus,
    ProbeAnswer,
    ambiguous,
    failed,
)
from remediator.actions.faults import FAULTS, outcome_of
from remediator.actions.scaling import Undo, compare
from remediator.clients.errors import ClientError, Fault

Read = Callable[[], Awaitable[int]]
Write = Callable[[int], Awaitable[None]]
Met = Callable[[int], bool]


class Scaled:
    """A number that can be read and written, kept under the name `attribute`."""

    def __init__(self, attribute: str, read: Read, write: Write) -> None:
        self._attribute = attribute
        self._read = read
        self._write = write

    async def capture(self) -> Mapping[str, Any]:
        """Read the number before a step changes it.

        Raises:
            CaptureError: when it can't be read.
        """
        try:
            return {self._attribute: await self._read()}
        except FAULTS as error:
            raise CaptureError(str(error)) from None

    async def change(self, number: int, met: Met, refuses: Callable[[int], str | None]) -> Outcome:
        """Write `number` unless what is there is good enough, or may not be changed."""
        try:
            before = await self._read()
        except FAULTS as error:
            return outcome_of(error, only_looked=True)
        if met(before):
            return Outcome(status=OutcomeStatus.ALREADY, result={"before": before, "after": before})
        refusal = refuses(before)
        if refusal is not None:
            return failed(FailureReason.REFUSED, refusal, before=before)
        return await self._written(number, before)

    async def probe(self, met: Met, captured: Mapping[str, Any]) -> ProbeAnswer:
        """Look whether the number is as wanted; as it was before means that nothing happened."""
        now = await self._read()
        if met(now):
            return ProbeAnswer.DONE
        before = captured.get(self._attribute, now)
        return ProbeAnswer.NOT_DONE if now == before else ProbeAnswer.UNKNOWN

    async def undo(self, original: Mapping[str, Any], applied: Mapping[str, Any], wanted: int) -> Outcome:
        """Write the captured number back, unless somebody changed it since."""
        before, left = int(original[self._attribute]), applied.get(self._attribute)
        try:
            now = await self._read()
        except FAULTS as error:
            return outcome_of(error, only_looked=True)
        found = compare(now, before, None if left is None else int(left), max(wanted, 0))
        if found is Undo.NOTHING:
            return Outcome(status=OutcomeStatus.ALREADY, result={"before": now, "after": now})
        if found is Undo.CHANGED_SINCE:
            detail = f"it is {now} now; this step left {wanted if left is None else left}"
            return failed(FailureReason.CHANGED_SINCE, detail, before=now)
        return await self._written(before, now)

    async def _written(self, number: int, before: int) -> Outcome:
        try:
            await self._write(number)
        except FAULTS as error:
            if isinstance(error, ClientError) and error.fault is Fault.UNEXPECTED:
                return await self._after_trouble(error, number, before)
            return outcome_of(error)
        return self._done(number, before)

    async def _after_trouble(self, error: ClientError, number: int, before: int) -> Outcome:
        """A program that ends badly may have done its work before: look."""
        try:
            now = await self._read()
        except FAULTS:
            return ambiguous(FailureReason.LOST, error.detail, before=before)
        if now == number:
            return self._done(number, before)
        if now == before:
            return failed(FailureReason.UNEXPECTED, error.detail, before=before, after=now)
        return ambiguous(FailureReason.LOST, f"{error.detail}; it is {now} now", before=before, after=now)

    def _done(self, number: int, before: int) -> Outcome:
        return Outcome(
            status=OutcomeStatus.SUCCEEDED,
            result={"before": before, "after": number},
            applied={self._attribute: number},
        )
