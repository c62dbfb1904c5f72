"""What happened in a test, one line an event, for whoever reads why it failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from remediator.durations import format_duration
from remediator.plain_text import one_line
from remediator.runs.audit import AuditAction, AuditRow

_LEFT_OUT = frozenset({AuditAction.DELIVERY_ACCEPTED})
# Numbers and hashes that say nothing to a reader, or are said by the line already.
_HIDDEN = frozenset(
    {
        "decision_id",
        "step_id",
        "request_id",
        "plan_hash",
        "verdicts",
        "action",
        "position",
        "duration_seconds",
        "seconds_since_opened",
        "actor_of_run",
        "phase",
        "event",
        "kind",
        "lease_id",
    }
)
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened, so long after the start."""

    at: timedelta
    what: str

    def __str__(self) -> str:
        return f"+{format_duration(self.at):<8} {self.what}"


def happenings(rows: Sequence[AuditRow], start: datetime, *, policies: int) -> Iterator[Happening]:
    """Tell the audit log, oldest first."""
    for row in rows:
        if row.action in _LEFT_OUT:
            continue
        detail: Mapping[str, Any] = json.loads(row.detail)
        about = [row.action, *([row.policy] if policies > 1 and row.policy else [])]
        if row.action.startswith("step."):
            about.append(str(detail.get("action", "")))
        elif row.action.startswith("episode."):
            about.append(row.alertname or "")
        words = [*about, *_words(detail)]
        yield Happening(datetime.fromisoformat(row.at) - start, one_line(" ".join(words))[:_LONGEST])


def _words(detail: Mapping[str, Any]) -> Iterator[str]:
    if "from" in detail and "to" in detail:
        yield f"{detail['from']} -> {detail['to']}"
    for key, value in detail.items():
        if key in _HIDDEN or key in ("from", "to") or value in (None, "", [], {}):
            continue
        if key == "text":
            continue
        yield str(value) if key == "outcome" else f"{key}={_short(value)}"
    if detail.get("text"):
        yield f"({detail['text']})"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
