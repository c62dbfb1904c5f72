"""Audit rows as the store hands them to its listeners."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from remediator.runs.audit import GENESIS_HASH, AuditAction, AuditEntry, AuditRow, chain

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def row(
    action: AuditAction, *, sequence: int = 1, detail: dict[str, Any] | None = None, **ids: Any
) -> AuditRow:
    """Return one row, as chained."""
    entry = AuditEntry(at=AT, actor=ids.pop("actor", "remediator"), action=action, detail=detail or {}, **ids)
    return chain(entry, sequence, GENESIS_HASH)
