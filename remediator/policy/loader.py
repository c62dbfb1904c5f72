"""Turns policy files into policies that are ready to decide with, or into every fault in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from remediator.content_hash import content_hash
from remediator.errors import ConfigError, Problem, Severity
from remediator.policy.catalog import Catalog, marked_values
from remediator.policy.checking import Checking, Known
from remediator.policy.document_checks import check_approvers, check_document
from remediator.policy.expressions import is_template
from remediator.policy.index import MatcherIndex
from remediator.policy.loaded import LoadedGuard, LoadedPolicy, PolicySet
from remediator.policy.matchers import Matcher, MatcherError, parse_matchers
from remediator.policy.model import Approval, Policy
from remediator.policy.promql import PromQLField
from remediator.policy.pruning import without_faults
from remediator.policy.shared_checks import with_shared_checks
from remediator.policy.uses import check_names, check_secrets, check_strings, strings
from remediator.settings import Settings
from remediator.validation_problems import problems_from_validation, suggestion
from remediator.yaml_source import NodePath, YamlSource, read_yaml_file


def load_policies(folder: Path, catalog: Catalog, settings: Settings, *, now: datetime) -> PolicySet:
    """Load every `*.yaml` and `*.yml` directly in a folder.

    Raises:
        ConfigError: with every fault of every file.
    """
    if not folder.is_dir():
        problem = Problem(str(folder), 0, 0, "is not a folder", "set policies: in remediator.yaml to one")
        raise ConfigError([problem])
    policies: dict[str, LoadedPolicy] = {}
    problems: list[Problem] = []
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".yaml", ".yml") or not path.is_file():
            continue
        try:
            source = read_yaml_file(path)
        except ConfigError as error:
            problems += error.problems
            continue
        policy, found = load_policy(source, catalog, settings)
        problems += found
        if policy is None:
            continue
        if policy.name in policies:
            what = f"policy {policy.name!r} is already in {policies[policy.name].file}"
            problems.append(source.problem(("policy",), what, "give each policy its own name"))
        else:
            policies[policy.name] = policy
    if _errors(problems):
        raise ConfigError(problems)
    index = MatcherIndex(
        {
            name: (policy.document.priority, policy.matchers)
            for name, policy in policies.items()
            if policy.document.schedule is None
        }
    )
    return PolicySet(policies, index, tuple(problems), loaded_at=now)


def load_policy(
    source: YamlSource, catalog: Catalog, settings: Settings
) -> tuple[LoadedPolicy | None, list[Problem]]:
    """Load one policy, with all that is wrong with it; None when anything of that is an error."""
    policy, problems = _load(source, catalog, settings)
    return (None if _errors(problems) else policy), problems


def load_document(document: Any, file: str, catalog: Catalog, settings: Settings) -> LoadedPolicy:
    """Rebuild a policy from its stored document, for a run that was decided before a reload.

    It was checked when it was decided with, so what has changed around it since (an inventory
    entry that is gone) refuses only the steps that need it, when they come.

    Raises:
        ConfigError: when the document can't be decided with at all.
    """
    source = YamlSource(file, "", document, {(): (0, 0)}, {})
    policy, problems = _load(source, catalog, settings)
    if policy is None:
        raise ConfigError(_errors(problems))
    return policy


def _errors(problems: Sequence[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def _load(
    source: YamlSource, catalog: Catalog, settings: Settings
) -> tuple[LoadedPolicy | None, list[Problem]]:
    checking = Checking(source, catalog, settings)
    document = _document(checking)
    if document is None:
        return None, checking.problems
    matchers = _matchers(checking, document)
    guards = _guards(checking, document)
    unavailable = check_document(checking, document)
    _warn_of_prometheus(checking)
    checking.problems.sort(key=lambda problem: (problem.line, problem.column))
    if checking.incomplete:
        return None, checking.problems
    document = with_shared_checks(document, checking.settings.checks)
    policy = LoadedPolicy(
        document=document,
        hash=content_hash(document.model_dump(mode="json", by_alias=True)),
        file=source.file,
        matchers=matchers,
        target=checking.templates[document.target],
        guards=guards,
        expressions=checking.expressions,
        templates=checking.templates,
        unavailable=unavailable,
        queries=checking.queries,
    )
    return policy, checking.problems


def _document(checking: Checking) -> Policy | None:
    if not isinstance(checking.source.data, dict):
        checking.broken((), "is not a policy", "write `policy:`, `match:`, `target:` and `options:`")
        return None
    try:
        document = Policy.model_validate(checking.source.data)
    except ValidationError as error:
        checking.problems += problems_from_validation(checking.source, error, Policy)
    else:
        checking.loose((), Policy, checking.source.data)
        return document
    checking.loose((), Policy, checking.source.data)
    # One look shows as much as possible: what the schema does not refuse is checked as well.
    rest = without_faults(checking.source)
    if rest is not None:
        beside = Checking(checking.source, checking.catalog, checking.settings)
        _matchers(beside, rest)
        _guards(beside, rest)
        check_document(beside, rest)
        checking.problems += [found for found in _errors(beside.problems) if found not in checking.problems]
    checking.problems.sort(key=lambda problem: (problem.line, problem.column))
    return None


def _matchers(checking: Checking, document: Policy) -> tuple[Matcher, ...]:
    found: list[Matcher] = []
    for at, text in enumerate(document.match):
        try:
            # As in Alertmanager's own configuration, one entry may hold several, separated by commas.
            matchers = parse_matchers(text)
            found += matchers
        except MatcherError as error:
            what, _, fix = str(error).partition("; ")
            checking.broken(("match", at), what, fix)
            continue
        if not matchers:
            checking.broken(("match", at), "holds no matcher", 'write one like severity =~ "critical|P1"')
    return tuple(found)


def _guards(checking: Checking, document: Policy) -> tuple[LoadedGuard, ...]:
    found = [_guard(checking, at, use) for at, use in enumerate(document.guards)]
    guards = tuple(guard for guard in found if guard is not None)
    for guard in guards:
        if isinstance(guard.params, Approval):
            check_approvers(checking, ("guards", guard.index, guard.name), guard.params)
    asks = any("approval" in use for use in document.guards)
    for guard in guards:
        if getattr(guard.params, "otherwise", None) == "approval" and not asks:
            path: NodePath = ("guards", guard.index, guard.name, "otherwise")
            fix = "add an approval guard that says from whom"
            checking.error(path, "asks for approval outside the window, but names no approvers", fix)
    return guards


def _guard(checking: Checking, at: int, use: Mapping[str, Any]) -> LoadedGuard | None:
    ((name, value),) = use.items()
    path: NodePath = ("guards", at, name)
    model = checking.catalog.guards.get(name)
    if model is None:
        what, fix = f"no guard is called {name!r}", suggestion(name, tuple(checking.catalog.guards), "guards")
        checking.problems.append(checking.source.problem(path, what, fix, at_key=True))
        checking.incomplete = True
        return None
    data = {} if value is None else value
    if isinstance(data, dict):
        check_names(checking, path, model, data)
        check_strings(checking, path, model, data, Known())
        check_secrets(checking, path, data)
        _refuse_templates(checking, path, model, data)
    try:
        guard = LoadedGuard(name, model.model_validate(data), at)
    except ValidationError as error:
        templates = [
            fault["loc"]
            for fault in error.errors(include_url=False)
            if isinstance(fault["input"], str) and is_template(fault["input"])
        ]
        checking.problems += problems_from_validation(
            checking.source, error, model, prefix=path, leave_out=templates
        )
        checking.incomplete = True
        guard = None
    checking.loose(path, model, data)
    return guard


def _refuse_templates(
    checking: Checking, path: NodePath, model: type[BaseModel], data: Mapping[str, Any]
) -> None:
    queries = {inner for inner, _, _ in marked_values(model, data, PromQLField)}
    for inner, text in strings(data):
        if is_template(text) and inner not in queries:
            fix = "write the value itself; of a guard, only a query holds templates"
            checking.error((*path, *inner), "holds a template where none is rendered", fix)


def _warn_of_prometheus(checking: Checking) -> None:
    if checking.queries and checking.settings.prometheus is None:
        what = "not_configured: asks PromQL, but remediator.yaml has no prometheus"
        checking.warning((), what, "add prometheus:, or what asks it blocks and does not verify")
