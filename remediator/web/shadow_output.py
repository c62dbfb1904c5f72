"""What the API shows of shadow: decisions with what was seen after them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from remediator.runs.episodes import DecisionRecord
from remediator.runs.reasons import CloseReason
from remediator.runs.shadow import ShadowObservation, ShadowReason, WouldVerify
from remediator.store.base import Filter, Reads
from remediator.web.schemas import DecisionOutput, Output


class ShadowOutput(Output):
    """What was seen after a shadow decision, while nothing acted because of it."""

    would_verify: WouldVerify | None = Field(
        description="What verification would have seen of a world in which this plan did not act; "
        "null while it is still looked at."
    )
    reason: ShadowReason | None = Field(description="Why the looks ended.")
    asks: Any = Field(description="Who would have been asked first: level, from, count, expires.")
    steps_end_at: datetime = Field(description="When the steps would have ended, by estimate.")
    look_until: datetime = Field(description="The checks had to begin to hold by then.")
    held_at_decision: bool | None = Field(
        description="Whether the checks held before anything could have been done; null: not seen."
    )
    first_held_at: datetime | None = Field(description="The first look at which all checks held.")
    looks: int = Field(description="How often was looked, from steps_end_at on.")
    unanswered: int = Field(description="How many of these looks could not be asked.")
    missed: int = Field(description="How often a look came too late to count.")
    last_look: Any = Field(description="What the last look saw: check, held, detail, answered.")
    guards_later: Any = Field(
        description="For a plan that asks: the guards that denied at steps_end_at; null: not looked at."
    )
    finished_at: datetime | None
    resolved_at: datetime | None = Field(description="When the alert's episode closed.")
    close_reason: CloseReason | None
    seconds_until_resolved: float | None = Field(description="From the decision to the episode's close.")


class ObservedDecisionOutput(DecisionOutput):
    """One decision; in shadow, with what was seen after it."""

    shadow: ShadowOutput | None = Field(description="Null unless a plan was decided in shadow.")


class DecisionDetailOutput(ObservedDecisionOutput):
    """One decision; in shadow, also with the plan that would have run."""

    plan: dict[str, Any] | None = Field(
        description="Kept with shadow decisions; others have it on their run."
    )


def with_shadow(reads: Reads, decisions: Sequence[DecisionRecord]) -> list[ObservedDecisionOutput]:
    """Return decisions as they are listed."""
    seen = observations_of(reads, decisions)
    return [_observed(decision, seen.get(decision.id)) for decision in decisions]


def decision_detail(reads: Reads, decision: DecisionRecord) -> DecisionDetailOutput:
    """Return one decision with all that is kept of it."""
    observation = observations_of(reads, (decision,)).get(decision.id)
    shown = _observed(decision, observation).model_dump()
    plan = observation.plan.model_dump(mode="json", by_alias=True) if observation else None
    return DecisionDetailOutput(**shown, plan=plan)


def observations_of(reads: Reads, decisions: Sequence[DecisionRecord]) -> dict[int, ShadowObservation]:
    """Return what was seen after decisions, by the decision's id."""
    ids = [decision.id for decision in decisions]
    found = reads.select(ShadowObservation, Filter(one_of={"decision_id": ids}, limit=len(ids)))
    return {observation.decision_id: observation for observation in found}


def _observed(decision: DecisionRecord, observation: ShadowObservation | None) -> ObservedDecisionOutput:
    plain = DecisionOutput.model_validate(decision).model_dump()
    return ObservedDecisionOutput(**plain, shadow=_output(observation) if observation else None)


def _output(observation: ShadowObservation) -> ShadowOutput:
    until = observation.resolved_at
    seconds = None if until is None else round((until - observation.decided_at).total_seconds(), 3)
    names = ShadowOutput.model_fields.keys() - {"seconds_until_resolved"}
    values = {name: getattr(observation, name) for name in names}
    return ShadowOutput(**values, seconds_until_resolved=seconds)
