"""`remediator demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from remediator.demo.runner import run_demo


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
    raise typer.Exit(run_demo(keep=keep, factor=factor, no_prometheus=no_prometheus))
