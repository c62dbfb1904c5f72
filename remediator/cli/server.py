"""`remediator serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from remediator.app import serve
from remediator.cli.options import Config, config_path
from remediator.settings import Settings
from remediator.settings_file import load_settings


def serve_server(
    config: Config = None,
    host: Annotated[str | None, typer.Option("--host", help="Listen here instead.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Listen on this port instead.")
    ] = None,
    held: Annotated[
        bool,
        typer.Option("--held", help="Start on a broken audit log: take deliveries, and do nothing."),
    ] = False,
) -> None:
    """Run the receiver until it is told to stop (SIGTERM drains it)."""
    path = config_path(config)
    raise typer.Exit(serve(_listening(load_settings(path), host, port), path, held=held))


def _listening(settings: Settings, host: str | None, port: int | None) -> Settings:
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    server = settings.server.model_copy(update=given)
    return settings.model_copy(update={"server": server})
