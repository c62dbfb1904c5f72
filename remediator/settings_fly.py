"""`fly:` in `remediator.yaml`: Fly.io apps, and what policies may change on them."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from remediator.durations import Duration
from remediator.secret_refs import SecretRef
from remediator.settings_section import Argv, Bounds, EntryName, SecretValues, Section


class FlyApp(Section):
    """A Fly.io app, and what policies may change on it."""

    secrets: tuple[str, ...] | dict[str, SecretValues | None] = Field(
        default=(), description="Secrets that may be set; with values, only to those."
    )
    count: Bounds | None = Field(default=None, description="How many machines there may be.")
    memory_mb: tuple[int, ...] = Field(default=(), description="Megabytes that a machine may have.")


class Fly(Section):
    """Fly.io, through flyctl."""

    command: Argv = Field(default=("flyctl",), description="How flyctl is called here.")
    token: SecretRef | None = Field(default=None, description="Handed over in its environment.")
    timeout: Duration = Field(default=timedelta(minutes=2), description="For one call.")
    apps: dict[EntryName, FlyApp] = Field(default={}, description="What may be touched.")
