"""`fly:` in `remediator.yaml`: Fly.io apps, and what policies may change on them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from remediator.durations import Duration
from remediator.secret_refs import SecretRef
from remediator.settings_section import Argv, Bounds, EntryName, SecretValues, Section

ImageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}$")]


class FlyDeploy(Section):
    """What an app may be deployed from; nothing is built."""

    current: bool = Field(default=True, description="The image that it runs, again.")
    images: tuple[ImageName, ...] = Field(default=(), description="Others: registry/repository:tag@digest.")


class FlyApp(Section):
    """A Fly.io app, and what policies may change on it."""

    secrets: tuple[str, ...] | dict[str, SecretValues | None] = Field(
        default=(), description="Secrets that may be set; with values, only to those."
    )
    count: Bounds | None = Field(default=None, description="How many machines there may be.")
    memory_mb: tuple[int, ...] = Field(default=(), description="Megabytes that a machine may have.")
    deploy: FlyDeploy | None = Field(default=None, description="Whether, and from what, it may be deployed.")


class Fly(Section):
    """Fly.io, through flyctl."""

    command: Argv = Field(default=("flyctl",), description="How flyctl is called here.")
    token: SecretRef | None = Field(default=None, description="Handed over in its environment.")
    timeout: Duration = Field(default=timedelta(minutes=2), description="For one call.")
    apps: dict[EntryName, FlyApp] = Field(default={}, description="What may be touched.")
