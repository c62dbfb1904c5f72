"""What a guard is: a pure function from a look at the world to a verdict.

Guards do no I/O. A guard that needs live answers names its queries; the engine asks them and
hands the answers over. A query that could not be answered makes the guard deny: guards fail closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from remediator.policy.expressions import Scope
from remediator.policy.model import Approval
from remediator.runs.answers import Answer, Query
from remediator.runs.history import History
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict, VerdictKind


class GuardParams(BaseModel):
    """Base of every guard's parameters: frozen, unknown keys forbidden."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class LookPhase(StrEnum):
    """When a guard is looked at."""

    ADMISSION = "admission"
    ENTRY = "entry"
    ACTING = "acting"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that a guard may look at. `answers` is None at admission: nothing live is asked then."""

    phase: LookPhase
    now: datetime
    policy: str
    priority: int
    target: str
    resources: tuple[str, ...]
    admission_id: int | None
    run_id: int | None
    """The run that looks again before acting, whose own claims and start do not count."""
    scope: Scope
    history: History
    approvers: Approval | None
    """The policy's own approval guard, for `time_window: otherwise: approval`."""
    answers: Mapping[Query, Answer] | None = None
    suppressed: bool | None = False
    """Whether Alertmanager silences or inhibits the alert; None when it could not be asked."""
    held_since: Mapping[str, datetime] = field(default_factory=dict)
    """Per use of a guard: since when its condition has been met without a break."""
    attributes: tuple[tuple[str, str], ...] = ()
    """The (resource, attribute) pairs that the option changes lastingly, once it is known."""


P = TypeVar("P", bound=BaseModel, contravariant=True)


class Guard(Protocol[P]):
    """One kind of guard. See BaseGuard for defaults."""

    name: ClassVar[str]
    summary: ClassVar[str]
    params: ClassVar[type[BaseModel]]
    by_hand: ClassVar[bool]
    """Whether it also binds runs that a person starts."""

    def queries(self, params: P, scope: Scope) -> tuple[Query, ...]:
        """Name the live questions to ask first; none for guards that look only at history."""
        ...

    def looks_every(self, params: P) -> timedelta | None:
        """Return how often a condition that must hold for a while has to be seen; None without one."""
        ...

    def window(self, params: P) -> timedelta:
        """Return how far back in history it looks."""
        ...

    def elsewhere_window(self, params: P) -> timedelta:
        """Return how far back it looks at its policy's starts and finishes on other targets."""
        ...

    def others_window(self, params: P) -> timedelta:
        """Return how far back it looks at the starts and finishes of other policies."""
        ...

    def evaluate(self, params: P, look: Look, key: str) -> Verdict:
        """Say what it says; `key` names this use of the guard within the policy."""
        ...


class BaseGuard:
    """Defaults: a guard that asks nothing live, looks at no past, and binds the engine's runs only."""

    by_hand: ClassVar[bool] = False

    def queries(self, params: Any, scope: Scope) -> tuple[Query, ...]:  # noqa: ARG002  (a protocol's default)
        """By default nothing live is asked."""
        return ()

    def looks_every(self, params: Any) -> timedelta | None:  # noqa: ARG002
        """By default nothing has to hold for a while."""
        return None

    def window(self, params: Any) -> timedelta:  # noqa: ARG002
        """By default the past does not matter."""
        return timedelta(0)

    def elsewhere_window(self, params: Any) -> timedelta:
        """By default as far back as on its own target."""
        return self.window(params)

    def others_window(self, params: Any) -> timedelta:  # noqa: ARG002
        """By default only its own policy's past does."""
        return timedelta(0)


class NoParams(GuardParams):
    """Parameters of a guard that has none."""


def allow(guard: str, key: str, detail: str = "", **inputs: Any) -> Verdict:
    """Return an allowing verdict."""
    return Verdict(guard=guard, key=key, kind=VerdictKind.ALLOW, detail=detail, inputs=inputs)


def iso(moment: datetime) -> str:
    """Write a time as a verdict's inputs hold it."""
    return moment.isoformat().replace("+00:00", "Z")


def deny(
    guard: str,
    key: str,
    reason: Reason,
    detail: str,
    *,
    until: datetime | None = None,
    **inputs: Any,
) -> Verdict:
    """Return a denying verdict."""
    return Verdict(
        guard=guard,
        key=key,
        kind=VerdictKind.DENY,
        reason=reason,
        detail=detail,
        until=until,
        inputs=inputs,
    )
