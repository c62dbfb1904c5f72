"""The page Audit: search, filters and paging over the audit log, and one row of it."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from aiohttp import web
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from remediator.engine.readiness import Unready
from remediator.runs.audit import AuditAction, AuditRow, row_hash
from remediator.runs.audit_lines import detail_of
from remediator.store.base import Filter, Reads
from remediator.web.audit import AuditQuery, audit_rows
from remediator.web.keys import SERVICES
from remediator.web.pages.frame import render
from remediator.web.pages.showing import moment, plain
from remediator.web.paging import in_utc, read_query
from remediator.web.problems import ProblemError
from remediator.web.runs import record_id

_PAGING = frozenset({"cursor", "limit"})


def _as_typed(value: Any) -> Any:
    """A browser's field for a time names no zone; the page says that it means UTC."""
    if not isinstance(value, str):
        return value
    try:
        return f"{value}Z" if datetime.fromisoformat(value).tzinfo is None else value
    except ValueError:
        return value


TypedMoment = Annotated[AwareDatetime, BeforeValidator(_as_typed), AfterValidator(in_utc)]


class AuditForm(AuditQuery):
    """The page's own form."""

    since: TypedMoment | None = None
    until: TypedMoment | None = None


async def show_audit(request: web.Request) -> web.StreamResponse:
    """Show a page of the audit log."""
    query = read_query(request, AuditForm, form=True)
    services = request.app[SERVICES]
    rows, cursor = await audit_rows(request, query)
    head = await services.store.read(lambda reads: reads.audit_head())
    asked = _asked(query)
    return await render(
        request,
        "audit.html",
        query=query,
        when=when,
        filtered=bool(asked),
        rows=[(row, in_brief(row)) for row in rows],
        head=head,
        broken=services.readiness.reasons.get(Unready.AUDIT_CHAIN),
        actions=[str(action) for action in AuditAction],
        export=urlencode(asked),
        newest=f"/audit?{urlencode(asked)}" if query.cursor else None,
        older=f"/audit?{urlencode({**asked, 'cursor': cursor})}" if cursor else None,
    )


async def show_audit_row(request: web.Request) -> web.StreamResponse:
    """Show one row, and whether it holds in the chain."""
    sequence = record_id(request)

    def read(reads: Reads) -> list[AuditRow]:
        return reads.audit_rows(Filter(before_id=sequence + 2, limit=3))

    near = {row.sequence: row for row in await request.app[SERVICES].store.read(read)}
    row = near.get(sequence)
    if row is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no row {sequence} in the audit log")
    before, after = near.get(sequence - 1), near.get(sequence + 1)
    return await render(
        request,
        "audit_row.html",
        row=row,
        when=when,
        detail=detail_of(row),
        before=before,
        after=after,
        own_hash_holds=row_hash(row) == row.hash,
        follows=None if before is None else before.hash == row.previous_hash,
    )


def when(row: AuditRow) -> str:
    """Return a row's time as pages show it; as it stands where somebody changed it into something else."""
    try:
        return moment(row.at)
    except ValueError:
        return plain(row.at)


def in_brief(row: AuditRow) -> str:
    """Return the plain values of a row's detail on one line; the rest is for the row's own page."""
    detail = detail_of(row)
    if not isinstance(detail, dict):
        return str(detail)
    shown = {name: value for name, value in detail.items() if not isinstance(value, dict | list)}
    return ", ".join(f"{name}: {value}" for name, value in shown.items() if value not in (None, "", False))


def _asked(query: AuditForm) -> dict[str, str]:
    """Return the filter as an address says it."""
    given = query.model_dump(mode="json", exclude_none=True, exclude=set(_PAGING))
    return {name: str(value) for name, value in given.items()}
