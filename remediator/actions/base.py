"""What an action is: a capability with declared properties, one attempt of which returns a value.

An action never raises for what the world does to it; it returns an Outcome. It receives typed,
rendered parameters, resolves names against the inventory it was built with, and reaches nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from remediator.policy.catalog import Inventory as Inventory  # noqa: PLC0414  (re-exported for actions)


class ActionParams(BaseModel):
    """Base of every action's parameters: frozen, unknown keys forbidden."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class OutcomeStatus(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    ALREADY = "already"
    """The wanted state was there; nothing was done, nothing is leased."""
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"
    """It may or may not have happened: a timeout, a lost reply, a crash."""


class FailureReason(StrEnum):
    """Why an attempt failed or is ambiguous."""

    NOT_SENT = "not_sent"
    """Connect or DNS error: nothing reached the target, a retry is safe."""
    REFUSED = "refused"
    """The target or the inventory said no."""
    UNEXPECTED = "unexpected"
    """It answered, but not as expected."""
    TIMED_OUT = "timed_out"
    LOST = "lost"
    CHANGED_SINCE = "changed_since"
    SECRET_UNAVAILABLE = "secret_unavailable"  # nosec B105  # not a password
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One attempt's result. `result` is JSON with the fields that the action documents.

    `fact` is the typed value when the action is used under `diagnose` (bool, number, string);
    None when it could not be attempted. `applied` maps attribute to the value left behind.
    """

    status: OutcomeStatus
    reason: FailureReason | None = None
    detail: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    fact: bool | float | str | None = None
    applied: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the step may count as done."""
        return self.status in (OutcomeStatus.SUCCEEDED, OutcomeStatus.ALREADY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The circumstances of one attempt.

    `key` is the same for every attempt of one step (`run-12/restart-pms/0`), fit for an
    Idempotency-Key header. `started_at` is when the intent was committed.
    """

    key: str
    timeout: timedelta
    started_at: datetime

    @property
    def run_id(self) -> int | None:
        """The run whose step this is; None for a look that belongs to no run."""
        head, _, _ = self.key.partition("/")
        number = head.removeprefix("run-")
        return int(number) if head != number and number.isdecimal() else None


class ProbeAnswer(StrEnum):
    """What a look after a crash says of a step that was started."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"


P = TypeVar("P", bound=BaseModel, contravariant=True)


class Action(Protocol[P]):
    """One capability. See BaseAction for defaults."""

    name: ClassVar[str]
    summary: ClassVar[str]
    params: ClassVar[type[BaseModel]]
    result: ClassVar[Mapping[str, str]]
    """Result field: meaning."""
    fact: ClassVar[str]
    """What its typed fact is, in words; empty when it is no use under diagnose."""
    read_only: ClassVar[bool]
    reversible: ClassVar[bool]
    """Whether it captures what it changes and can undo it."""
    lasting: ClassVar[bool]
    """Whether what it does stays until undone (a restart does not)."""
    ends_with_run: ClassVar[bool]
    """Whether what it does belongs to the run, and is undone as soon as that has ended, however it did."""
    tells: ClassVar[bool]
    """Whether all that it does is to tell people, or to write something down."""
    idempotent: ClassVar[bool]
    captures: ClassVar[str]
    """What it captures, in words; empty when nothing."""

    def idempotent_for(self, params: P) -> bool:
        """Whether this use may be repeated when it is unknown if it happened."""
        ...

    def read_only_for(self, params: P) -> bool:
        """Whether this use only looks."""
        ...

    def reversible_for(self, params: P) -> bool:
        """Whether this use captures what it changes and can undo it (a write-only value: has a `back`)."""
        ...

    def lasts(self, params: P) -> timedelta:
        """How long it takes when all is well, beyond the step's timeout (a `wait` waits)."""
        ...

    def stands_for(self, params: P) -> timedelta | None:
        """How long what it does stands before it ends by itself; None: until undone."""
        ...

    def refuse(self, params: P) -> str | None:
        """Check rendered parameters against the inventory's bounds: what is wrong, or None."""
        ...

    def attributes(self, params: P) -> tuple[tuple[str, str], ...]:
        """Return the (resource, attribute) pairs that it changes lastingly, as leases name them."""
        ...

    async def capture(self, params: P, call: Call) -> Mapping[str, Any]:
        """Read what `attributes` are now, by attribute.

        Raises:
            CaptureError: when the state can't be read; the step then does not start.
        """
        ...

    async def act(self, params: P, call: Call) -> Outcome:
        """Make one attempt. Never raises but CancelledError."""
        ...

    async def probe(self, params: P, call: Call, captured: Mapping[str, Any]) -> ProbeAnswer:
        """Look whether an attempt that began at `call.started_at` happened."""
        ...

    async def undo(
        self, params: P, call: Call, original: Mapping[str, Any], applied: Mapping[str, Any]
    ) -> Outcome:
        """Put `original` back, unless the present state is not `applied` (CHANGED_SINCE)."""
        ...


class CaptureError(Exception):
    """The state before a step could not be read."""


class BaseAction:
    """Defaults: a mutating, irreversible, transient, non-idempotent action that can't probe."""

    name: ClassVar[str]
    summary: ClassVar[str]
    params: ClassVar[type[BaseModel]]
    result: ClassVar[Mapping[str, str]] = {}
    read_only: ClassVar[bool] = False
    reversible: ClassVar[bool] = False
    lasting: ClassVar[bool] = False
    ends_with_run: ClassVar[bool] = False
    tells: ClassVar[bool] = False
    idempotent: ClassVar[bool] = False
    captures: ClassVar[str] = ""
    fact: ClassVar[str] = ""

    def idempotent_for(self, params: Any) -> bool:
        """By default what the class declares; whatever only looks may be repeated."""
        return self.idempotent or self.read_only_for(params)

    def read_only_for(self, params: Any) -> bool:  # noqa: ARG002  (a protocol's default)
        """By default what the class declares."""
        return self.read_only

    def reversible_for(self, params: Any) -> bool:  # noqa: ARG002
        """By default what the class declares."""
        return self.reversible

    def lasts(self, params: Any) -> timedelta:  # noqa: ARG002
        """By default no longer than its timeout."""
        return timedelta(0)

    def stands_for(self, params: Any) -> timedelta | None:  # noqa: ARG002
        """By default nothing ends by itself."""
        return None

    def refuse(self, params: Any) -> str | None:  # noqa: ARG002
        """By default nothing is refused."""
        return None

    def attributes(self, params: Any) -> tuple[tuple[str, str], ...]:  # noqa: ARG002
        """By default nothing lasting is changed."""
        return ()

    async def capture(self, params: Any, call: Call) -> Mapping[str, Any]:  # noqa: ARG002
        """By default there is nothing to capture."""
        return {}

    async def probe(self, params: Any, call: Call, captured: Mapping[str, Any]) -> ProbeAnswer:  # noqa: ARG002
        """By default nobody can tell."""
        return ProbeAnswer.UNKNOWN

    async def undo(
        self,
        params: Any,  # noqa: ARG002
        call: Call,  # noqa: ARG002
        original: Mapping[str, Any],  # noqa: ARG002
        applied: Mapping[str, Any],  # noqa: ARG002
    ) -> Outcome:
        """By default it can't be undone; the loader refuses such a policy."""
        return Outcome(
            status=OutcomeStatus.FAILED,
            reason=FailureReason.REFUSED,
            detail="this action can't be undone",
        )


def succeeded(fact: bool | float | str | None = None, **result: Any) -> Outcome:  # noqa: FBT001  (a value, not a switch)
    """Return a success with result fields."""
    return Outcome(status=OutcomeStatus.SUCCEEDED, result=result, fact=fact)


def failed(reason: FailureReason, detail: str, **result: Any) -> Outcome:
    """Return a failure: it is known that the effect did not happen as wanted."""
    return Outcome(status=OutcomeStatus.FAILED, reason=reason, detail=detail, result=result)


def ambiguous(reason: FailureReason, detail: str, **result: Any) -> Outcome:
    """Return an outcome of which nobody knows whether it happened."""
    return Outcome(status=OutcomeStatus.AMBIGUOUS, reason=reason, detail=detail, result=result)
