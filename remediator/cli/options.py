"""Options that several commands share."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from remediator.cli.output import fail

DEFAULT_CONFIG = Path("remediator.yaml")

JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The configuration; by default remediator.yaml here, if there is one."
    ),
]
Url = Annotated[
    str, typer.Option("--url", envvar="REMEDIATOR_URL", help="Where the server is.", show_default=True)
]
DEFAULT_URL = "http://127.0.0.1:8080"
Limit = Annotated[int, typer.Option("--limit", min=1, max=500, help="Most entries to show.")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="Go on from a list's next_cursor.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Why; goes into the audit log.")]
Policy = Annotated[str | None, typer.Option("--policy", help="Only this policy.")]
Target = Annotated[str | None, typer.Option("--target", help="Only this target.")]
Alertname = Annotated[str | None, typer.Option("--alertname", help="Only this alert.")]
Since = Annotated[str | None, typer.Option("--since", help="No earlier than this RFC 3339 time.")]
Until = Annotated[str | None, typer.Option("--until", help="Earlier than this RFC 3339 time.")]


def config_path(given: Path | None) -> Path | None:
    """Return the configuration file to read; None means the defaults."""
    if given is not None:
        return given
    return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None


def moment_of(option: str, text: str, also: str = "") -> datetime:
    """Return the time that an option gives, in UTC; `also` is what else the option takes."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option} {text!r} is not a time; write it like 2026-01-31T09:30:00Z{also}")
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def fact_of(option: str, text: str) -> tuple[str, Any]:
    """Return the fact that an option gives as NAME=VALUE; a value that is no JSON is a text."""
    name, equals, value = text.partition("=")
    if not equals:
        fail(f"{option} {text!r} has no value; write it like pms_up=false")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
