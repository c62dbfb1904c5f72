"""The audit log."""

from __future__ import annotations

import json

from aiohttp import web

from remediator.runs.audit import AuditRow
from remediator.store.base import Reads
from remediator.web.json_response import json_response
from remediator.web.keys import SERVICES
from remediator.web.paging import RecordId, Text, TimedQuery, cut_page, page_filter, read_query
from remediator.web.schemas import AuditOutput, Page


class AuditQuery(TimedQuery):
    """Which rows."""

    actor: Text | None = None
    action: Text | None = None
    policy: Text | None = None
    target: Text | None = None
    source: Text | None = None
    alertname: Text | None = None
    episode_id: RecordId | None = None
    run_id: RecordId | None = None
    q: Text | None = None


async def list_audit(request: web.Request) -> web.StreamResponse:
    """List rows, newest first; `q` is words that must be in them."""
    query = read_query(request, AuditQuery)
    equal = query.model_dump(include={"actor", "action", "policy", "target", "source", "alertname"})
    equal |= {"episode_id": query.episode_id, "run_id": query.run_id}
    where = page_filter(query, equal, search=query.q)

    def read(reads: Reads) -> list[AuditRow]:
        return reads.audit_rows(where)

    found = await request.app[SERVICES].store.read(read)
    shown, cursor = cut_page(found, query, [row.sequence for row in found])
    return json_response(Page[AuditOutput](items=[_output(row) for row in shown], next_cursor=cursor))


def _output(row: AuditRow) -> AuditOutput:
    output = AuditOutput.model_validate(row)
    return output.model_copy(update={"detail": json.loads(row.detail)})
