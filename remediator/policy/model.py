"""A policy as written: frozen pydantic models, unknown keys forbidden.

Parameters of guards and actions stay as written here; the loader checks them against
the models that the composition root hands it, so that a policy never imports an action.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, WithJsonSchema, model_validator

from remediator.durations import Duration, PositiveDuration
from remediator.policy.document import Document, ExpressionSource, FactName, Name
from remediator.policy.matchers import MATCHERS_PATTERN
from remediator.policy.telling import Communication, Escalation, Link, Notify, Report
from remediator.schema_hints import exactly_one_of
from remediator.settings import Mode
from remediator.settings_checks import CheckLook, TemplateSource
from remediator.timezones import Zone

MatcherSource = Annotated[
    str,
    WithJsonSchema(
        {"type": "string", "pattern": MATCHERS_PATTERN, "examples": ['severity =~ "critical|P1"']}
    ),
]


def _single_key(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) != 1:
        raise ValueError("must be one guard's name with its parameters, like `cooldown: {for: 15m}`")
    return value


GuardUse = Annotated[dict[str, JsonValue], AfterValidator(_single_key)]
"""One guard: its name as the only key, its parameters below."""


class Again(Document):
    """Whether the same episode may get another run after a terminal one; by default none."""

    after: Duration = Field(description="How long after the run ended.")
    max: int = Field(ge=1, description="Further runs for one episode.")


class ActionUse(Document):
    """One use of an action: its name and its parameters."""

    uses: str = Field(description="The action's name.")
    with_: dict[str, JsonValue] = Field(default={}, alias="with", description="Its parameters.")


class Fact(ActionUse):
    """A read-only look, gathered before deciding."""

    fact: FactName = Field(description="Its name, read as `facts.NAME` and `facts_detail.NAME`.")


class Retry(Document):
    """Further attempts; only taken when nothing was sent, or the step is idempotent."""

    attempts: int = Field(ge=1, le=10, description="With the first one.")
    backoff: Duration = Field(default=timedelta(seconds=2), description="Doubles at each attempt.")


class Step(ActionUse):
    """One configured use of an action. A later step's `with` reads its result as `steps.NAME.FIELD`,
    or by its place, `steps[0].FIELD`."""

    name: FactName | None = Field(default=None, description="For reading its result.")
    retry: Retry | None = Field(default=None, description="Without it, one attempt.")
    timeout: PositiveDuration = Field(default=timedelta(seconds=30), description="For one attempt.")


class Check(CheckLook):
    """One check of a verification: exactly one of PromQL, HTTP, a read-only action, or a shared check."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("promql", "http", "uses", "check"))

    check: str | None = Field(default=None, description="A name under `checks` in `remediator.yaml`.")

    def _kinds(self) -> tuple[str, ...]:
        return ("promql", "http", "uses", "check")

    def as_use(self) -> ActionUse:
        """Return the use of an action that this check is."""
        return ActionUse(uses=self.uses or "", with_=self.with_)


_CHECK_KEYS = ("promql", "http", "uses", "with", "check")


class Verify(Document):
    """The check, after the steps, that it worked. One check may be written directly."""

    all_: tuple[Check, ...] = Field(alias="all", min_length=1, description="Checks that all must hold.")
    within: PositiveDuration = Field(default=timedelta(minutes=2), description="Until then, or it failed.")
    stable_for: Duration = Field(default=timedelta(0), description="How long all must hold without a break.")
    every: PositiveDuration = Field(default=timedelta(seconds=5), description="Time between looks.")
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

    on: tuple[RevertOn, ...] = Field(default=tuple(RevertOn), description="What undoes it.")
    after: PositiveDuration = Field(default=timedelta(hours=4), description="The lease's length.")
    when: ExpressionSource | None = Field(default=None, description="Delays only `resolved`.")
    stable_for: Duration = Field(default=timedelta(0), description="How long `when` must hold first.")
    verify: Verify | None = Field(default=None, description="The check that it was undone well.")
    if_not_ready: Literal["ask", "undo", "keep"] = Field(
        default="ask", description="At the lease's end, with `when` false."
    )
    steps: tuple[Step, ...] = Field(default=(), description="What undoes it; else what was captured.")


class Approval(Document):
    """Who must agree before it runs."""

    from_: tuple[str, ...] = Field(alias="from", min_length=1, description="Groups, or names of tokens.")
    count: int = Field(default=1, ge=1, description="How many of them.")
    expires: PositiveDuration = Field(
        default=timedelta(minutes=30), description="No answer until then means no."
    )
    self_approval: Literal["never", "operator"] = Field(
        default="never", description="Whether an operator who started it by hand may approve it."
    )


class Option(Document):
    """One way to remediate."""

    name: Name = Field(description="Unique in the policy.")
    when: ExpressionSource | None = Field(default=None, description="Passed over unless this holds.")
    approval: Approval | None = Field(default=None, description="Asked for before this option's steps.")
    steps: tuple[Step, ...] = Field(min_length=1, description="Done in order; the first failure ends it.")
    verify: Verify | None = Field(default=None, description="The policy's own when left out.")
    revert: Revert | None = Field(default=None, description="The policy's own when left out.")


class Schedule(Document):
    """When a policy starts by itself."""

    cron: str = Field(
        min_length=1,
        max_length=200,
        description="Five fields as in crontab, or six with the second first: `0 6 * * mon`.",
    )
    timezone: Zone = Field(default="UTC", description="Name of the time zone, like Europe/Madrid.")
    grace: Duration = Field(
        default=timedelta(minutes=5),
        description="How late it may still start, once, after the server was down.",
    )


class Policy(Document):
    """One policy file."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("match", "schedule"))

    policy: Name = Field(description="Its name, unique in the folder.")
    description: str = Field(default="", description="What it does, for people.")
    owner: str | None = Field(default=None, description="Whose it is.")
    runbook_url: str | None = Field(default=None, description="The human document.")
    mode: Mode = Field(default=Mode.ENFORCE, description="`shadow` decides and records, and never acts.")
    priority: int = Field(default=100, description="Several policies on one target: lower goes first.")
    match: tuple[MatcherSource, ...] = Field(
        default=(), description="Alertmanager matchers; all must hold. Either this or `schedule`."
    )
    schedule: Schedule | None = Field(default=None, description="Starts it without an alert.")
    target: TemplateSource = Field(description="What is acted on, and locked.")
    settle: Duration = Field(default=timedelta(0), description="Delays the first decision.")
    recheck: PositiveDuration = Field(default=timedelta(minutes=1), description="When a guard names no time.")
    guards: tuple[GuardUse, ...] = Field(default=(), description="All must allow; see guards.md.")
    again: Again | None = Field(default=None, description="Further runs for the same episode.")
    diagnose: tuple[Fact, ...] = Field(default=(), description="Facts, gathered before deciding.")
    verify: Verify | None = Field(default=None, description="For options without their own.")
    revert: Revert | None = Field(default=None, description="For options without their own.")
    options: tuple[Option, ...] = Field(min_length=1, description="Tried in order until one verifies.")
    escalate: tuple[Escalation, ...] = Field(default=(), description="Who is told while it stays open.")
    notify: tuple[Notify, ...] = Field(default=(), description="Where news goes; one may stand alone.")
    communication: Communication = Field(default=Communication(), description="What notices say of it.")
    links: tuple[Link, ...] = Field(default=(), description="Pages to look at, shown with its runs.")
    report: Report | None = Field(default=None, description="When an incident report is written.")

    @model_validator(mode="after")
    def _one_start(self) -> Policy:
        if bool(self.match) == (self.schedule is not None):
            raise ValueError("must have either match, with at least one matcher, or schedule")
        return self

    @model_validator(mode="before")
    @classmethod
    def _one_notify(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("notify"), dict):
            return {**value, "notify": [value["notify"]]}
        return value
