"""Questions about other alerts, for the guards that ask them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from remediator.guards.base import BaseGuard, GuardParams, Look
from remediator.guards.live_answers import samples_json
from remediator.labels import ALERTNAME
from remediator.policy.expressions import Scope
from remediator.policy.matchers import MATCHER_PATTERN, Matcher, MatcherError, parse_matcher
from remediator.runs.answers import AlertsQuery, Query
from remediator.schema_hints import exactly_one_of

# A storm of alerts is counted in the inputs; these are named.
_NAMED = 5


def _matcher(text: str) -> str:
    try:
        return str(parse_matcher(text))
    except MatcherError as error:
        raise ValueError(str(error)) from None


MatcherText = Annotated[
    str, AfterValidator(_matcher), WithJsonSchema({"type": "string", "pattern": MATCHER_PATTERN})
]


class AlertsParams(GuardParams):
    """Which alerts: exactly one of names or matchers."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("alerts", "matchers"))

    alerts: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), description="Names of alerts; any of them counts."
    )
    matchers: tuple[MatcherText, ...] = Field(
        default=(), description="Alertmanager matchers; an alert counts when all of them hold."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> AlertsParams:
        if bool(self.alerts) == bool(self.matchers):
            raise ValueError("must have exactly one of alerts or matchers; write it like alerts: [NodeDown]")
        return self

    def query(self) -> AlertsQuery:
        """Return the question that they ask."""
        if self.matchers:
            return AlertsQuery((self.matchers,))
        return AlertsQuery(tuple((str(Matcher(ALERTNAME, "=", name)),) for name in self.alerts))

    def words(self) -> str:
        """Name them for a person."""
        return ", ".join(self.alerts or self.matchers)


class AlertsGuard(BaseGuard):
    """Asks which of its alerts are active."""

    params: ClassVar[type[BaseModel]] = AlertsParams

    def queries(self, params: AlertsParams, scope: Scope) -> tuple[Query, ...]:  # noqa: ARG002
        """Ask which of these alerts are active."""
        return (params.query(),)


def active_alerts(params: AlertsParams, look: Look) -> tuple[dict[str, Any], list[str]]:
    """Return the verdict's inputs and the names of those that are active."""
    answer = (look.answers or {})[params.query()]
    names = {sample.labels.get(ALERTNAME, params.words()) for sample in answer.samples}
    return {"looked_for": params.words(), **samples_json(answer)}, sorted(names)[:_NAMED]
