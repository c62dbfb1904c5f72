"""Structured logs on stderr: JSON, one object a line, or one readable line each on a terminal."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from remediator.plain_text import lines, one_line
from remediator.runs.audit import AuditRow
from remediator.secret_refs import Redactor

AUDIT_LOGGER = "remediator.audit"
_FIELDS = "fields"
_ROWS = "rows"
_IDS = ("source", "alertname", "policy", "target", "episode_id", "run_id")
# Those that only some rows have, and so stand in the detail.
_IDS_IN_DETAIL = ("delivery_id", "decision_id", "step_id", "lease_id", "approval_id")
# In the readable form the rest is left to the audit log itself.
_SHOWN = ("outcome", "from", "to", "reason", "option", "status", "verdict", "resource", "attribute", "state")

_Row = tuple[str, dict[str, Any]]
"""A line's message and its fields."""


class LogAudit:
    """Writes one line for each committed audit row; its `sequence` and `hash` are a head to keep.

    What was committed together is one log record, and reaches the stream in one piece.
    """

    def __init__(self) -> None:
        self._log = logging.getLogger(AUDIT_LOGGER)

    def on_commit(self, rows: Sequence[AuditRow]) -> None:
        """Log what was committed; for `Store.on_commit`."""
        if self._log.isEnabledFor(logging.INFO):
            said = [(row.action, _fields_of(row)) for row in rows]
            self._log.info("%d audit rows", len(rows), extra={_ROWS: said})


def _fields_of(row: AuditRow) -> dict[str, Any]:
    fields: dict[str, Any] = {"action": row.action, "actor": row.actor}
    for name in _IDS:
        value = getattr(row, name)
        if value is not None:
            fields[name] = value
    detail = orjson.loads(row.detail)
    for name in _IDS_IN_DETAIL:
        if name in detail:
            fields[name] = detail[name]
    return {**fields, "sequence": row.sequence, "hash": row.hash, "detail": detail}


class JsonFormatter(logging.Formatter):
    """One JSON object a line. Everything beyond ASCII is escaped, so a label can't break a line."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; several for a record of audit rows."""
        line: dict[str, Any] = {"at": _at(record), "level": record.levelname.lower(), "logger": record.name}
        rows: list[_Row] | None = getattr(record, _ROWS, None)
        if rows is not None:  # redacted before they were stored
            return "\n".join(_ascii({**line, "message": message, **fields}) for message, fields in rows)
        line["message"] = record.getMessage()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if self._redactor is not None:
            line = self._redactor.json(line)
        return _ascii({**line, **getattr(record, _FIELDS, {})})


class ReadableFormatter(logging.Formatter):
    """One line for a person; a traceback below it keeps its lines."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; several for a record of audit rows."""
        rows: list[_Row] = getattr(record, _ROWS, None) or [
            (record.getMessage(), getattr(record, _FIELDS, {}))
        ]
        text = "\n".join(
            f"{_at(record)[11:19]} {record.levelname.lower():7} {_readable(message, fields)}"
            for message, fields in rows
        )
        if record.exc_info:
            text = f"{text}\n{lines(self.formatException(record.exc_info))}"
        return text if self._redactor is None else self._redactor.text(text)


def _readable(message: str, fields: dict[str, Any]) -> str:
    detail = fields.get("detail") or {}
    shown = {name: fields[name] for name in (*_IDS, "actor") if name in fields}
    shown |= {name: detail[name] for name in _SHOWN if detail.get(name) is not None}
    return " ".join(
        [one_line(message), *(f"{name}={one_line(_plain(value))}" for name, value in shown.items())]
    )


def _ascii(line: dict[str, Any]) -> str:
    try:
        text = orjson.dumps(line, default=str).decode()
    except TypeError:  # half a surrogate pair, or a number beyond 64 bits
        text = ""
    return text if text.isascii() and text else json.dumps(line, default=str)


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
