"""What every part of a policy file is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
FactName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
ExpressionSource = Annotated[str, Field(min_length=1, max_length=1000)]


class Document(BaseModel):
    """Base of every part of a policy file: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
