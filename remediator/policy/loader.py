"""Turns policy files into policies that are ready to decide with, or into every fault in them."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from remediator.content_hash import content_hash
from remediator.errors import ConfigError, Problem, Severity
from remediator.policy.catalog import Catalog
from remediator.policy.checking import Checking
from remediator.policy.document_checks import check_document
from remediator.policy.guard_checks import check_guards
from remediator.policy.index import MatcherIndex
from remediator.policy.loaded import LoadedPolicy, PolicySet
from remediator.policy.matcher_logic import contradiction
from remediator.policy.matchers import Matcher, MatcherError, parse_matchers
from remediator.policy.model import Policy
from remediator.policy.overlaps import overlaps
from remediator.policy.pruning import without_faults
from remediator.policy.shared_checks import with_shared_checks
from remediator.settings import Settings
from remediator.validation_problems import problems_from_validation
from remediator.yaml_source import YamlSource, read_yaml_file


def load_policies(folder: Path, catalog: Catalog, settings: Settings, *, now: datetime) -> PolicySet:
    """Load every `*.yaml` and `*.yml` directly in a folder.

    Raises:
        ConfigError: with every fault of every file.
    """
    if not folder.is_dir():
        problem = Problem(str(folder), 0, 0, "is not a folder", "set policies: in remediator.yaml to one")
        raise ConfigError([problem])
    with _collector_off():
        found = read_policies(files_in(folder), catalog, settings)
        if errors_of(found.problems):
            raise ConfigError(found.problems)
        index = MatcherIndex(
            {
                name: (policy.document.priority, policy.matchers)
                for name, policy in found.policies.items()
                if policy.document.schedule is None
            }
        )
    return PolicySet(found.policies, index, tuple(found.problems), loaded_at=now)


@contextmanager
def _collector_off() -> Iterator[None]:
    """Let nobody look for what can be thrown away: all that is read is kept, and with thousands of files
    looking through it again and again takes as long as reading them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(frozen=True, slots=True)
class ReadPolicies:
    """What files hold: the policies without an error by name, and every problem of all."""

    policies: Mapping[str, LoadedPolicy]
    problems: Sequence[Problem]


def files_in(folder: Path) -> list[Path]:
    """Return the policy files directly in a folder, by name."""
    return [path for path in sorted(folder.iterdir()) if path.suffix in (".yaml", ".yml") and path.is_file()]


def read_policies(paths: Iterable[Path], catalog: Catalog, settings: Settings) -> ReadPolicies:
    """Read policy files, and look at each and at all together."""
    policies: dict[str, LoadedPolicy] = {}
    sources: dict[str, YamlSource] = {}
    problems: list[Problem] = []
    for path in paths:
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
            policies[policy.name], sources[policy.name] = policy, source
    problems += overlaps(policies, sources, catalog)
    return ReadPolicies(policies, problems)


def load_policy(
    source: YamlSource, catalog: Catalog, settings: Settings
) -> tuple[LoadedPolicy | None, list[Problem]]:
    """Load one policy, with all that is wrong with it; None when anything of that is an error."""
    policy, problems = _load(source, catalog, settings)
    return (None if errors_of(problems) else policy), problems


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
        raise ConfigError(errors_of(problems))
    return policy


def errors_of(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems that refuse a policy."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def _load(
    source: YamlSource, catalog: Catalog, settings: Settings
) -> tuple[LoadedPolicy | None, list[Problem]]:
    checking = Checking(source, catalog, settings)
    checking.plain_secrets()
    document = _document(checking)
    if document is None:
        return None, checking.problems
    matchers = _matchers(checking, document)
    guards = check_guards(checking, document, matchers)
    unavailable = check_document(checking, document, matchers)
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
        matchers = _matchers(beside, rest)
        check_guards(beside, rest, matchers)
        check_document(beside, rest, matchers)
        checking.problems += [found for found in errors_of(beside.problems) if found not in checking.problems]
    checking.problems.sort(key=lambda problem: (problem.line, problem.column))
    return None


def _matchers(checking: Checking, document: Policy) -> tuple[Matcher, ...]:
    found: list[Matcher] = []
    places: list[int] = []
    for at, text in enumerate(document.match):
        try:
            # As in Alertmanager's own configuration, one entry may hold several, separated by commas.
            matchers = parse_matchers(text)
            found += matchers
            places += [at] * len(matchers)
        except MatcherError as error:
            what, _, fix = str(error).partition("; ")
            checking.broken(("match", at), what, fix)
            continue
        if not matchers:
            checking.broken(("match", at), "holds no matcher", 'write one like severity =~ "critical|P1"')
    clash = contradiction(found)
    if clash is not None:
        first, second = clash
        what = f"{second} and {first} can't both hold, so no alert matches"
        checking.error(("match", places[found.index(second)]), what, "remove one of the two")
    return tuple(found)


def _warn_of_prometheus(checking: Checking) -> None:
    if checking.queries and checking.settings.prometheus is None:
        what = "not_configured: asks PromQL, but remediator.yaml has no prometheus"
        checking.warning((), what, "add prometheus:, or what asks it blocks and does not verify")
