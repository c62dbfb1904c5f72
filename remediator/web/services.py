"""What the handlers need of the rest: small protocols, so that a test can stand in for the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from prometheus_client import CollectorRegistry

from remediator.alerts import Payload
from remediator.clock import Clock
from remediator.engine.actors import Actor
from remediator.engine.intake import Accepted
from remediator.engine.readiness import Readiness
from remediator.engine.results import Result
from remediator.errors import Problem
from remediator.policy.loaded import PolicySet
from remediator.reports.writer import Drawing, MadeReport
from remediator.runs.records import HoldScope
from remediator.runs.verdicts import Decision
from remediator.settings import Settings
from remediator.store.base import Store
from remediator.telemetry.metrics import Metrics


class TakesDeliveries(Protocol):
    """The engine's intake."""

    async def accept(self, source: str, payload: Payload, origin: str = "webhook") -> Accepted:
        """Commit a delivery; durable on return.

        Raises:
            StoreUnavailableError: when it could succeed later; then nothing of it is stored.
        """
        ...

    async def refuse(self, source: str, raw: bytes, reason: str) -> None:
        """Keep and note a body that is no version 4 payload."""
        ...


class TakesVotes(Protocol):
    """The engine's approvals."""

    async def vote(self, run_id: int, *, plan_hash: str, actor: Actor, approve: bool, comment: str) -> Result:
        """Take one person's verdict on the plan that waits."""
        ...


class PausesAutomation(Protocol):
    """The engine's holds."""

    async def add(
        self, *, scope: HoldScope, value: str, reason: str, duration: timedelta | None, actor: Actor
    ) -> Result:
        """Pause automation; without a duration until removed."""
        ...

    async def remove(self, hold_id: int, *, actor: Actor) -> Result:
        """Let automation go on."""
        ...


class ControlsRuns(Protocol):
    """What on-call does to runs and episodes."""

    async def cancel(self, run_id: int, *, actor: Actor, comment: str, kill: bool) -> Result:
        """Stop a run."""
        ...

    async def resume(self, run_id: int, *, actor: Actor, comment: str, treat_step_as: str | None) -> Result:
        """Let a run go on that waits for a person."""
        ...

    async def revert(self, run_id: int, *, actor: Actor, comment: str) -> Result:
        """Undo a run's temporary changes now."""
        ...

    async def close_breaker(self, policy: str, *, actor: Actor, comment: str) -> Result:
        """Close a policy's failure breaker."""
        ...

    async def acknowledge(
        self, episode_id: int, *, actor: Actor, comment: str, duration: timedelta | None
    ) -> Result:
        """Say that somebody has it."""
        ...


class StartsByHand(Protocol):
    """Runs that a person asks for."""

    async def run(
        self,
        policy: str,
        *,
        labels: Mapping[str, str],
        comment: str,
        override: bool,
        actor: Actor,
        plan_hash: str | None = None,
    ) -> Result:
        """Decide a policy as if an alert with `labels` fired, and start it, if need be only as shown."""
        ...

    async def look(self, policy: str, *, labels: Mapping[str, str]) -> Decision | None:
        """Return what would be decided; nothing is written or started. None without such a policy."""
        ...


class MakesReports(Protocol):
    """Makes incident reports."""

    async def make(self, run_id: int) -> MadeReport:
        """Make a run's report.

        Raises:
            NoSuchRunError: when there is no such run.
        """
        ...

    async def draw(self, run_id: int) -> Drawing:
        """Draw the metrics of a run's incident.

        Raises:
            NoSuchRunError: when there is no such run.
        """
        ...


class ServesPolicies(Protocol):
    """The policies that serve."""

    @property
    def current(self) -> PolicySet:
        """The set that serves."""
        ...

    @property
    def refused(self) -> tuple[Problem, ...]:
        """Why the newest files do not serve; empty when they do."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that the handlers reach. `settings.tokens` are those that may call."""

    settings: Settings
    clock: Clock
    store: Store
    intake: TakesDeliveries
    approvals: TakesVotes
    holds: PausesAutomation
    control: ControlsRuns
    by_hand: StartsByHand
    reports: MakesReports
    policies: ServesPolicies
    readiness: Readiness
    metrics: Metrics
    registry: CollectorRegistry
    session_key: bytes = field(repr=False)
