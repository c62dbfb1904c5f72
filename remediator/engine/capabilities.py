"""What this server can do and check: the catalogs as built, and a policy made ready with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ValidationError

from remediator.actions.base import Action, Inventory
from remediator.durations import format_duration
from remediator.errors import Severity
from remediator.extensions import NO_EXTENSIONS, Extensions
from remediator.guards.base import Guard
from remediator.guards.catalog import always_bound, configurable_guards, lease_use
from remediator.guards.doubts import doubts
from remediator.guards.evaluate import GuardUse, elsewhere_window, history_window, others_window
from remediator.policy.calendar import Calendar
from remediator.policy.catalog import Catalog, marked_values
from remediator.policy.doubts import Doubt
from remediator.policy.loaded import LoadedGuard, LoadedPolicy
from remediator.policy.matchers import Matcher
from remediator.policy.model import Approval, Option, Revert, Step, Verify
from remediator.runs.plan import PlannedStep
from remediator.settings import Limits


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The catalogs, built against one inventory.

    `always` are the guards that bind every policy, in the order they are looked at;
    `lease` is looked at once the option is known.
    """

    actions: Mapping[str, Action[Any]]
    guards: Mapping[str, Guard[Any]]
    always: tuple[GuardUse, ...]
    lease: GuardUse

    def action(self, name: str) -> Action[Any]:
        """Return an action that a loaded policy names (the loader has checked the name)."""
        return self.actions[name]

    def typed(self, step: PlannedStep) -> BaseModel:
        """Return a planned step's parameters as its action's model; raises ValidationError."""
        return self.action(step.action).params.model_validate(step.params)


def capabilities_of(
    actions: Mapping[str, Action[Any]], limits: Limits, extensions: Extensions = NO_EXTENSIONS
) -> Capabilities:
    """Put the catalogs together for one inventory; `actions` are all of them, those of extensions too."""
    guards = {**configurable_guards(), **extensions.guards}
    return Capabilities(actions, guards, always_bound(limits), lease_use())


def catalog_of(
    capabilities: Capabilities, calendar: Calendar | None = None, kept: timedelta | None = None
) -> Catalog:
    """Return what the loader checks policies against. `kept` is how long records are, if not for ever."""
    guards = {name: guard.params for name, guard in capabilities.guards.items()}

    def examine(used: Sequence[LoadedGuard], matchers: Sequence[Matcher]) -> Iterator[Doubt]:
        yield from doubts(used, matchers)
        if kept is not None:
            yield from _looks_too_far(capabilities, used, kept)

    return Catalog(guards=guards, actions=capabilities.actions, calendar=calendar, examine=examine)


def _looks_too_far(
    capabilities: Capabilities, used: Sequence[LoadedGuard], kept: timedelta
) -> Iterator[Doubt]:
    """A guard that counts what is not there any more would allow what it is there to stop."""
    for loaded in used:
        guard = capabilities.guards[loaded.name]
        window = max(guard.window(loaded.params), guard.others_window(loaded.params))
        if window > kept:
            what = (
                f"looks back {format_duration(window)}, and records are kept for {format_duration(kept)} only"
            )
            fix = "make it shorter, or retention.records in the configuration longer"
            yield Doubt(loaded, "", what, fix, Severity.ERROR)


def guard_names(capabilities: Capabilities) -> tuple[str, ...]:
    """Return the names of all guards, those that always apply among them."""
    always = [use.guard.name for use in (*capabilities.always, capabilities.lease)]
    return (*always, *capabilities.guards)


@dataclass(frozen=True, slots=True)
class PreparedPolicy:
    """A policy with its guards bound to their implementations."""

    policy: LoadedPolicy
    uses: tuple[GuardUse, ...]
    """Guards that always apply, then the policy's own in its order."""
    resources: tuple[str, ...]
    """Every inventory entry that its options can change, as lock keys, sorted."""
    window: timedelta
    """How far back its guards look."""
    elsewhere_window: timedelta
    """How far back they look at the policy's runs on other targets; no longer than `window`."""
    others_window: timedelta
    """How far back they look at other policies; no longer than `window`."""
    approvers: Approval | None
    document_json: Any
    """The policy as the JSON that a run keeps; made once, for a storm makes many."""

    @property
    def options(self) -> tuple[Option, ...]:
        """The options that this inventory makes available, in order."""
        document = self.policy.document
        return tuple(option for option in document.options if option.name not in self.policy.unavailable)

    def verify_of(self, option: Option) -> Verify | None:
        """Return the option's verification, or the policy's."""
        return option.verify or self.policy.document.verify

    def revert_of(self, option: Option) -> Revert | None:
        """Return the option's revert, or the policy's."""
        return option.revert or self.policy.document.revert


def prepare(policy: LoadedPolicy, capabilities: Capabilities) -> PreparedPolicy:
    """Bind a policy's guards, and work out what it locks."""
    own = tuple(GuardUse(capabilities.guards[guard.name], guard.params, guard.key) for guard in policy.guards)
    uses = (*capabilities.always, *own)
    approvers = next((guard.params for guard in policy.guards if isinstance(guard.params, Approval)), None)
    document = policy.document.model_dump(mode="json", by_alias=True, exclude_unset=True)
    window = history_window(uses)
    elsewhere, others = min(window, elsewhere_window(uses)), min(window, others_window(uses))
    bare = PreparedPolicy(policy, uses, (), window, elsewhere, others, approvers, document)
    keys = {
        key
        for option in bare.options
        for step in (*option.steps, *_revert_steps(bare, option))
        for key in _lock_keys(capabilities.action(step.uses), step)
    }
    return replace(bare, resources=tuple(sorted(keys)))


def _revert_steps(prepared: PreparedPolicy, option: Option) -> tuple[Step, ...]:
    revert = prepared.revert_of(option)
    return revert.steps if revert else ()


def _lock_keys(action: Action[Any], step: Step) -> list[str]:
    if _only_looks(action, step):
        return []
    marked = marked_values(action.params, step.with_, Inventory)
    return [f"{mark.lock}:{name}" for _, mark, name in marked if mark.lock is not None]


def _only_looks(action: Action[Any], step: Step) -> bool:
    try:
        params = action.params.model_validate(step.with_)
    except ValidationError:
        # A template stands where a number will be: what it does is not known yet, so lock.
        return action.read_only
    return action.read_only_for(params)
