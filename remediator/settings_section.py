"""What every section of `remediator.yaml` is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Argv = Annotated[tuple[str, ...], Field(min_length=1)]
EntryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


class Section(BaseModel):
    """Base of every part of the file: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Bounds(Section):
    """An inclusive range of whole numbers."""

    min: int = Field(ge=0, description="Least.")
    max: int = Field(ge=0, description="Most.")


class SecretValues(Section):
    """What a Fly secret may be set to: listed values, or a range. Values may be references."""

    values: tuple[str, ...] | None = Field(default=None, description="Allowed values or references.")
    min: int | None = Field(default=None, description="Least, for a number.")
    max: int | None = Field(default=None, description="Most, for a number.")
