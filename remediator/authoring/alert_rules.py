"""Reads Prometheus's rule files, and tells which of their alerts a policy would match.

What labels an alert will have is known only in part: a rule's own labels are, unless they are
templates; those that its expression brings, or that are added on the way, are not. So a policy
matches an alert, does not, or may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from remediator.errors import ConfigError
from remediator.labels import ALERTNAME
from remediator.policy.loaded import LoadedPolicy, PolicySet
from remediator.policy.matchers import Matcher
from remediator.validation_problems import problems_from_validation
from remediator.yaml_source import YamlSource, read_yaml_file


def _as_text(value: Any) -> Any:
    # Prometheus reads an unquoted number where it wants text, and so do its users.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


_Text = Annotated[str, BeforeValidator(_as_text)]


class _Part(BaseModel):
    """Base of what is read of a rule file; what remediator has no use for is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Rule(_Part):
    alert: _Text | None = None
    record: _Text | None = None
    expr: _Text
    labels: dict[str, _Text] = {}
    annotations: dict[str, _Text] = {}

    @model_validator(mode="after")
    def _one_kind(self) -> _Rule:
        if bool(self.alert) == bool(self.record):
            raise ValueError("must have either alert or record")
        return self


class _Group(_Part):
    name: _Text
    rules: tuple[_Rule, ...] | None = None


class _RuleFile(_Part):
    groups: tuple[_Group, ...] | None = Field(default=None)


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alert of a rule file. `labels` and `annotations` are those that hold no template."""

    name: str
    group: str
    file: str
    line: int
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Covered:
    """Which policies match an alert, and which may, with the labels that it depends on."""

    rule: AlertRule
    by: tuple[str, ...]
    maybe: Mapping[str, tuple[str, ...]]

    @property
    def nobody(self) -> bool:
        """Whether no policy can match it."""
        return not self.by and not self.maybe


def read_alert_rules(path: Path) -> tuple[AlertRule, ...]:
    """Return the alerts of a rule file, in order; recording rules are passed over.

    Raises:
        ConfigError: with every fault, and its place.
    """
    source = read_yaml_file(path)
    try:
        document = _RuleFile.model_validate({} if source.data is None else source.data)
    except ValidationError as error:
        raise ConfigError(problems_from_validation(source, error, _RuleFile)) from None
    return tuple(
        _alert_rule(source, group, rule, ("groups", at, "rules", place))
        for at, group in enumerate(document.groups or ())
        for place, rule in enumerate(group.rules or ())
        if rule.alert
    )


def _alert_rule(source: YamlSource, group: _Group, rule: _Rule, path: tuple[str | int, ...]) -> AlertRule:
    return AlertRule(
        name=rule.alert or "",
        group=group.name,
        file=source.file,
        line=source.positions[path][0],
        expr=rule.expr,
        labels=_static(rule.labels),
        annotations=_static(rule.annotations),
    )


def _static(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if "{{" not in text}


def covered(rule: AlertRule, policies: PolicySet) -> Covered:
    """Tell which policies match an alert, by all that is known of its labels."""
    known = {**rule.labels, ALERTNAME: rule.name}
    by: list[str] = []
    maybe: dict[str, tuple[str, ...]] = {}
    for name in policies.index.candidates(known):
        open_labels = _depends_on(policies.policies[name], known)
        if open_labels:
            maybe[name] = open_labels
        elif open_labels is not None:
            by.append(name)
    return Covered(rule, tuple(by), maybe)


def _depends_on(policy: LoadedPolicy, known: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the labels on which it depends whether the policy matches; None when it surely does not."""
    if not policy.matchers:
        return None  # it starts on a schedule
    open_matchers: list[Matcher] = []
    for matcher in policy.matchers:
        if matcher.name not in known:
            open_matchers.append(matcher)
        elif not matcher.matches(known):
            return None
    return tuple(dict.fromkeys(matcher.name for matcher in open_matchers))
