"""Structured logs on stderr: JSON, one object a line, or one readable line each on a terminal."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from remediator.plain_text import lines, one_line
from remediator.runs.audit import AuditRow
from remediator.secret_refs import Redactor

AUDIT_LOGGER = "remediator.audit"
_FIELDS = "fields"
_IDS = ("source", "alertname", "policy", "target", "episode_id", "run_id")
# Those that only some rows have, and so stand in the detail.
_IDS_IN_DETAIL = ("delivery_id", "decision_id", "step_id", "lease_id", "approval_id")
# In the readable form the rest is left to the audit log itself.
_SHOWN = ("outcome", "from", "to", "reason", "option", "status", "verdict", "resource", "attribute", "state")


class LogAudit:
    """Writes one line for each committed audit row; its `sequence` and `hash` are a head to keep."""

    def __init__(self) -> None:
        self._log = logging.getLogger(AUDIT_LOGGER)

    def on_commit(self, rows: Sequence[AuditRow]) -> None:
        """Log what was committed; for `Store.on_commit`."""
        if not self._log.isEnabledFor(logging.INFO):
            return
        for row in rows:
            ids = {name: getattr(row, name) for name in _IDS if getattr(row, name) is not None}
            detail = json.loads(row.detail)
            ids |= {name: detail[name] for name in _IDS_IN_DETAIL if name in detail}
            fields = {
                "action": row.action,
                "actor": row.actor,
                **ids,
                "sequence": row.sequence,
                "hash": row.hash,
                "detail": detail,
            }
            self._log.info(row.action, extra={_FIELDS: fields})


class JsonFormatter(logging.Formatter):
    """One JSON object a line. Everything beyond ASCII is escaped, so a label can't break a line."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if self._redactor is not None and record.name != AUDIT_LOGGER:
            # Audit rows are redacted before they are stored.
            line = self._redactor.json(line)
        return json.dumps({**line, **getattr(record, _FIELDS, {})}, default=str)


class ReadableFormatter(logging.Formatter):
    """One line for a person; a traceback below it keeps its lines."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        text = one_line(record.getMessage())
        fields: dict[str, Any] = getattr(record, _FIELDS, {})
        if fields:
            detail = fields.get("detail") or {}
            shown = {name: fields[name] for name in (*_IDS, "actor") if name in fields}
            shown |= {name: detail[name] for name in _SHOWN if detail.get(name) is not None}
            text = " ".join([text, *(f"{name}={one_line(_plain(value))}" for name, value in shown.items())])
        if record.exc_info:
            text = f"{text}\n{lines(self.formatException(record.exc_info))}"
        if self._redactor is not None:
            text = self._redactor.text(text)
        return f"{_at(record)[11:19]} {record.levelname.lower():7} {text}"


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text, ensure_ascii=False) if " " in text or not text else text


def _at(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def configure_logging(
    *, redactor: Redactor | None = None, stream: TextIO | None = None, level: int = logging.INFO
) -> None:
    """Send all logs to stderr (or `stream`): readable on a terminal, else JSON."""
    stream = stream or sys.stderr
    readable = stream.isatty()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ReadableFormatter(redactor) if readable else JsonFormatter(redactor))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # Each tick of the scheduler is no news.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    # A client that speaks broken HTTP is answered 400; it must not fill the log with tracebacks.
    # What goes wrong in a handler is logged by the middleware under remediator's own name.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
