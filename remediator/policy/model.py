"""A policy as written: frozen pydantic models, unknown keys forbidden.

Parameters of guards and actions stay as written here; the loader checks them against
the models that the composition root hands it, so that a policy never imports an action.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from remediator.durations import Duration
from remediator.settings import Mode

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
FactName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
ExpressionSource = Annotated[str, Field(min_length=1, max_length=1000)]
TemplateSource = Annotated[str, Field(min_length=1, max_length=4000)]


class Document(BaseModel):
    """Base of every part of a policy file."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _single_key(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) != 1:
        raise ValueError("must be one guard's name with its parameters, like `cooldown: {for: 15m}`")
    return value


GuardUse = Annotated[dict[str, JsonValue], AfterValidator(_single_key)]
"""One guard: its name as the only key, its parameters below."""


class Again(Document):
    """Whether the same episode may get another run after a terminal one; by default none."""

    after: Duration
    max: int = Field(ge=1, description="Further runs for one episode.")


class ActionUse(Document):
    """One use of an action: its name and its parameters."""

    uses: str
    with_: dict[str, JsonValue] = Field(default={}, alias="with")


class Fact(ActionUse):
    """A read-only look, gathered before deciding."""

    fact: FactName


class Retry(Document):
    """Further attempts; only taken when nothing was sent, or the step is idempotent."""

    attempts: int = Field(ge=1, le=10)
    backoff: Duration = Field(default=timedelta(seconds=2), description="Doubles at each attempt.")


class Step(ActionUse):
    """One configured use of an action. A later step's `with` reads its result as `steps.NAME.FIELD`,
    or by its place, `steps[0].FIELD`."""

    name: FactName | None = Field(default=None, description="For reading its result.")
    retry: Retry | None = None
    timeout: Duration = timedelta(seconds=30)


class Expect(Document):
    """What an HTTP answer must be."""

    status: int | tuple[int, ...] | None = None
    json_: dict[str, JsonValue] | None = Field(default=None, alias="json", description="Dotted path: value.")
    absent: tuple[str, ...] = Field(default=(), description="Dotted paths that must not be there.")
    latency_below: Duration | None = None


class HttpCheck(Document):
    """An HTTP look as a check."""

    service: str
    path: TemplateSource
    method: Literal["GET", "HEAD"] = "GET"
    expect: Expect = Expect(status=200)
    timeout: Duration | None = None


class Check(Document):
    """One look of a verification: exactly one of PromQL, HTTP, or a read-only action."""

    promql: str | None = None
    http: HttpCheck | None = None
    uses: str | None = None
    with_: dict[str, JsonValue] = Field(default={}, alias="with")

    @model_validator(mode="after")
    def _one_kind(self) -> Check:
        if sum(kind is not None for kind in (self.promql, self.http, self.uses)) != 1:
            raise ValueError("must have exactly one of promql, http or uses")
        return self

    def as_use(self) -> ActionUse:
        """Return the use of an action that this check is."""
        return ActionUse(uses=self.uses or "", with_=self.with_)


_CHECK_KEYS = ("promql", "http", "uses", "with")


class Verify(Document):
    """The check, after the steps, that it worked. One check may be written directly."""

    all_: tuple[Check, ...] = Field(alias="all", min_length=1)
    within: Duration = timedelta(minutes=2)
    stable_for: Duration = timedelta(0)
    every: Duration = timedelta(seconds=5)
    watch: Duration = Field(default=timedelta(hours=1), description="A relapse within this is recorded.")

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        if isinstance(value, dict) and "all" not in value:
            own = {key: child for key, child in value.items() if key in _CHECK_KEYS}
            rest = {key: child for key, child in value.items() if key not in own}
            return {**rest, "all": [own]} if own else value
        return value


class RevertOn(StrEnum):
    """What undoes a temporary option."""

    RESOLVED = "resolved"
    EXPIRY = "expiry"
    FAILED_VERIFICATION = "failed_verification"


class Revert(Document):
    """How a temporary option is undone. With `steps` these run; without, each step is undone
    in reverse order from what it captured."""

    on: tuple[RevertOn, ...] = tuple(RevertOn)
    after: Duration = Field(default=timedelta(hours=4), description="The lease's length.")
    when: ExpressionSource | None = Field(default=None, description="Delays only `resolved`.")
    stable_for: Duration = timedelta(0)
    verify: Verify | None = None
    if_not_ready: Literal["ask", "undo", "keep"] = "ask"
    steps: tuple[Step, ...] = ()


class Approval(Document):
    """Who must agree before it runs."""

    from_: tuple[str, ...] = Field(alias="from", min_length=1, description="Groups, or names of tokens.")
    count: int = Field(default=1, ge=1)
    expires: Duration = timedelta(minutes=30)
    self_approval: Literal["never", "operator"] = "never"


class Option(Document):
    """One way to remediate."""

    name: Name
    when: ExpressionSource | None = None
    approval: Approval | None = None
    steps: tuple[Step, ...] = Field(min_length=1)
    verify: Verify | None = None
    revert: Revert | None = None


class Escalation(Document):
    """When somebody is told that this is still open."""

    after: Duration | None = None
    when: ExpressionSource | None = None
    promql: str | None = None
    hold: Duration | None = None
    to: str

    @model_validator(mode="after")
    def _one_trigger(self) -> Escalation:
        if sum(kind is not None for kind in (self.after, self.when, self.promql)) != 1:
            raise ValueError("must have exactly one of after, when or promql")
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

    channel: str
    audience: Literal["internal", "stakeholders"] = "internal"
    language: Literal["en", "es"] = "en"
    on: tuple[NotifyOn, ...] = tuple(NotifyOn)
    every: Duration | None = None


class Report(Document):
    """When an incident report is written."""

    on: tuple[Literal["terminal"], ...] = ("terminal",)


class Policy(Document):
    """One policy file."""

    policy: Name = Field(description="Its name, unique in the folder.")
    description: str = ""
    owner: str | None = None
    runbook_url: str | None = None
    mode: Mode = Mode.ENFORCE
    priority: int = Field(default=100, description="Several policies on one target: lower goes first.")
    match: tuple[str, ...] = Field(min_length=1, description="Alertmanager matchers; all must hold.")
    target: TemplateSource = Field(description="What is acted on, and locked.")
    settle: Duration = Field(default=timedelta(0), description="Delays the first decision.")
    recheck: Duration = Field(default=timedelta(minutes=1), description="When a guard names no time.")
    again: Again | None = None
    guards: tuple[GuardUse, ...] = ()
    diagnose: tuple[Fact, ...] = ()
    options: tuple[Option, ...] = Field(min_length=1)
    verify: Verify | None = Field(default=None, description="For options without their own.")
    revert: Revert | None = Field(default=None, description="For options without their own.")
    escalate: tuple[Escalation, ...] = ()
    notify: tuple[Notify, ...] = ()
    report: Report | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_notify(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("notify"), dict):
            return {**value, "notify": [value["notify"]]}
        return value
