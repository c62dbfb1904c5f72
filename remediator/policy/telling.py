"""What a policy says of telling people: who is told while it stays open, where news goes, reports."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from remediator.durations import Duration, PositiveDuration
from remediator.policy.document import Document, ExpressionSource
from remediator.schema_hints import given

RUN_ENTRIES = ("id", "state", "reason", "option", "lease")
"""What an escalation's `when` may read of the run that serves the episode, if there is one."""
DECISION_ENTRIES = ("outcome", "reason")
"""What it may read of the last decision."""
_TRIGGERS = ("after", "when", "promql")


class Escalation(Document):
    """When somebody is told that this is still open; each once for an episode."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [given(key) for key in _TRIGGERS],
            "not": {"allOf": [given("when"), given("promql")]},
        }
    )

    after: Duration | None = Field(
        default=None, description="So long after the episode opened; with `when` or `promql`, not before."
    )
    when: ExpressionSource | None = Field(
        default=None, description="Once this expression holds; it may also read `run` and `decision`."
    )
    promql: str | None = Field(default=None, description="Once this query holds.")
    hold: Duration | None = Field(default=None, description="How long `promql` must have held.")
    to: str = Field(description="A name under `contacts`.")

    @model_validator(mode="after")
    def _one_trigger(self) -> Escalation:
        if self.after is None and self.when is None and self.promql is None:
            raise ValueError("must have exactly one of after, when or promql")
        if self.when is not None and self.promql is not None:
            raise ValueError("has both when and promql; write two entries")
        return self


class NotifyOn(StrEnum):
    """What is told. What only a person can take further is always told, to internal audiences."""

    STARTED = "started"
    AWAITING_APPROVAL = "awaiting_approval"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REVERTED = "reverted"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    RELAPSED = "relapsed"
    DEGRADED = "degraded"
    RESTORED = "restored"


FOR_STAKEHOLDERS = (
    NotifyOn.STARTED,
    NotifyOn.FAILED,
    NotifyOn.RESOLVED,
    NotifyOn.DEGRADED,
    NotifyOn.RESTORED,
)
"""What stakeholders are told unless `on` says otherwise: the course of it, not the workings."""


class Notify(Document):
    """Where news of a run goes."""

    channel: str = Field(description="A name under `channels`.")
    audience: Literal["internal", "stakeholders"] = Field(default="internal", description="How it is put.")
    language: Literal["en", "es"] = Field(default="en", description="English or Spanish.")
    on: tuple[NotifyOn, ...] | None = Field(
        default=None,
        description="What is told; by default everything, to stakeholders only how it goes.",
    )
    every: PositiveDuration | None = Field(default=None, description="Told again while it is open.")

    @property
    def told(self) -> tuple[NotifyOn, ...]:
        """What is told."""
        if self.on is not None:
            return self.on
        return FOR_STAKEHOLDERS if self.audience == "stakeholders" else tuple(NotifyOn)


class Link(Document):
    """A page to look at: a dashboard, traces."""

    title: str = Field(min_length=1, max_length=100, description="What it shows.")
    url: str = Field(
        min_length=1,
        max_length=2000,
        description="Its address; after the host it may hold `{{ labels.NAME }}`, which is encoded.",
    )


Sentence = Annotated[str, Field(min_length=1, max_length=500)]


class Words(Document):
    """What is said in one language, in words for people who do not know the systems."""

    issue: Sentence | None = Field(default=None, description="What has happened.")
    impact: Sentence | None = Field(default=None, description="What does not work.")
    workaround: Sentence | None = Field(default=None, description="What can be done meanwhile.")
    eta: Sentence | None = Field(default=None, description="Until when it is expected to work again.")
    degraded: Sentence | None = Field(default=None, description="What is different while a change stands.")
    prevention: Sentence | None = Field(default=None, description="What will keep it from happening again.")


class Communication(Document):
    """What notices say of it, by language."""

    en: Words = Field(default=Words(), description="English.")
    es: Words = Field(default=Words(), description="Spanish.")


class Report(Document):
    """When an incident report is written."""

    on: tuple[Literal["terminal"], ...] = Field(default=("terminal",), description="When a run has ended.")
    metrics: tuple[str, ...] = Field(
        default=(), max_length=8, description="Queries to show and plot; what the policy asks when left out."
    )
    action_items: tuple[Sentence, ...] = Field(default=(), description="What is to be done after each.")
