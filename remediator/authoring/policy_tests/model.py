"""A file of policy tests as written: frozen pydantic models, unknown keys forbidden."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Discriminator, Field, JsonValue, Tag, model_validator

from remediator.authoring.policy_tests.over_time import Shorthand
from remediator.authoring.policy_tests.script import Given, Part, Script
from remediator.durations import Duration
from remediator.runs.news import Audience, EscalationCause, Language, NewsKind
from remediator.runs.reasons import CloseReason, Outcome, Reason
from remediator.runs.records import ApprovalState
from remediator.runs.states import LeaseState, RunState

T = TypeVar("T")


def _tag(value: Any) -> str:
    return "none" if value == "none" else "some"


OrNone = Annotated[
    Annotated[T, Tag("some")] | Annotated[Literal["none"], Tag("none")],
    Discriminator(_tag),
]
"""What is expected, or the word `none`. Told apart first, so that one fault gives one message."""


def _alone(key: str) -> Shorthand:
    """Let the one thing that is mostly asked stand alone."""
    return Shorthand(
        lambda value: {key: value} if isinstance(value, str) and value != "none" else value,
        {"type": "string"},
    )


class DecisionExpected(Part):
    """The newest decision. A word alone is its outcome."""

    outcome: Outcome | None = Field(default=None, description="Its outcome.")
    reason: Reason | None = Field(default=None, description="Why.")
    guard: str | None = Field(
        default=None, description="The first guard that denies: its name, or its key such as 3:rate_limit."
    )
    option: str | None = Field(default=None, description="The option that applies.")
    target: str | None = Field(default=None, description="The target.")
    detail: str | None = Field(default=None, description="A part of its text for people.")


class RunExpected(Part):
    """The newest remediation run. A word alone is its state."""

    state: RunState | None = Field(default=None, description="Its state.")
    reason: Reason | None = Field(default=None, description="Why it ended so.")
    option: str | None = Field(default=None, description="Its present or last option.")
    tried: tuple[str, ...] | None = Field(default=None, description="Options that it has behind it.")
    lease: LeaseState | None = Field(default=None, description="Whether what it changed stands.")
    target: str | None = Field(default=None, description="Its target.")
    detail: str | None = Field(default=None, description="A part of its text for people.")


class RevertExpected(Part):
    """The newest revert run. A word alone is its state."""

    state: RunState | None = Field(default=None, description="Its state.")
    reason: Reason | None = Field(default=None, description="Why it ended so.")
    trigger: str | None = Field(default=None, description="resolved, expiry, failed_verification or manual.")
    option: str | None = Field(default=None, description="The option that it undoes.")
    detail: str | None = Field(default=None, description="A part of its text for people.")


class StepExpected(Part):
    """One step that was run, whatever its number of attempts. A word alone is its action."""

    uses: str = Field(description="The action.")
    with_: dict[str, JsonValue] = Field(default={}, alias="with", description="Among its parameters.")
    state: str | None = Field(default=None, description="How its last attempt ended.")
    phase: Literal["act", "undo"] | None = Field(default=None, description="Whether it undid something.")
    attempts: int | None = Field(default=None, description="How often it was tried.")
    option: str | None = Field(default=None, description="Of which option.")


class PlanExpected(Part):
    """The plan of the newest run."""

    option: str | None = Field(default=None, description="The option.")
    target: str | None = Field(default=None, description="The target.")
    steps: tuple[Annotated[StepExpected, _alone("uses")], ...] | None = Field(
        default=None, description="Its steps, all of them, in order."
    )


class ApprovalExpected(Part):
    """The newest request for approval. A word alone is its state."""

    state: ApprovalState | None = Field(default=None, description="Where it is.")
    level: Literal["policy", "option"] | None = Field(default=None, description="Who asks.")
    option: str | None = Field(default=None, description="For which option.")
    from_: tuple[str, ...] | None = Field(default=None, alias="from", description="Of whom.")
    count: int | None = Field(default=None, description="How many of them.")


class LeaseExpected(Part):
    """One lease."""

    resource: str | None = Field(default=None, description="Such as fly:agente-hotel-api.")
    attribute: str | None = Field(default=None, description="Such as count.")
    state: LeaseState | None = Field(default=None, description="Whether it stands.")


class EpisodeExpected(Part):
    """The newest episode. A word alone is its state."""

    state: Literal["open", "closed"] | None = Field(default=None, description="Whether the alert fires.")
    reason: CloseReason | None = Field(default=None, description="Why it is closed.")


class EscalationExpected(Part):
    """One time that an entry of `escalate` told somebody. A word alone is its contact."""

    to: str = Field(description="The contact.")
    at: Duration | None = Field(default=None, description="When, since the start.")
    cause: EscalationCause | None = Field(
        default=None, description="Why: after, when or promql; or what told it at once."
    )
    again: bool | None = Field(default=None, description="Whether the same entry had told before.")
    shadow: bool | None = Field(default=None, description="Whether it was only noted, as in shadow.")


class NoticeExpected(Part):
    """One notice. A word alone is its kind."""

    kind: NewsKind = Field(description="What it tells of: started, succeeded, escalated, update, …")
    at: Duration | None = Field(default=None, description="When it was queued, since the start.")
    contact: str | None = Field(default=None, description="For whom, if it tells a contact.")
    audience: Audience | None = Field(default=None, description="For whom it is put.")
    language: Language | None = Field(default=None, description="In which language.")
    title: str | None = Field(default=None, description="A part of its title.")
    text: str | None = Field(default=None, description="A part of its text.")


class AuditExpected(Part):
    """One row of the audit log."""

    action: str = Field(description="What happened, such as episode.acknowledged.")
    actor: str | None = Field(default=None, description="Who did it.")
    detail: dict[str, JsonValue] = Field(default={}, description="Among its details.")


class Expectation(Part):
    """What is expected at one time, after all that happens then. What is not said is not looked at."""

    at: Duration = Field(description="When, since the start.")
    policy: str | None = Field(default=None, description="Of which policy; the first when left out.")
    labels: dict[str, str] = Field(
        default={}, description="Decision, runs and episode of the alert with these among its labels."
    )
    decision: Annotated[OrNone[DecisionExpected], _alone("outcome")] | None = Field(
        default=None, description="The newest decision, or none."
    )
    guards: dict[str, str] | None = Field(
        default=None,
        description="Guards of the newest decision, by name or key: allow, deny, ask, pending, or a reason.",
    )
    plan: PlanExpected | None = Field(default=None, description="The plan of the newest run.")
    run: Annotated[OrNone[RunExpected], _alone("state")] | None = Field(
        default=None, description="The newest remediation run, or none."
    )
    runs: int | None = Field(default=None, ge=0, description="How many remediation runs there are.")
    steps: tuple[Annotated[StepExpected, _alone("uses")], ...] | None = Field(
        default=None, description="All steps run so far, in order; [] when nothing was done."
    )
    verification: Literal["succeeded", "failed", "none"] | None = Field(
        default=None, description="How the newest verification ended."
    )
    approval: Annotated[OrNone[ApprovalExpected], _alone("state")] | None = Field(
        default=None, description="The newest request for approval, or none."
    )
    revert: Annotated[OrNone[RevertExpected], _alone("state")] | None = Field(
        default=None, description="The newest revert, or none."
    )
    leases: tuple[LeaseExpected, ...] | None = Field(
        default=None, description="All leases that are open or overdue; [] when nothing is."
    )
    episode: Annotated[OrNone[EpisodeExpected], _alone("state")] | None = Field(
        default=None, description="The newest episode, or none."
    )
    escalations: tuple[Annotated[EscalationExpected, _alone("to")], ...] | None = Field(
        default=None, description="Who was told by `escalate` so far, in order; [] when nobody was."
    )
    notifications: dict[str, tuple[Annotated[NoticeExpected, _alone("kind")], ...]] | None = Field(
        default=None,
        description="By channel: all notices queued for it so far, in order; [] when there is none.",
    )
    audit: tuple[AuditExpected, ...] | None = Field(
        default=None,
        description="Rows that the audit log has by then, in this order, perhaps with others between.",
    )


class PolicyTest(Script):
    """One test."""

    name: str = Field(min_length=1, description="What it shows, in a sentence.")
    configuration: dict[str, JsonValue] = Field(
        default={}, description="Sections of remediator.yaml that are another here; null leaves one out."
    )
    expect: tuple[Expectation, ...] = Field(min_length=1, description="What is expected, and when.")


class PolicyTestFile(Part):
    """One file of tests."""

    policy: str | None = Field(default=None, description="A policy's file, from here: ../name.yaml.")
    policies: tuple[str, ...] = Field(default=(), description="Several, to see them side by side.")
    inventory: str | None = Field(
        default=None, description="The remediator.yaml that holds here; by default the one beside the file."
    )
    configuration: dict[str, JsonValue] = Field(
        default={}, description="Sections of it that are another here; null leaves one out."
    )
    given: Given = Field(
        default=Given(), description="What holds around all tests; a test's own comes first."
    )
    tests: tuple[PolicyTest, ...] = Field(min_length=1, description="The tests.")

    @model_validator(mode="after")
    def _some_policy(self) -> PolicyTestFile:
        if bool(self.policy) == bool(self.policies):
            raise ValueError(
                "must have exactly one of policy or policies; write it like policy: ../name.yaml"
            )
        return self

    @property
    def policy_files(self) -> tuple[str, ...]:
        """The policies' files, as written."""
        return (self.policy,) if self.policy else self.policies
