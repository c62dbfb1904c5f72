"""Records to store, with only what the store asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection, connect
from typing import Any

from remediator.runs.audit import AuditAction, AuditEntry, AuditRow
from remediator.runs.episodes import Episode
from remediator.runs.records import Run
from remediator.store.base import Tx

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def entry(text: str = "x", **fields: Any) -> AuditEntry:
    """Return an audit entry whose detail says `text`."""
    plain = {"at": NOW, "actor": "remediator", "action": AuditAction.DECISION, "detail": {"text": text}}
    return AuditEntry(**{**plain, **fields})


def episode(fingerprint: str = "f", **fields: Any) -> Episode:
    """Return an open episode."""
    plain: dict[str, Any] = {
        "source": "default",
        "fingerprint": fingerprint,
        "alertname": "Broken",
        "labels": {"alertname": "Broken"},
        "annotations": {},
        "generator_url": "",
        "starts_at": NOW,
        "opened_at": NOW,
        "last_seen_at": NOW,
    }
    return Episode(**{**plain, **fields})


def run(**fields: Any) -> Run:
    """Return a planned run."""
    plain: dict[str, Any] = {
        "policy": "p",
        "policy_hash": "h",
        "target": "t",
        "resources": ("docker:a",),
        "created_at": NOW,
    }
    return Run(**{**plain, **fields})


def noting(text: str = "x", **fields: Any) -> Callable[[Tx], AuditRow]:
    """Return work that writes one audit row."""
    return lambda tx: tx.audit(entry(text, **fields))


@contextmanager
def another(path: Path) -> Iterator[Connection]:
    """Open the file as any other program would."""
    with closing(connect(path, isolation_level=None)) as connection:
        yield connection
