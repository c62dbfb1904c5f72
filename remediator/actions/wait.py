"""`wait`: let time pass."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from pydantic import BaseModel, Field, field_validator

from remediator.actions.base import ActionParams, BaseAction, Call, Outcome, succeeded
from remediator.clock import Clock
from remediator.durations import PositiveDuration

_LONGEST = timedelta(hours=1)


class WaitParams(ActionParams):
    """How long."""

    for_: PositiveDuration = Field(alias="for", description="At most 1h.")

    @field_validator("for_")
    @classmethod
    def _bounded(cls, value: timedelta) -> timedelta:
        if value > _LONGEST:
            raise ValueError("is too long; at most 1h")
        return value


class Wait(BaseAction):
    """Does nothing for a while."""

    name = "wait"
    summary = "Let time pass before the next step."
    params: ClassVar[type[BaseModel]] = WaitParams
    read_only = True
    idempotent = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def lasts(self, params: WaitParams) -> timedelta:
        """As long as it says."""
        return params.for_

    async def act(self, params: WaitParams, call: Call) -> Outcome:  # noqa: ARG002  (the protocol)
        """Wait."""
        await self._clock.sleep(params.for_)
        return succeeded()
