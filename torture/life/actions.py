"""The actions of a simulated life: one of each kind that the engine treats differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel

from remediator.actions.base import (
    Action,
    ActionParams,
    BaseAction,
    Call,
    FailureReason,
    Inventory,
    Outcome,
    OutcomeStatus,
    ProbeAnswer,
    failed,
    succeeded,
)
from torture.life.things import Things


class ThingParams(ActionParams):
    """One thing, and a value."""

    thing: Annotated[str, Inventory("services", lock="services")]
    value: int = 0


class Act(BaseAction):
    """Must not be had twice, and nobody can tell afterwards whether it was had."""

    name: ClassVar[str] = "test.act"
    summary: ClassVar[str] = "acts"
    params: ClassVar[type[BaseModel]] = ThingParams

    def __init__(self, things: Things) -> None:
        self.things = things

    async def act(self, params: Any, call: Call) -> Outcome:
        """Have the effect, unless something comes in between."""
        trouble = await self.things.touch(params.thing, call.key)
        if trouble is not None:
            return trouble
        self.things.effects[call.key] += 1
        if self.things.effects[call.key] > 1 and not self.idempotent:
            self.things.violations.append(f"{call.key} ({self.name}) had its effect twice")
        return await self.things.answer() or succeeded()


class Probed(Act):
    """Must not be had twice, but a look tells whether it was."""

    name: ClassVar[str] = "test.probed"

    async def probe(self, params: Any, call: Call, captured: Mapping[str, Any]) -> ProbeAnswer:  # noqa: ARG002
        """Look."""
        return ProbeAnswer.DONE if self.things.effects[call.key] else ProbeAnswer.NOT_DONE


class Repeatable(Act):
    """May be had again."""

    name: ClassVar[str] = "test.repeatable"
    idempotent: ClassVar[bool] = True


class Set(BaseAction):
    """Sets a value that stays, and can put the old one back."""

    name: ClassVar[str] = "test.set"
    summary: ClassVar[str] = "sets"
    params: ClassVar[type[BaseModel]] = ThingParams
    reversible: ClassVar[bool] = True
    lasting: ClassVar[bool] = True

    def __init__(self, things: Things) -> None:
        self.things = things

    def attributes(self, params: Any) -> tuple[tuple[str, str], ...]:
        """One value."""
        return ((f"services:{params.thing}", "value"),)

    async def capture(self, params: Any, call: Call) -> Mapping[str, Any]:  # noqa: ARG002
        """Read it."""
        return {"value": self.things.values[params.thing]}

    async def act(self, params: Any, call: Call) -> Outcome:
        """Set it, unless something comes in between."""
        trouble = await self.things.touch(params.thing, call.key)
        if trouble is not None:
            return trouble
        if self.things.values[params.thing] == params.value:
            return Outcome(status=OutcomeStatus.ALREADY)
        self.things.values[params.thing] = params.value
        done = Outcome(status=OutcomeStatus.SUCCEEDED, applied={"value": params.value})
        return await self.things.answer() or done

    async def probe(self, params: Any, call: Call, captured: Mapping[str, Any]) -> ProbeAnswer:  # noqa: ARG002
        """Look."""
        return ProbeAnswer.DONE if self.things.values[params.thing] == params.value else ProbeAnswer.NOT_DONE

    async def undo(
        self, params: Any, call: Call, original: Mapping[str, Any], applied: Mapping[str, Any]
    ) -> Outcome:
        """Put it back, unless somebody changed it since."""
        trouble = await self.things.touch(params.thing, call.key)
        if trouble is not None:
            return trouble
        present = self.things.values[params.thing]
        if present == original["value"]:
            return Outcome(status=OutcomeStatus.ALREADY)
        if applied["value"] is not None and present != applied["value"]:
            return failed(FailureReason.CHANGED_SINCE, f"it is {present} by now")
        self.things.values[params.thing] = original["value"]
        return await self.things.answer() or succeeded()


class Mark(Set):
    """What it sets belongs to the run, as a silence does, and goes back with the run's end."""

    name: ClassVar[str] = "test.mark"
    ends_with_run: ClassVar[bool] = True


def actions_on(things: Things) -> dict[str, Action[Any]]:
    """Return them all by name."""
    kinds = (Act, Probed, Repeatable, Set, Mark)
    return {kind.name: kind(things) for kind in kinds}
