"""`telemetry:` in `remediator.yaml`: what leaves remediator about its own work, besides metrics and logs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, HttpUrl

from remediator.durations import Duration
from remediator.secret_refs import SecretRef
from remediator.settings_section import EntryName, Section

HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]


class Traces(Section):
    """A receiver of OpenTelemetry traces, by OTLP over HTTP."""

    endpoint: HttpUrl = Field(description="Its whole address, mostly ending in /v1/traces.")
    headers: dict[HeaderName, SecretRef] = Field(
        default={}, description="What it asks for, by reference; read once, at the start."
    )
    timeout: Duration = Field(default=timedelta(seconds=5), description="For one batch; then it is dropped.")
    service: EntryName = Field(default="remediator", description="The name that it shows the spans under.")


class Telemetry(Section):
    """Off unless configured."""

    traces: Traces | None = Field(default=None, description="Where spans go; the extra `tracing` is needed.")
