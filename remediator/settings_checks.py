"""`checks:` in `remediator.yaml`: verifications that policies and drills share by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, PrivateAttr, model_validator

from remediator.durations import Duration
from remediator.schema_hints import exactly_one_of
from remediator.settings_section import Section

TemplateSource = Annotated[str, Field(min_length=1, max_length=4000)]


class _Written(Section):
    """Keys that are words of Python have another name in here."""

    model_config = ConfigDict(populate_by_name=True)


class Expect(_Written):
    """What an HTTP answer must be."""

    status: int | tuple[int, ...] | None = Field(default=None, description="A status code, or several.")
    json_: dict[str, JsonValue] | None = Field(default=None, alias="json", description="Dotted path: value.")
    absent: tuple[str, ...] = Field(default=(), description="Dotted paths that must not be there.")
    latency_below: Duration | None = Field(default=None, description="The whole answer is there sooner.")


class HttpCheck(_Written):
    """An HTTP look as a check."""

    service: str = Field(description="A name under `services`.")
    path: TemplateSource = Field(description="Below the service's url.")
    method: Literal["GET", "HEAD"] = Field(default="GET", description="HEAD asks for no body.")
    expect: Expect = Field(default=Expect(status=200), description="What must hold of the answer.")
    timeout: Duration | None = Field(default=None, description="The service's own when left out.")


class CheckLook(_Written):
    """One look: exactly one of PromQL, HTTP, or a read-only action."""

    model_config = ConfigDict(json_schema_extra=exactly_one_of("promql", "http", "uses"))

    promql: str | None = Field(default=None, description="Holds when its result is not empty.")
    http: HttpCheck | None = Field(default=None, description="Holds when the answer is as expected.")
    uses: str | None = Field(default=None, description="A read-only action; holds when its fact is true.")
    with_: dict[str, JsonValue] = Field(default={}, alias="with", description="The action's parameters.")

    @model_validator(mode="after")
    def _one_kind(self) -> CheckLook:
        kinds = self._kinds()
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            raise ValueError(f"must have exactly one of {', '.join(kinds[:-1])} or {kinds[-1]}")
        return self

    def _kinds(self) -> tuple[str, ...]:
        return ("promql", "http", "uses")


class SharedCheck(Section):
    """What `{check: NAME}` in a policy's `verify` stands for: looks that all must hold."""

    all: tuple[CheckLook, ...] = Field(
        min_length=1, description="Looks that all must hold; may hold templates, as in a policy."
    )
    _places: tuple[str, ...] = PrivateAttr(default=())

    def placed(self, places: Sequence[str]) -> SharedCheck:
        """Return it with where each of its looks is written, `file:line:column`."""
        copy = self.model_copy()
        copy._places = tuple(places)  # noqa: SLF001  its own copy
        return copy

    def place(self, look: int) -> str:
        """Return where a look is written; without a file, the variable that it came from."""
        return self._places[look] if self._places else "REMEDIATOR_CHECKS"
