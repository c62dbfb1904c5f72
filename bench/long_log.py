"""A database as years of alerts leave it: an audit log of any length, and the records that it tells of.

Rows are inserted in bulk, outside the code that serves, and hashed by the same rule, so the chain is whole:
the server that is measured verifies it when it starts. Secondary indexes are made at the end, which is
quicker and leaves the same; the triggers of the log stay in place.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from remediator.runs.audit import GENESIS_HASH
from remediator.store.sqlite.pages import AUDIT_COLUMNS
from remediator.store.sqlite.rows import to_text
from remediator.store.sqlite.schema import INDEXES
from remediator.store.sqlite.store import open_store

NOW = datetime.now(UTC)
_YEAR = timedelta(days=365)
ROWS_PER_EPISODE = 20
_EPISODES_AT_ONCE = 5000
_POLICIES, _ALERTS, _TARGETS = 50, 80, 400
_REASONS = ("cooldown", "rate_limit", "outside_time_window", "target_busy", "hold_pending", "precondition")
_WORDS = (
    "backend",
    "memory",
    "threshold",
    "restart",
    "latency",
    "breaker",
    "queue",
    "pool",
    "upstream",
    "probe",
)
_MANY = ("audit_", "decisions_", "runs_", "episodes_")

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """What the log speaks of, most often the first of each."""

    policies: Sequence[str]
    alerts: Sequence[str]
    targets: Sequence[str]


NAMES = Names(
    [f"p{number:03}" for number in range(_POLICIES)],
    [f"Alert{number:03}" for number in range(_ALERTS)],
    [f"service-{number}/eu-west" for number in range(_TARGETS)],
)


def write_log(path: Path, rows: int) -> None:
    """Make a database with an audit log of `rows` rows over the past year, the newest of today."""
    asyncio.run(_make_empty(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -262144")
        dropped = [sql for sql in INDEXES if _name(sql).startswith(_MANY)]
        for sql in dropped:
            database.execute(f"DROP INDEX {_name(sql)}")
        _fill(database, rows)
        for sql in dropped:
            database.execute(sql)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _make_empty(path: Path) -> None:
    await (await open_store(path)).close()


def _name(create_index: str) -> str:
    words = create_index.split()
    return words[words.index("INDEX") + 1]


def _fill(database: sqlite3.Connection, rows: int) -> None:
    chance = random.Random(11)  # noqa: S311  (the same log each time)
    episodes = rows // ROWS_PER_EPISODE
    head = GENESIS_HASH
    sequence = 0
    for begin in range(1, episodes + 1, _EPISODES_AT_ONCE):
        told = [
            _episode(chance, number, NOW - _YEAR + _YEAR * number / (episodes + 1))
            for number in range(begin, min(begin + _EPISODES_AT_ONCE, episodes + 1))
        ]
        database.execute("BEGIN")
        _insert(database, "episodes", [one.record for one in told])
        _insert(database, "runs", [one.run for one in told])
        _insert(database, "decisions", [decision for one in told for decision in one.decisions])
        chained = []
        for row in (row for one in told for row in one.rows):
            sequence += 1
            fields = (sequence, *row, head)
            head = hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode()).hexdigest()
            chained.append((*fields, head))
        insert = f"INSERT INTO audit ({AUDIT_COLUMNS}) VALUES ({', '.join('?' * 13)})"  # noqa: S608
        database.executemany(insert, chained)
        database.execute("COMMIT")


def _insert(database: sqlite3.Connection, table: str, records: Sequence[dict[str, Any]]) -> None:
    names = ", ".join(records[0])
    places = ", ".join("?" * len(records[0]))
    insert = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608
    database.executemany(insert, [tuple(record.values()) for record in records])


@dataclass(frozen=True, slots=True)
class _Told:
    record: dict[str, Any]
    run: dict[str, Any]
    decisions: list[dict[str, Any]]
    rows: list[Values]
    """Values of audit rows from `at` to `detail`."""


def _episode(chance: random.Random, number: int, at: datetime) -> _Told:
    """Tell one alert from firing to resolved: three times blocked, then run."""
    policy, alert = _mostly_first(chance, NAMES.policies), _mostly_first(chance, NAMES.alerts)
    target, reason = chance.choice(NAMES.targets), chance.choice(_REASONS)
    state = chance.choices(("succeeded", "ineffective", "failed"), (8, 1, 1))[0]
    times = [to_text(at + timedelta(seconds=second)) for second in range(0, 400, 20)]
    decisions = [_decision(number, policy, target, reason, when) for when in times[2:5]]
    decisions.append(
        {**_decision(number, policy, target, reason, times[6]), "outcome": "run", "reason": None}
    )
    texts = " ".join(chance.choices(_WORDS, k=6))
    rows = [
        (times[place], "remediator", action, "default", alert, policy, target, number, run, _detail(detail))
        for place, (action, run, detail) in enumerate(_story(number, reason, state, texts))
    ]
    return _Told(
        record=_record(number, alert, target, times),
        run={
            "id": number, "kind": "remediation", "state": state, "detail": "", "policy": policy,
            "policy_hash": "h", "target": target, "resources": "[]", "priority": 100, "episode_id": number,
            "actor": "remediator", "option": "restart", "tried": "[]", "epoch": 1, "created_at": times[6],
            "started_at": times[7], "finished_at": times[17],
        },
        decisions=decisions,
        rows=rows,
    )  # fmt: skip


def _mostly_first(chance: random.Random, names: Sequence[str]) -> str:
    return names[min(int(chance.expovariate(1 / (len(names) / 5))), len(names) - 1)]


def _decision(number: int, policy: str, target: str, reason: str, at: str) -> dict[str, Any]:
    verdicts = [{"guard": reason, "kind": "deny", "reason": reason, "detail": "not yet", "until": None}]
    return {
        "at": at, "phase": "entry", "episode_id": number, "policy": policy, "policy_hash": "h",
        "target": target, "outcome": "blocked", "reason": reason, "detail": "not yet",
        "verdicts": json.dumps(verdicts), "option": None, "run_id": None,
    }  # fmt: skip


def _record(number: int, alert: str, target: str, times: Sequence[str]) -> dict[str, Any]:
    return {
        "id": number, "source": "default", "fingerprint": f"{number:016x}", "alertname": alert,
        "labels": json.dumps({"alertname": alert, "service": target}), "annotations": "{}",
        "generator_url": "", "starts_at": times[0], "opened_at": times[1], "last_seen_at": times[18],
        "closed_at": times[19], "close_reason": "resolved", "missed_polls": 0, "suppressed": 0,
    }  # fmt: skip


def _story(
    number: int, reason: str, state: str, texts: str
) -> Iterator[tuple[str, int | None, dict[str, Any]]]:
    """Yield action, run and detail of the twenty rows that one episode leaves."""
    blocked = {"outcome": "blocked", "reason": reason, "text": f"{texts}: not yet", "phase": "entry",
               "verdicts": [{"guard": reason, "kind": "deny", "reason": reason}]}  # fmt: skip
    yield "delivery.accepted", None, {"delivery_id": number, "alerts": 1, "receiver": "remediator"}
    yield "episode.opened", None, {"fingerprint": f"{number:016x}", "delivery_id": number}
    for place in range(3):
        yield "decision.recorded", None, {"decision_id": 4 * number + place, **blocked}
    yield "notice.queued", None, {"channel": "oncall", "text": texts}
    yield "decision.recorded", number, {"decision_id": 4 * number + 3, "outcome": "run", "option": "restart"}
    yield "run.created", number, {"option": "restart", "plan_hash": f"{number * 7919:064x}"}
    yield "run.state_changed", number, {"from": "planned", "to": "running"}
    for step in range(4):
        action = {"step_id": 4 * number + step, "action": "http.request", "position": step}
        yield "step.intent", number, action
        if step < 3:
            yield "step.result", number, {**action, "status": "succeeded", "text": texts}
    yield "run.state_changed", number, {"from": "running", "to": "verifying"}
    yield "verification.result", number, {"held": state == "succeeded", "promql": "up == 1"}
    yield "run.state_changed", number, {"from": "verifying", "to": state}
    yield "episode.closed", None, {"reason": "resolved"}


def _detail(detail: dict[str, Any]) -> str:
    return json.dumps(detail, sort_keys=True, separators=(",", ":"))
