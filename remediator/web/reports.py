"""Incident reports, made as they are asked for."""

from __future__ import annotations

from aiohttp import web

from remediator.web.json_response import json_response
from remediator.web.keys import SERVICES
from remediator.web.paging import Query, read_query
from remediator.web.runs import record_id
from remediator.web.schemas import Output


class ReportOutput(Output):
    """One incident's report."""

    name: str
    """What its files are called, without their endings."""
    markdown: str
    svg: str | None
    """The plots that the Markdown shows, as `NAME.svg`."""


async def show_report(request: web.Request) -> web.StreamResponse:
    """Make the report of a run's incident."""
    read_query(request, Query)
    report = await request.app[SERVICES].reports.make(record_id(request))
    svg = report.svg.decode() if report.svg is not None else None
    return json_response(ReportOutput(name=report.name, markdown=report.text, svg=svg))
