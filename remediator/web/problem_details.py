"""The body of every refusal (RFC 9457)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ProblemDetails(BaseModel):
    """Why a request was refused."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(
        default="about:blank", description="Always about:blank: the status says what kind it is."
    )
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What is wrong and, where it helps, what to do.")
    parameter: str | None = Field(
        default=None, description="The parameter or field that is wrong; left out when there is none."
    )
