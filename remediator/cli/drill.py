"""`remediator drill NAME`: trouble on purpose, and a scorecard of how it was dealt with."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from remediator.cli.client import ApiClient
from remediator.cli.options import DEFAULT_URL, JsonOutput, Url
from remediator.cli.output import ExitCode, complain

_FACTOR = 10
_WITHIN_SECONDS = 240


def run_a_drill(
    name: Annotated[
        str, typer.Argument(help="pms-down, database-down, latency or traffic.", show_default=False)
    ],
    factor: Annotated[
        int, typer.Option("--factor", min=1, help="Divide the times of rules and policies by this.")
    ] = _FACTOR,
    within: Annotated[
        int, typer.Option("--within", min=1, help="Give up after so many seconds.")
    ] = _WITHIN_SECONDS,
    save: Annotated[Path | None, typer.Option("--save", help="Write the scorecard here, as JSON.")] = None,
    no_prometheus: Annotated[
        bool, typer.Option("--no-prometheus", help="Use the stand-in, even with a Prometheus here.")
    ] = False,
    shadow: Annotated[
        bool,
        typer.Option("--shadow", help="Post an exercise alert to a server of yours, which does nothing."),
    ] = False,
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """Run a game-day scenario against the demo's own world, and measure it."""
    # Only this command and the demo need the demo's world; the others start quicker without.
    from remediator.cli.shadow_drill import drill_in_shadow  # noqa: PLC0415
    from remediator.demo.drills.drill import DrillOptions, run_drill  # noqa: PLC0415
    from remediator.demo.drills.scenarios import SCENARIOS, scenario_named  # noqa: PLC0415

    scenario = scenario_named(name)
    if scenario is None:
        known = ", ".join(scenario.name for scenario in SCENARIOS)
        complain(f"remediator: there is no drill {name!r}; there are {known}")
        raise typer.Exit(ExitCode.USAGE)
    if shadow:
        with ApiClient(url) as api:
            raise typer.Exit(drill_in_shadow(scenario, api, timedelta(seconds=within), as_json=as_json))
    options = DrillOptions(
        factor=factor, within=timedelta(seconds=within), no_prometheus=no_prometheus, save=save
    )
    raise typer.Exit(run_drill(scenario, options))
