"""The audit log: a page of it, and all of a filter as a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import hdrs, web
from pydantic import Field

from remediator.runs.audit import AuditRow
from remediator.runs.audit_lines import CSV_HEADER, as_csv_line, as_json_line, detail_of
from remediator.store.base import Filter, Order, Reads, StoreUnavailableError
from remediator.web.json_response import json_response
from remediator.web.keys import SERVICES
from remediator.web.operations import CSV, JSON_LINES
from remediator.web.paging import Moment, Query, RecordId, Text, TimedQuery, cut_page, page_filter, read_query
from remediator.web.schemas import AuditOutput, Page

_BATCH = 500
_COLUMNS = ("actor", "action", "policy", "target", "source", "alertname", "episode_id", "run_id")


class ExportQuery(Query):
    """All rows of a filter."""

    actor: Text | None = None
    action: Text | None = None
    policy: Text | None = None
    target: Text | None = None
    source: Text | None = None
    alertname: Text | None = None
    episode_id: RecordId | None = None
    run_id: RecordId | None = None
    q: Text | None = Field(default=None, description="Words that must all be in the row, in any column.")
    since: Moment | None = Field(default=None, description="Not earlier than this time.")
    until: Moment | None = Field(default=None, description="Earlier than this time.")


class AuditQuery(ExportQuery, TimedQuery):
    """A page of them."""


async def list_audit(request: web.Request) -> web.StreamResponse:
    """List rows, newest first; `q` is words that must be in them."""
    query = read_query(request, AuditQuery)
    shown, cursor = await audit_rows(request, query)
    return json_response(Page[AuditOutput](items=[_output(row) for row in shown], next_cursor=cursor))


async def audit_rows(request: web.Request, query: AuditQuery) -> tuple[list[AuditRow], str | None]:
    """Return a page of rows, and the cursor of the next one."""
    where = page_filter(query, equal_of(query), search=query.q)
    found = await request.app[SERVICES].store.read(lambda reads: reads.audit_rows(where))
    shown, cursor = cut_page(found, query, [row.sequence for row in found])
    return [*shown], cursor


def equal_of(query: ExportQuery) -> dict[str, Any]:
    """Return the columns and the values that a filter asks for."""
    return {name: getattr(query, name) for name in _COLUMNS if getattr(query, name) is not None}


async def export_csv(request: web.Request) -> web.StreamResponse:
    """Export all rows of a filter as CSV, oldest first; no cell of it is taken for a formula."""
    return await _export(request, CSV, "audit.csv", CSV_HEADER, as_csv_line)


async def export_jsonl(request: web.Request) -> web.StreamResponse:
    """Export all rows of a filter as lines of JSON, oldest first."""
    return await _export(request, JSON_LINES, "audit.jsonl", "", as_json_line)


async def _export(
    request: web.Request, content_type: str, name: str, header: str, line: Callable[[AuditRow], str]
) -> web.StreamResponse:
    """Stream rows as they are read: neither a long log nor a slow client costs memory."""
    query = read_query(request, ExportQuery, form=True)
    store = request.app[SERVICES].store

    def read(reads: Reads) -> tuple[list[AuditRow], int]:
        head = reads.audit_head()
        return _batch(reads, query, 0), head.sequence if head else 0

    # Before the first byte, so that what can't be read is still answered with a problem.
    rows, last = await store.read(read)
    response = web.StreamResponse(
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
    )
    response.content_type = content_type
    response.charset = "utf-8"
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    await response.write(header.encode())
    while rows:
        text = "".join(line(row) for row in rows if row.sequence <= last)
        await response.write(text.encode())
        after = rows[-1].sequence
        if len(rows) < _BATCH or after >= last:
            break
        try:
            rows = await store.read(lambda reads, after=after: _batch(reads, query, after))  # type: ignore[misc]
        except StoreUnavailableError:
            # Cut off, so that nobody takes what was sent for the whole.
            if request.transport is not None:
                request.transport.abort()
            break
    return response


def _batch(reads: Reads, query: ExportQuery, after: int) -> list[AuditRow]:
    return reads.audit_rows(
        Filter(
            equal=equal_of(query),
            since=query.since,
            until=query.until,
            search=query.q,
            before_id=after,
            limit=_BATCH,
            order=Order.OLDEST,
        )
    )


def _output(row: AuditRow) -> AuditOutput:
    output = AuditOutput.model_validate(row)
    return output.model_copy(update={"detail": detail_of(row)})
