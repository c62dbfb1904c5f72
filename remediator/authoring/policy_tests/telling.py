"""Whom a simulated remediator has told by now, as expectations compare it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from remediator.durations import format_duration
from remediator.runs.audit import AuditAction, AuditRow
from remediator.runs.news import Notice

_TOLD = (AuditAction.ESCALATION_TOLD, AuditAction.ESCALATION_WOULD_TELL)


def escalations_in(
    rows: Iterable[AuditRow], policy: str, about: Callable[[int | None], bool], start: datetime
) -> list[dict[str, Any]]:
    """Return whom a policy's `escalate` told, in order."""
    return [
        _escalation(row, start)
        for row in rows
        if row.action in _TOLD and row.policy == policy and about(row.episode_id)
    ]


def _escalation(row: AuditRow, start: datetime) -> dict[str, Any]:
    detail = json.loads(row.detail)
    return {
        "to": detail["to"],
        "at": format_duration(datetime.fromisoformat(row.at) - start),
        "cause": detail["cause"],
        "again": detail["again"],
        "shadow": row.action == AuditAction.ESCALATION_WOULD_TELL,
    }


def notices_by_channel(
    notices: Sequence[Notice], channels: Iterable[str], start: datetime
) -> Mapping[str, list[dict[str, Any]]]:
    """Return what was queued for each channel, in order; the notices come oldest first."""
    found: dict[str, list[dict[str, Any]]] = {channel: [] for channel in channels}
    for notice in notices:
        found.setdefault(notice.channel, []).append(_notice(notice, start))
    return found


def _notice(notice: Notice, start: datetime) -> dict[str, Any]:
    return {
        "kind": notice.kind,
        "at": format_duration(notice.created_at - start),
        "contact": notice.contact,
        "audience": notice.audience,
        "language": notice.language,
        "title": notice.title,
        "text": notice.body,
    }
