"""`remediator serve` and `remediator demo`."""

from __future__ import annotations

from typing import Annotated

import typer

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
    # Only this command needs all of the server; the others start quicker without.
    from remediator.app import serve  # noqa: PLC0415

    path = config_path(config)
    raise typer.Exit(serve(_listening(load_settings(path), host, port), path, held=held))


def _listening(settings: Settings, host: str | None, port: int | None) -> Settings:
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    server = settings.server.model_copy(update=given)
    return settings.model_copy(update={"server": server})


def run_the_demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running to look around.")] = False,
    factor: Annotated[
        int | None, typer.Option("--factor", min=1, help="Divide the rules' and routes' times by this.")
    ] = None,
    no_prometheus: Annotated[
        bool, typer.Option("--no-prometheus", help="Post the payload itself, even with a Prometheus here.")
    ] = False,
) -> None:
    """Break a PMS, watch it remediated, read the audit log of it."""
    from remediator.demo.runner import run_demo  # noqa: PLC0415  (see above)

    raise typer.Exit(run_demo(keep=keep, factor=factor, no_prometheus=no_prometheus))
