"""An audit row as its judges read it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remediator.runs.audit import AuditAction, AuditRow


@dataclass(frozen=True, slots=True)
class Seen:
    """One row, with its texts read."""

    number: int
    at: datetime
    action: AuditAction
    source: str
    policy: str
    target: str
    run: int
    """0 where it is about no run."""
    episode: int
    detail: dict[str, Any]


def seen(row: AuditRow) -> Seen:
    """Read a row."""
    return Seen(
        number=row.sequence,
        at=datetime.fromisoformat(row.at),
        action=AuditAction(row.action),
        source=row.source or "",
        policy=row.policy or "",
        target=row.target or "",
        run=row.run_id or 0,
        episode=row.episode_id or 0,
        detail=json.loads(row.detail),
    )
