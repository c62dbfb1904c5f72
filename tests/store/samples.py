"""Records to store, with only what the store asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sqlite3 import Connection, connect
from typing import Any

from remediator.runs.audit import AuditAction, AuditEntry, AuditRow
from remediator.runs.episodes import Admission, Episode
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.records import ApprovalRequest, ApprovalState, Hold, HoldScope, Lease, Run
from remediator.runs.states import LeaseState
from remediator.store.base import Tx

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


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


def admission(episode_id: int, policy: str = "p", **fields: Any) -> Admission:
    """Return a blocked admission."""
    plain: dict[str, Any] = {
        "policy_hash": "h",
        "priority": 50,
        "target": "t",
        "created_at": NOW,
        "outcome": Outcome.BLOCKED,
        "reason": Reason.COOLDOWN,
    }
    return Admission(episode_id=episode_id, policy=policy, **{**plain, **fields})


def lease(run_id: int, attribute: str = "count", **fields: Any) -> Lease:
    """Return an open lease."""
    plain: dict[str, Any] = {
        "resource": "fly:a",
        "policy": "p",
        "option": "o",
        "position": 0,
        "action": "fly.scale_count",
        "params": {},
        "original": 1,
        "applied": 2,
        "state": LeaseState.OPEN,
        "opened_at": NOW,
        "expires_at": NOW + MINUTE,
    }
    return Lease(run_id=run_id, attribute=attribute, **{**plain, **fields})


def hold(**fields: Any) -> Hold:
    """Return a hold of everything."""
    plain: dict[str, Any] = {"scope": HoldScope.ALL, "value": "", "reason": "r", "created_by": "ana"}
    return Hold(**{**plain, "created_at": NOW, "expires_at": None, **fields})


def request(run_id: int, **fields: Any) -> ApprovalRequest:
    """Return a pending request for approval."""
    plain: dict[str, Any] = {
        "plan_hash": "h",
        "option": "o",
        "level": "policy",
        "state": ApprovalState.PENDING,
        "from_": ("oncall",),
        "count": 1,
        "self_approval": "never",
        "requested_at": NOW,
        "expires_at": NOW + MINUTE,
    }
    return ApprovalRequest(run_id=run_id, **{**plain, **fields})


def noting(text: str = "x", **fields: Any) -> Callable[[Tx], AuditRow]:
    """Return work that writes one audit row."""
    return lambda tx: tx.audit(entry(text, **fields))


@contextmanager
def another(path: Path) -> Iterator[Connection]:
    """Open the file as any other program would."""
    with closing(connect(path, isolation_level=None)) as connection:
        yield connection
