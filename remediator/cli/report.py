"""`remediator report RUN`: an incident's report, from the database or from the running server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import aiohttp
import typer

from remediator.cli.client import ApiClient
from remediator.cli.database import Database, database_path
from remediator.cli.options import Config, JsonOutput, config_path
from remediator.cli.output import print_json, say
from remediator.clients.prometheus import PrometheusClient
from remediator.reports.incident import Incident
from remediator.reports.metrics import NoMetrics
from remediator.reports.writer import MadeReport, look_up, make_report, write_report
from remediator.settings import Prometheus
from remediator.settings_file import load_settings
from remediator.store.sqlite.snapshot import snapshot


def report_on_a_run(
    run: Annotated[int, typer.Argument(help="The run, or a revert of it.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write it into, with its plots.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Ask the server there; else the database is read.")
    ] = None,
    db: Database = None,
    config: Config = None,
    no_metrics: Annotated[
        bool, typer.Option("--no-metrics", help="Do not ask Prometheus; the records alone.")
    ] = False,
    as_json: JsonOutput = False,
) -> None:
    """Report on an incident in Markdown: timeline, facts, metrics, actions, outcome, what is left to do."""
    if url is not None:
        report = _from_server(url, run)
    else:
        with snapshot(database_path(db, config)) as reads:
            incident = look_up(reads, run)
        prometheus = None if no_metrics else load_settings(config_path(config)).prometheus
        report = asyncio.run(_make(incident, prometheus))
    if output is not None:
        path = write_report(report, output)
        if not as_json:
            say(str(path))
            return
    if as_json:
        svg = report.svg.decode() if report.svg is not None else None
        print_json({"name": report.name, "markdown": report.text, "svg": svg})
    else:
        typer.echo(report.text, nl=False)


def _from_server(url: str, run: int) -> MadeReport:
    with ApiClient(url) as api:
        given = api.get(f"/api/v1/runs/{run}/report")
    svg = given["svg"]
    return MadeReport(given["name"], given["markdown"], svg.encode() if svg is not None else None)


async def _make(incident: Incident, prometheus: Prometheus | None) -> MadeReport:
    if prometheus is None:
        return await make_report(incident, NoMetrics())
    async with aiohttp.ClientSession() as session:
        return await make_report(incident, PrometheusClient(session, prometheus))
