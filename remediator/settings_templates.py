"""`files:` and `nginx:` in `remediator.yaml`: files that policies may render, and who reads them."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from remediator.durations import Duration
from remediator.settings_section import Argv, Section


def _check_network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise ValueError(f"{value[:80]!r} is not a network: {error}") from None


def _check_path(value: Path) -> Path:
    if ".." in value.parts or not value.name:
        raise ValueError(f"{str(value)[:200]!r} must name a file without `..`")
    return value


NetworkText = Annotated[str, AfterValidator(_check_network)]
FilePath = Annotated[Path, AfterValidator(_check_path)]
ValueName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]


class TemplateValue(Section):
    """A value that a step may put into a template, by its type and its bounds."""

    type: Literal["integer", "choice", "addresses"] = Field(
        description="A whole number, one of `values`, or a list of IP addresses and networks."
    )
    min: int | None = Field(default=None, description="Least, for an integer.")
    max: int | None = Field(default=None, description="Most, for an integer.")
    values: tuple[str, ...] = Field(default=(), description="What a choice is made from.")
    most: int = Field(default=50, ge=1, le=10_000, description="How many addresses there may be.")
    widest_v4: int = Field(default=32, ge=8, le=32, description="Shortest prefix of an IPv4 network.")
    widest_v6: int = Field(default=64, ge=32, le=128, description="Shortest prefix of an IPv6 network.")

    @model_validator(mode="after")
    def _bounded(self) -> TemplateValue:
        if self.type == "integer" and (self.min is None or self.max is None):
            raise ValueError("an integer needs min and max")
        if self.type == "choice" and not self.values:
            raise ValueError("a choice needs values")
        return self


class FileTarget(Section):
    """A file that policies may render from a template."""

    path: FilePath = Field(description="The file that is written; no part of it may be a symbolic link.")
    template: Path = Field(description="The Jinja2 template that it is written from.")
    values: dict[ValueName, TemplateValue] = Field(
        default={}, description="What a step gives the template, each by its type."
    )
    protect: tuple[NetworkText, ...] = Field(
        default=(), description="Networks (CIDR) that may never be listed in it, nor any part of them."
    )


class NginxCommand(Section):
    """A command by its argv, or by the name of an entry under `docker.exec`."""

    argv: Argv | None = Field(default=None, description="The command and its arguments, run here.")
    exec: str | None = Field(default=None, description="A name under `docker.exec`, run in its container.")

    @model_validator(mode="after")
    def _one(self) -> NginxCommand:
        if (self.argv is None) == (self.exec is None):
            raise ValueError("must have exactly one of argv and exec")
        return self


class Nginx(Section):
    """An nginx: how its configuration is tested, and read again."""

    test: NginxCommand = Field(description="Ends with 0 when the configuration is good: nginx -t.")
    reload: NginxCommand = Field(description="Has it read its configuration again: nginx -s reload.")
    timeout: Duration = Field(default=timedelta(seconds=10), description="For each of the two.")
