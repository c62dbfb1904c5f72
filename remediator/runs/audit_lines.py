"""The audit log as lines of text, for files: JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from remediator.plain_text import one_line
from remediator.runs.audit import AuditRow

# What a spreadsheet would take for a formula at the start of a cell, in its wide forms as well.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
CSV_HEADER = ",".join(AuditRow._fields) + "\r\n"
"""The first line of a CSV file."""


def as_json_line(row: AuditRow) -> str:
    """Return a row as one line of JSON."""
    return json.dumps({**row._asdict(), "detail": detail_of(row)}) + "\n"


def as_csv_line(row: AuditRow) -> str:
    """Return a row as one line of CSV that no spreadsheet takes for formulas."""
    line = io.StringIO()
    csv.writer(line).writerow(map(_neutral, row))
    return line.getvalue()


def detail_of(row: AuditRow) -> Any:
    """Return a row's detail as JSON; the text itself where somebody changed it into something else."""
    try:
        return json.loads(row.detail)
    except ValueError:
        return row.detail


def _neutral(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = f"'{value}" if value.lstrip(" ").startswith(_FORMULA_STARTS) else value
    return one_line(text)
