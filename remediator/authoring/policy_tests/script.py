"""The part of a test file that says what happens: alerts, answers, outcomes, people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from remediator.actions.base import FailureReason, OutcomeStatus, ProbeAnswer
from remediator.authoring.policy_tests.over_time import Events, OverTime, Shorthand
from remediator.authoring.policy_tests.series import check_query, check_series
from remediator.clients.errors import Fault
from remediator.durations import Duration
from remediator.labels import ALERTNAME
from remediator.simulation.actions import Doing

DEFAULT_START = datetime.fromisoformat("2026-01-05T12:00:00+00:00")
"""A Monday, at noon."""


class Part(BaseModel):
    """Base of every part of a test file: frozen, unknown keys forbidden."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class AlertScript(Part):
    """One alert, and what Alertmanager says of it."""

    alert: str = Field(min_length=1, description="Its name.")
    labels: dict[str, str] = Field(default={}, description="Its other labels.")
    annotations: dict[str, str] = Field(default={}, description="Its annotations.")
    events: Events = Field(
        default="0s firing",
        description="When it does what: `0s firing, 5m resolved`; `silenced` and `unsilenced`; repeated as "
        "in `0s firing every 4h x3`; `0s flapping every 30s x5` fires five times, each resolved 30s later.",
    )
    posted: bool = Field(
        default=True, description="Whether it is posted to remediator; else only Alertmanager knows of it."
    )

    @property
    def all_labels(self) -> dict[str, str]:
        """The labels with the name among them."""
        return {ALERTNAME: self.alert, **self.labels}


class SeriesAnswer(Part):
    """One series of Prometheus."""

    series: Annotated[str, AfterValidator(check_series)] = Field(
        description='Its name and labels: up{job="pms"}.'
    )
    values: OverTime[float | None] = Field(
        description="Its value, or its values by time; null where it has none."
    )


class SampleAnswer(Part):
    """One series of an answer."""

    labels: dict[str, str] = Field(default={}, description="Its labels.")
    value: float = Field(default=1.0, description="Its value.")


class QueryResult(Part):
    """What a query gives at a time: exactly one of these."""

    samples: tuple[SampleAnswer, ...] | None = Field(default=None, description="Series; [] gives no data.")
    scalar: float | None = Field(default=None, description="A number that is no series.")
    error: str | None = Field(default=None, description="Why it can't be answered.")

    @model_validator(mode="after")
    def _one_kind(self) -> QueryResult:
        if sum(kind is not None for kind in (self.samples, self.scalar, self.error)) != 1:
            raise ValueError("must have exactly one of samples, scalar or error")
        return self


def _one_sample(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"samples": [{"value": value}]}
    return {"samples": value} if isinstance(value, list) else value


class QueryAnswer(Part):
    """What one query gives, where it can't be computed from series."""

    query: Annotated[str, AfterValidator(check_query)] = Field(
        description="The query as it is asked, with its templates rendered."
    )
    gives: OverTime[Annotated[QueryResult, Shorthand(_one_sample, {"type": ["number", "array"]})]] = Field(
        description="A number (one series without labels), a list of samples, `scalar` or `error`; "
        "or these by time."
    )


class HttpReply(Part):
    """What a service answers."""

    status: int = Field(default=200, ge=100, le=599, description="Status code.")
    json_: JsonValue = Field(default=None, alias="json", description="Body.")
    takes: Duration = Field(default=timedelta(0), description="How long it takes.")
    fault: Fault | None = Field(default=None, description="How it fails instead of answering.")


def _reply(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"status": value}
    return {"fault": value} if isinstance(value, str) else value


class HttpAnswer(Part):
    """What one endpoint answers."""

    service: str = Field(description="A name under `services`.")
    method: str | None = Field(default=None, description="Any method when left out.")
    path: str = Field(description="The path asked.")
    gives: OverTime[Annotated[HttpReply, Shorthand(_reply, {"type": ["integer", "string"]})]] = Field(
        description="A status code, a fault such as timed_out, or a whole reply; or these by time."
    )


class Answers(Part):
    """What the world answers when it is asked."""

    series: tuple[SeriesAnswer, ...] = Field(
        default=(), description="Series from which queries are computed."
    )
    queries: tuple[QueryAnswer, ...] = Field(default=(), description="Answers of queries as a whole.")
    http: tuple[HttpAnswer, ...] = Field(default=(), description="What services answer.")
    alertmanager: OverTime[str] = Field(
        default={}, description="`up`, or why it can't be asked; or these by time."
    )


class AttemptEnd(Part):
    """How one attempt ends."""

    status: OutcomeStatus = Field(default=OutcomeStatus.SUCCEEDED, description="How it ended.")
    reason: FailureReason | None = Field(default=None, description="Why it failed or is ambiguous.")
    detail: str = Field(default="", description="The same for people.")
    result: dict[str, JsonValue] = Field(default={}, description="What later steps read as `steps.…`.")
    fact: bool | float | str | None = Field(default=None, description="Its typed value, for facts.")
    applied: dict[str, JsonValue] = Field(default={}, description="Attribute: value that it left.")
    takes: Duration = Field(default=timedelta(0), description="How long it takes.")
    probe: ProbeAnswer = Field(
        default=ProbeAnswer.UNKNOWN, description="What a look says of an ambiguous attempt."
    )

    @model_validator(mode="before")
    @classmethod
    def _why(cls, value: Any) -> Any:
        """A failure without a reason is one that answered with an error."""
        if isinstance(value, dict) and "reason" not in value:
            reasons = {"failed": FailureReason.UNEXPECTED, "ambiguous": FailureReason.LOST}
            reason = reasons.get(str(value.get("status")))
            return {**value, "reason": reason} if reason else value
        return value


def _attempt(value: Any) -> Any:
    return {"status": value} if isinstance(value, str) else value


Attempt = Annotated[AttemptEnd, Shorthand(_attempt, {"enum": [str(one) for one in OutcomeStatus]})]


class ActionAnswer(Part):
    """What becomes of an action's attempts: exactly one of outcome, attempts or over_time."""

    uses: str = Field(description="The action.")
    with_: dict[str, JsonValue] = Field(
        default={}, alias="with", description="Only its uses with these parameters among theirs."
    )
    doing: Doing = Field(default=Doing.ACT, description="Which of its doings.")
    outcome: Attempt | None = Field(default=None, description="What every attempt comes to.")
    attempts: tuple[Attempt, ...] | None = Field(
        default=None, min_length=1, description="What one attempt after the other comes to; the last repeats."
    )
    over_time: OverTime[Attempt] | None = Field(default=None, description="What an attempt comes to by time.")

    @model_validator(mode="after")
    def _one_kind(self) -> ActionAnswer:
        if sum(kind is not None for kind in (self.outcome, self.attempts, self.over_time)) != 1:
            raise ValueError("must have exactly one of outcome, attempts or over_time")
        return self


class Change(Part):
    """Somebody else changes what a step has changed."""

    at: Duration = Field(description="When.")
    resource: str = Field(description="Such as fly:agente-hotel-api.")
    attribute: str = Field(description="Such as count.")
    to: JsonValue = Field(description="To what.")


class Deed(Part):
    """What a person does."""

    at: Duration = Field(description="When.")
    by: str = Field(description="The name of a token in the inventory: its roles and groups are theirs.")
    does: Literal[
        "approve", "deny", "cancel", "resume", "revert", "hold", "release", "acknowledge", "close-breaker"
    ] = Field(description="What. `release` ends all holds.")
    policy: str | None = Field(default=None, description="Of which policy's run; the first when left out.")
    comment: str = Field(default="because", description="Why.")
    for_: Duration | None = Field(
        default=None, alias="for", description="How long a hold or acknowledgement lasts."
    )
    scope: Literal["all", "policy", "target"] = Field(default="all", description="What a hold pauses.")
    value: str = Field(default="", description="Which policy or target it pauses.")
    treat_step_as: Literal["done", "not_done"] | None = Field(default=None, description="For `resume`.")
    answer: str = Field(
        default="done", description="What they are told: done, forbidden, conflict, expired, …"
    )


class Given(Part):
    """What holds around a test; at the top of a file, around all of its tests."""

    answers: Answers = Field(default=Answers(), description="What the world answers when it is asked.")
    actions: tuple[ActionAnswer, ...] = Field(
        default=(), description="What actions come to; what is not said succeeds and takes no time."
    )


class Script(Given):
    """All that happens in one test."""

    start: AwareDatetime = Field(default=DEFAULT_START, description="When it begins; a Monday noon in UTC.")
    alerts: tuple[AlertScript, ...] = Field(default=(), description="Alerts.")
    changes: tuple[Change, ...] = Field(default=(), description="What others change.")
    people: tuple[Deed, ...] = Field(default=(), description="What people do.")
