"""How many there should be: parameters, bounds, and what to do about a present number. Pure."""

from __future__ import annotations

from enum import StrEnum

from pydantic import ConfigDict, Field, model_validator

from remediator.actions.base import ActionParams
from remediator.schema_hints import exactly_one_of
from remediator.settings_section import Bounds


class ScaleParams(ActionParams):
    """A wanted number: at least so many, or exactly so many."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("at_least", "to"))

    at_least: int | None = Field(default=None, ge=1, description="So many or more; never decreases.")
    to: int | None = Field(default=None, ge=0, description="Exactly so many.")
    allow_decrease: bool = Field(default=False, description="Whether `to` may be below the present number.")

    @model_validator(mode="after")
    def _one(self) -> ScaleParams:
        if (self.at_least is None) == (self.to is None):
            raise ValueError("must have exactly one of at_least or to")
        if self.at_least is not None and self.allow_decrease:
            raise ValueError("at_least never decreases; write to with allow_decrease")
        return self

    @property
    def number(self) -> int:
        """The number named."""
        return self.at_least if self.at_least is not None else self.to or 0

    def met(self, count: int) -> bool:
        """Whether a present number will do."""
        return count >= self.number if self.at_least is not None else count == self.number

    def refuses(self, count: int) -> str | None:
        """Say why a present number may not be changed to the one named, or None."""
        if self.met(count) or count < self.number or self.allow_decrease:
            return None
        return f"{self.number} is fewer than the {count} there are; write allow_decrease: true"


def refuse_number(number: int, bounds: Bounds | None, where: str) -> str | None:
    """Say that a number is out of the inventory's bounds, or has none; else None."""
    if bounds is None:
        return f"{where} in remediator.yaml has no min and max to scale within"
    if bounds.min <= number <= bounds.max:
        return None
    return f"{number} is not within {bounds.min} to {bounds.max}, which {where} in remediator.yaml allows"


class Undo(StrEnum):
    """What an undo finds."""

    NOTHING = "nothing"
    PUT_BACK = "put_back"
    CHANGED_SINCE = "changed_since"


def compare(present: int, original: int, applied: int | None, wanted: int) -> Undo:
    """Say what to do about a number that a step changed from `original`.

    `applied` is what the step left; None when its answer was lost, and then it is what was wanted.
    """
    if present == original:
        return Undo.NOTHING
    left = applied if applied is not None else wanted
    return Undo.PUT_BACK if present == left else Undo.CHANGED_SINCE
