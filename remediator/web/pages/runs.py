"""The pages of runs: the list, one run's story, its plot and its report."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from remediator.runs.audit import AuditRow
from remediator.runs.records import Run
from remediator.runs.states import RunState
from remediator.store.base import Reads
from remediator.web.keys import ACTOR, SERVICES
from remediator.web.pages.frame import render
from remediator.web.pages.live import live_after
from remediator.web.pages.run_story import gather, took, verified_until
from remediator.web.pages.showing import plain
from remediator.web.paging import Query, RecordId, cut_page, read_query
from remediator.web.problems import ProblemError
from remediator.web.runs import RunsQuery, find_runs, record_id

_NO_RUN = "there is no run {}"
# The image itself loads nothing, and runs nothing, wherever it is opened.
_IMAGE_HEADERS = {
    "Cache-Control": "private, max-age=30",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


class PlotQuery(Query):
    """Which state of the run is drawn: browsers then ask again when it has changed."""

    at: RecordId | None = None


async def list_runs(request: web.Request) -> web.StreamResponse:
    """Show runs, newest first."""
    query = read_query(request, RunsQuery, form=True)
    services = request.app[SERVICES]

    def read(reads: Reads) -> tuple[list[Run], AuditRow | None]:
        return find_runs(reads, query), reads.audit_head()

    found, head = await services.store.read(read)
    shown, cursor = cut_page(found, query, [run.id for run in found])
    asked = {name: value for name, value in request.query.items() if value and name != "cursor"}
    return await render(
        request,
        "runs.html",
        live=live_after(head.sequence if head is not None else 0),
        runs=shown,
        query=query,
        states=list(RunState),
        asked=asked,
        older="/runs?" + urlencode({**asked, "cursor": cursor}) if cursor else None,
    )


async def show_run(request: web.Request) -> web.StreamResponse:
    """Show the story of one run."""
    read_query(request, Query)
    run_id, actor = record_id(request), request[ACTOR]
    story = await request.app[SERVICES].store.read(lambda reads: gather(reads, run_id, actor))
    if story is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, _NO_RUN.format(run_id))
    return await render(
        request,
        "run.html",
        live=live_after(story.head),
        story=story,
        run=story.run,
        took=took,
        verified_until=verified_until,
    )


async def show_plot(request: web.Request) -> web.StreamResponse:
    """Draw the metrics around a run, with what was done marked; or say in the image why there are none."""
    read_query(request, PlotQuery)
    drawing = await request.app[SERVICES].reports.draw(record_id(request))
    svg = drawing.svg or _in_words(drawing.why_none).encode()
    return web.Response(body=svg, content_type="image/svg+xml", headers=_IMAGE_HEADERS)


async def show_report(request: web.Request) -> web.StreamResponse:
    """Show the report of a run's incident."""
    read_query(request, Query)
    run_id = record_id(request)
    report = await request.app[SERVICES].reports.make(run_id)
    return await render(request, "report.html", report=report, run_id=run_id)


def _in_words(why: str) -> str:
    words = Markup('<text x="12" y="28" font-family="sans-serif" font-size="14">{}</text>').format(plain(why))
    size = 'width="900" height="48" viewBox="0 0 900 48"'
    paper = '<rect width="900" height="48" rx="6" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{paper}{words}</svg>'
