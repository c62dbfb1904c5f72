"""Finds policies that may run for one alert on one target, where nothing says which goes first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from remediator.errors import Problem, Severity
from remediator.labels import ALERTNAME
from remediator.policy.catalog import Catalog, Inventory, marked_values
from remediator.policy.loaded import LoadedPolicy
from remediator.policy.matcher_logic import contradiction, values_of
from remediator.policy.model import Step
from remediator.settings import Mode
from remediator.yaml_source import YamlSource

_NAMED = 3


def overlaps(
    policies: Mapping[str, LoadedPolicy], sources: Mapping[str, YamlSource], catalog: Catalog
) -> list[Problem]:
    """Return a warning for each policy that another may meet, which names the others."""
    met: dict[str, dict[str, str]] = {}
    for first, second, what in _meetings(policies.values(), catalog):
        met.setdefault(second.name, {})[first.name] = what
    return [_problem(sources[name], policies, others) for name, others in met.items()]


def _problem(source: YamlSource, policies: Mapping[str, LoadedPolicy], others: Mapping[str, str]) -> Problem:
    named = [f"{name} ({policies[name].file}) on {what}" for name, what in list(others.items())[:_NAMED]]
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    priority = policies[next(iter(others))].document.priority
    path = ("priority",) if isinstance(source.data, dict) and "priority" in source.data else ("policy",)
    return source.problem(
        path,
        f"may run for the same alert as {', '.join(named)}{more}, both with priority {priority}",
        "give one a lower priority: to go first",
        severity=Severity.WARNING,
        at_key=True,
    )


def _meetings(
    policies: Iterable[LoadedPolicy], catalog: Catalog
) -> Iterator[tuple[LoadedPolicy, LoadedPolicy, str]]:
    """Yield pairs that may meet, with what they meet on; only those that share an alertname are compared."""
    groups: dict[tuple[Mode, int, str], list[LoadedPolicy]] = {}
    for policy in policies:
        if policy.matchers and policy.document.mode is not Mode.OFF:
            for share in _shares(policy, catalog):
                groups.setdefault((policy.document.mode, policy.document.priority, share), []).append(policy)
    for (_, _, share), members in groups.items():
        for first, second in _may_match_alike(members):
            if contradiction((*first.matchers, *second.matchers)) is None:
                yield first, second, share


def _may_match_alike(policies: Sequence[LoadedPolicy]) -> Iterator[tuple[LoadedPolicy, LoadedPolicy]]:
    """Yield pairs in order, leaving out those that ask for different alertnames."""
    by_alert: dict[str | None, list[int]] = {}
    for at, policy in enumerate(policies):
        earlier = {
            other
            for name in _alertnames(policy)
            for other in (range(at) if name is None else by_alert.get(name, ()))
        } | set(by_alert.get(None, ()))
        yield from ((policies[other], policy) for other in sorted(earlier))
        for name in _alertnames(policy):
            by_alert.setdefault(name, []).append(at)


def _alertnames(policy: LoadedPolicy) -> tuple[str | None, ...]:
    """Return the alertnames that a policy asks for; None stands for any."""
    found = (values_of(matcher) for matcher in policy.matchers if matcher.name == ALERTNAME)
    return next((names for names in found if names is not None), (None,))


def _shares(policy: LoadedPolicy, catalog: Catalog) -> set[str]:
    """Return what a policy locks, as a person reads it: its target and what its steps change."""
    found = {f"target {policy.document.target}"}
    for option in policy.document.options:
        revert = option.revert or policy.document.revert
        for step in (*option.steps, *(revert.steps if revert else ())):
            found |= set(_resources(step, catalog))
    return found


def _resources(step: Step, catalog: Catalog) -> Iterator[str]:
    info = catalog.actions[step.uses]
    if info.read_only:
        return
    for _, mark, name in marked_values(info.params, step.with_, Inventory):
        if mark.lock is not None:
            yield f"{mark.lock}:{name}"
