"""What the API answers with. Times are RFC 3339 in UTC; ids are whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from remediator.errors import Severity
from remediator.policy.model import Policy
from remediator.runs.reasons import CloseReason, Outcome, Reason
from remediator.runs.records import ApprovalState, HoldScope
from remediator.runs.states import LeaseState, RunKind, RunState, StepPhase, StepState
from remediator.settings import Mode

T = TypeVar("T")


class Openness(StrEnum):
    """Whether an episode's alert still fires, as far as is known."""

    OPEN = "open"
    CLOSED = "closed"


def _openness(value: Any) -> Any:
    return (Openness.OPEN if value else Openness.CLOSED) if isinstance(value, bool) else value


EpisodeState = Annotated[Openness, BeforeValidator(_openness)]


class Output(BaseModel):
    """Base of everything that is answered; read off a record's attributes."""

    model_config = ConfigDict(frozen=True, from_attributes=True, populate_by_name=True)


class Page(Output, Generic[T]):
    """A page of a list, newest first."""

    items: list[T]
    next_cursor: str | None = Field(description="For the next page; null on the last one.")


class RunOutput(Output):
    """One run."""

    id: int
    kind: RunKind
    policy: str
    target: str
    state: RunState
    reason: Reason | None
    detail: str
    plan_hash: str | None
    episode: int | None = Field(validation_alias="episode_id")
    option: str | None
    tried: list[str]
    priority: int
    actor: str
    parent_run_id: int | None
    revert_trigger: str | None
    stop: Reason | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    relapsed_at: datetime | None
    lease: LeaseState | None


class StepOutput(Output):
    """One step of a run, as it went."""

    id: int
    option: str
    phase: StepPhase
    position: int
    action: str
    params: Any
    state: StepState
    attempt: int
    started_at: datetime
    finished_at: datetime | None
    outcome: Any
    captured: Any
    applied: Any


class VoteOutput(Output):
    """One person's verdict."""

    actor: str
    verdict: str
    comment: str
    at: datetime


class ApprovalOutput(Output):
    """A plan put before people."""

    id: int
    state: ApprovalState
    level: str
    option: str
    plan_hash: str
    from_: list[str] = Field(serialization_alias="from")
    count: int
    self_approval: str
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    votes: list[VoteOutput] = []


class DecisionOutput(Output):
    """One decision, with every guard's verdict."""

    id: int
    at: datetime
    phase: str
    episode_id: int | None
    policy: str | None
    policy_hash: str | None
    target: str | None
    outcome: Outcome
    reason: Reason | None
    detail: str
    verdicts: Any
    facts: Any
    option: str | None
    plan_hash: str | None
    run_id: int | None
    next_look_at: datetime | None


class EpisodeOutput(Output):
    """One alert from firing to resolved."""

    id: int
    source: str
    fingerprint: str
    alertname: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str
    state: EpisodeState = Field(validation_alias="open")
    starts_at: datetime
    opened_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None
    ended_at: datetime | None
    close_reason: CloseReason | None
    suppressed: bool
    acknowledged_until: datetime | None
    acknowledged_by: str | None


class LeaseOutput(Output):
    """A temporary change."""

    id: int
    resource: str
    attribute: str
    policy: str
    run_id: int
    option: str
    action: str
    original: Any
    applied: Any
    state: LeaseState
    opened_at: datetime
    renewed_at: datetime | None
    expires_at: datetime
    closed_at: datetime | None


class HoldOutput(Output):
    """A pause of automation."""

    id: int
    scope: HoldScope
    value: str
    reason: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    removed_at: datetime | None
    removed_by: str | None


class RunDetailOutput(RunOutput):
    """One run with all that belongs to it."""

    policy_hash: str
    resources: list[str]
    facts: Any
    context: Any = Field(description="Labels, annotations and episode, as they were when decided.")
    plan: dict[str, Any] | None
    steps: list[StepOutput]
    decisions: list[DecisionOutput]
    episodes: list[EpisodeOutput]
    approval: ApprovalOutput | None
    leases: list[LeaseOutput]
    reverts: list[RunOutput]
    links: list[Mapping[str, str]] = Field(description="Pages that its policy names, by title and url.")


class AuditOutput(Output):
    """One row of the audit log."""

    sequence: int
    at: str
    actor: str
    action: str
    source: str | None
    alertname: str | None
    policy: str | None
    target: str | None
    episode_id: int | None
    run_id: int | None
    detail: Any
    previous_hash: str
    hash: str


class ProblemOutput(Output):
    """A fault in a policy file."""

    file: str
    line: int
    column: int
    what: str
    fix: str
    severity: Severity


class PolicyOutput(Output):
    """One policy that serves."""

    policy: str
    hash: str
    file: str
    description: str
    priority: int
    match: list[str]
    target: str
    mode: Mode
    effective_mode: Mode = Field(description="Under the ceiling of the server's own mode.")
    unavailable: Mapping[str, str] = Field(
        description="Options that can't be used: to the section that remediator.yaml does not have."
    )
    document: Policy


class PoliciesOutput(Page[PolicyOutput]):
    """The policies that serve, by priority and name, and why newer files do not."""

    loaded_at: datetime
    refused: list[ProblemOutput]
    warnings: list[ProblemOutput]


class Answered(Output):
    """What came of a command."""

    result: str = Field(description="done, or repeated: it was so already.")
    message: str


class RunAnswer(Answered, RunOutput):
    """The run that a command concerned, as it is now."""


class PolicyAnswer(Answered):
    """The policy that a command concerned."""

    policy: str


class HoldAnswer(Answered, HoldOutput):
    """The hold that a command concerned, as it is now."""


class EpisodeAnswer(Answered, EpisodeOutput):
    """The episode that a command concerned, as it is now."""


class ReadyOutput(Output):
    """Whether the server does its work."""

    ready: bool
    reasons: Mapping[str, str] = Field(description="Why not.")
    notes: Mapping[str, str] = Field(description="What else to know.")


class LiveOutput(Output):
    """The server answers."""

    live: bool = True
