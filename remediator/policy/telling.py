"""What a policy says of telling people: who is told while it stays open, where news goes, reports."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

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
    """What is told."""

    STARTED = "started"
    AWAITING_APPROVAL = "awaiting_approval"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REVERTED = "reverted"
    ESCALATED = "escalated"


class Notify(Document):
    """Where news of a run goes."""

    channel: str = Field(description="A name under `channels`.")
    audience: Literal["internal", "stakeholders"] = Field(default="internal", description="How it is put.")
    language: Literal["en", "es"] = Field(default="en", description="English or Spanish.")
    on: tuple[NotifyOn, ...] = Field(default=tuple(NotifyOn), description="What is told.")
    every: PositiveDuration | None = Field(default=None, description="Told again while it is open.")


class Report(Document):
    """When an incident report is written."""

    on: tuple[Literal["terminal"], ...] = Field(default=("terminal",), description="When a run has ended.")
