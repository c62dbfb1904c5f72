"""Sets the stage for a test: the configuration and the policies that hold in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import PydanticBaseSettingsSource

from remediator.actions.catalog import ActionClients, build_actions
from remediator.authoring.policy_tests.reading import INVENTORY, ReadFile
from remediator.authoring.policy_tests.script import DEFAULT_START
from remediator.clients.process import ProcessRunner
from remediator.clock import SystemClock
from remediator.content_hash import content_hash
from remediator.engine.capabilities import capabilities_of, catalog_of
from remediator.errors import ConfigError, Problem, Severity
from remediator.extensions import load_extensions
from remediator.policy.calendar import Calendar
from remediator.policy.index import MatcherIndex
from remediator.policy.loaded import LoadedPolicy, PolicySet
from remediator.policy.loader import load_policy
from remediator.settings import Mode, Settings
from remediator.validation_problems import problems_from_validation
from remediator.yaml_source import NodePath, YamlSource, read_yaml, read_yaml_file


class _WrittenSettings(Settings):
    """Settings as they are written: what a test shows must not depend on the environment."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[Settings],  # type: ignore[override]  # noqa: ARG003  (pydantic-settings' signature)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Stage:
    """What holds in a test. `policies` are in the order in which the file names them."""

    settings: Settings
    policies: PolicySet
    names: tuple[str, ...]
    calendar: Calendar | None


class Stages:
    """The stages of one file's tests; tests with the same configuration share one.

    `config` is the inventory of a file that names none, `fallback` that of one which has none beside
    it either. `policies` are the policies' contents, which a mutation run changes. Without a `calendar`
    no schedule is ever due.
    """

    def __init__(
        self,
        file: ReadFile,
        *,
        config: Path | None = None,
        fallback: Path | None = None,
        policies: Sequence[YamlSource] | None = None,
        calendar: Calendar | None = None,
    ) -> None:
        self._file = file
        self._policies = policies if policies is not None else policy_sources(file)
        self._inventory = _inventory(file, config, fallback)
        self._calendar = calendar
        self._made: dict[str, Stage] = {}

    def of(self, at: int) -> Stage:
        """Return the stage of the test at a place in the file.

        Raises:
            ConfigError: with every fault of the configuration, or of the policies.
        """
        own = self._file.document.tests[at].configuration
        sections = {**self._file.document.configuration, **own}
        key = content_hash(sections)
        if key not in self._made:
            where: NodePath = ("tests", at, "configuration") if own else ("configuration",)
            settings = self._settings(sections, where)
            self._made[key] = _stage(settings, self._policies, self._calendar)
        return self._made[key]

    @property
    def policies(self) -> Mapping[str, LoadedPolicy]:
        """The policies that tests have used so far."""
        return {
            name: policy for made in self._made.values() for name, policy in made.policies.policies.items()
        }

    def _settings(self, sections: Mapping[str, Any], where: NodePath) -> Settings:
        data = {**(self._inventory.data or {}), **sections}
        # A cautious `mode` of the server's is no more a test's matter than its environment.
        own = {"mode": Mode.ENFORCE, **{key: value for key, value in data.items() if key != "mode"}}
        own |= {"mode": sections["mode"]} if "mode" in sections else {}
        try:
            return _WrittenSettings(**{key: value for key, value in own.items() if value is not None})
        except ValidationError as error:
            locations = [fault["loc"] for fault in error.errors(include_url=False)]
            ours = [place for place in locations if place and place[0] in sections]
            theirs = [place for place in locations if place not in ours]
            raise ConfigError(
                [
                    *problems_from_validation(
                        self._file.source, error, Settings, prefix=where, leave_out=theirs
                    ),
                    *problems_from_validation(self._inventory, error, Settings, leave_out=ours),
                ]
            ) from None


def policy_sources(file: ReadFile) -> list[YamlSource]:
    """Read the policies that a file is about.

    Raises:
        ConfigError: when one can't be read, at the place that names it.
    """
    several = bool(file.document.policies)
    sources, problems = [], []
    for at, name in enumerate(file.document.policy_files):
        path = file.beside(name)
        if path.is_file():
            sources.append(read_yaml_file(path))
        else:
            place: NodePath = ("policies", at) if several else ("policy",)
            fix = f"write its path from this file's folder; {path} was looked for"
            problems.append(file.source.problem(place, f"there is no policy {name}", fix))
    if problems:
        raise ConfigError(problems)
    return sources


def _inventory(file: ReadFile, config: Path | None, fallback: Path | None) -> YamlSource:
    """Read what exists: as the file names it, else the command, else what stands beside the file or here."""
    named, beside = file.document.inventory, file.beside(INVENTORY)
    if named is not None:
        path: Path | None = file.beside(named)
        if path is not None and not path.is_file():
            fix = f"write its path from this file's folder; {path} was looked for"
            raise ConfigError([file.source.problem(("inventory",), f"there is no inventory {named}", fix)])
    else:
        path = config or (beside if beside.is_file() else fallback)
    source = read_yaml("defaults", "") if path is None else read_yaml_file(path)
    if source.data is not None and not isinstance(source.data, dict):
        raise ConfigError([source.problem((), "is not a mapping", "write `key: value` lines")])
    return source


def _stage(settings: Settings, sources: Sequence[YamlSource], calendar: Calendar | None) -> Stage:
    extensions = load_extensions(settings.extensions)
    built = build_actions(settings, ActionClients.of(settings, ProcessRunner()), SystemClock())
    actions = {**built, **extensions.actions}
    catalog = catalog_of(capabilities_of(actions, settings.limits, extensions), calendar)
    policies: dict[str, LoadedPolicy] = {}
    problems: list[Problem] = []
    for source in sources:
        policy, found = load_policy(source, catalog, settings)
        problems += found
        if policy is not None:
            policies[policy.name] = policy
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        raise ConfigError(errors)
    index = MatcherIndex(
        {name: (policy.document.priority, policy.matchers) for name, policy in policies.items()}
    )
    served = PolicySet(policies, index, tuple(problems), loaded_at=DEFAULT_START)
    return Stage(settings, served, tuple(policies), calendar)
