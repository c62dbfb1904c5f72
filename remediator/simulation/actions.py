"""The catalog's actions with scripted effects: what they are and refuse is real, what they do is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from pydantic import BaseModel

from remediator.actions.base import (
    Action,
    Call,
    CaptureError,
    FailureReason,
    Outcome,
    OutcomeStatus,
    ProbeAnswer,
    failed,
)
from remediator.clock import Clock
from remediator.simulation.timelines import Timeline, Unscripted

_ANSWERED_BY_EDGES = frozenset({"wait", "prometheus.query", "http.probe", "http.request"})
"""Actions whose own code runs: the clock, Prometheus and the services they ask are simulated already."""


class Doing(StrEnum):
    """Which of an action's doings a script is about."""

    ACT = "act"
    CAPTURE = "capture"
    UNDO = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedOutcome:
    """How one attempt ends, after a while, and what a look afterwards says of it."""

    outcome: Outcome
    takes: timedelta = timedelta(0)
    probe: ProbeAnswer = ProbeAnswer.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedUse:
    """What the uses of an action come to, those with these parameters among theirs.

    Outcomes go by the number of the attempt (the last one repeats), or by the time.
    """

    action: str
    params: Mapping[str, Any]
    doing: Doing
    outcomes: Sequence[ScriptedOutcome] | Timeline[ScriptedOutcome]


class Resources:
    """What stands in the world, by (resource, attribute), so that a change can be undone."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], Any] = {}

    def get(self, resource: str, attribute: str) -> Any:
        """Return what stands there; before anything was set, a value that says so."""
        return self._values.get((resource, attribute), f"{attribute} as it was")

    def set(self, resource: str, attribute: str, value: Any) -> None:
        """Change it."""
        self._values[resource, attribute] = value


class ActionScript:
    """Answers for all actions."""

    def __init__(
        self, clock: Clock, uses: Sequence[ScriptedUse], resources: Resources, unscripted: Unscripted
    ) -> None:
        self.clock = clock
        self.resources = resources
        self.unscripted = unscripted
        self._uses = uses
        self._attempts: dict[int, int] = {}

    def next(self, action: str, params: Mapping[str, Any], doing: Doing) -> ScriptedOutcome | None:
        """Return what the next attempt comes to, or None when no script says."""
        for at, use in enumerate(self._uses):
            if use.action == action and use.doing is doing and is_within(use.params, params):
                return self._outcome(at, use, self.clock.now())
        return None

    def _outcome(self, at: int, use: ScriptedUse, now: datetime) -> ScriptedOutcome | None:
        if isinstance(use.outcomes, Timeline):
            return use.outcomes.at(now)
        number = self._attempts.get(at, 0)
        self._attempts[at] = number + 1
        return use.outcomes[min(number, len(use.outcomes) - 1)]


class ScriptedAction:
    """One action of the catalog, whose attempts end as the script says.

    Everything else (its parameters, what it refuses, what it changes) is the action's own.
    """

    def __init__(self, real: Action[Any], script: ActionScript) -> None:
        self._real = real
        self._script = script
        self._probe = ProbeAnswer.UNKNOWN

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def capture(self, params: BaseModel, call: Call) -> Mapping[str, Any]:  # noqa: ARG002
        """Read what stands, or fail as scripted."""
        scripted = self._next(params, Doing.CAPTURE)
        if scripted is not None:
            await self._script.clock.sleep(scripted.takes)
            if not scripted.outcome.ok:
                raise CaptureError(scripted.outcome.detail or str(scripted.outcome.reason))
        resources = self._script.resources
        return {name: resources.get(resource, name) for resource, name in self._real.attributes(params)}

    async def act(self, params: BaseModel, call: Call) -> Outcome:
        """End as scripted; what nobody scripted succeeds, unless it only looks."""
        scripted = self._next(params, Doing.ACT)
        # A look from inside a container would reach for a real one.
        inside = getattr(params, "from_", None) is not None
        if scripted is None and self._real.name in _ANSWERED_BY_EDGES and not inside:
            return await self._real.act(params, call)
        if scripted is None and self._real.read_only_for(params):
            shown = f"{self._real.name} {params.model_dump_json(by_alias=True, exclude_unset=True)}"
            return failed(FailureReason.NOT_SENT, self._script.unscripted.note(shown))
        ended = scripted or ScriptedOutcome(outcome=Outcome(status=OutcomeStatus.SUCCEEDED))
        self._probe = ended.probe
        await self._script.clock.sleep(ended.takes)
        if ended.outcome.status is not OutcomeStatus.SUCCEEDED:
            return ended.outcome
        return replace(ended.outcome, applied=self._apply(params, ended.outcome.applied))

    async def probe(self, params: BaseModel, call: Call, captured: Mapping[str, Any]) -> ProbeAnswer:  # noqa: ARG002
        """Say of the last attempt what its script says."""
        return self._probe

    async def undo(
        self,
        params: BaseModel,
        call: Call,  # noqa: ARG002
        original: Mapping[str, Any],
        applied: Mapping[str, Any],
    ) -> Outcome:
        """Put back what stood, unless it was changed since; or end as scripted."""
        scripted = self._next(params, Doing.UNDO)
        if scripted is not None:
            await self._script.clock.sleep(scripted.takes)
            if scripted.outcome.status is not OutcomeStatus.SUCCEEDED:
                return scripted.outcome
        pairs = self._real.attributes(params)
        present = {name: self._script.resources.get(resource, name) for resource, name in pairs}
        if all(present[name] == original.get(name) for name in present):
            return Outcome(status=OutcomeStatus.ALREADY)
        changed = [name for name in present if applied.get(name) not in (None, present[name])]
        if changed:
            return failed(FailureReason.CHANGED_SINCE, f"{changed[0]} is {present[changed[0]]!r} by now")
        for resource, name in pairs:
            self._script.resources.set(resource, name, original.get(name))
        return Outcome(status=OutcomeStatus.SUCCEEDED)

    def _next(self, params: BaseModel, doing: Doing) -> ScriptedOutcome | None:
        shown = params.model_dump(mode="json", by_alias=True)
        return self._script.next(self._real.name, shown, doing)

    def _apply(self, params: BaseModel, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Have the world be as the step left it; return that by attribute."""
        if not self._real.reversible_for(params):
            return given
        applied = {}
        for resource, name in self._real.attributes(params):
            applied[name] = given.get(name, f"{name} as {self._real.name} left it")
            self._script.resources.set(resource, name, applied[name])
        return applied


def scripted_actions(real: Mapping[str, Action[Any]], script: ActionScript) -> Mapping[str, Action[Any]]:
    """Return a catalog's actions, scripted."""
    # What ScriptedAction does not say itself it takes from the real one, which no type can tell.
    return {name: cast("Action[Any]", ScriptedAction(action, script)) for name, action in real.items()}


def is_within(part: Any, whole: Any) -> bool:
    """Tell whether all that `part` says is so in `whole`: mappings by their keys, all else as a whole."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(
            key in whole and is_within(value, whole[key]) for key, value in part.items()
        )
    if isinstance(part, list | tuple):
        return (
            isinstance(whole, list | tuple)
            and len(part) == len(whole)
            and all(is_within(one, other) for one, other in zip(part, whole, strict=True))
        )
    return bool(part == whole)
