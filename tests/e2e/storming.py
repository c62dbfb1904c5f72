"""A storm of different alerts at a real server, and what it must leave: read from its audit log alone."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.receiver import TOKEN, Receiver

AT_ONCE = 8
_CONNECTIONS = 64
_POLICY = """
policy: NAME
priority: PRIORITY
match: ['alertname = "NAME"']
target: 'thing/{{ labels.n }}'
recheck: 20s
options:
  - {name: act, steps: [{uses: command.run, with: {command: act}}]}
"""
NAMES = {"plain": 100, "important": 20}
SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Storm:
    """What a storm left: violations, none when all held, and figures."""

    accepted: int
    put_off: int
    """Replies 503, each of which was sent again."""
    rss_before_mib: float
    rss_most_mib: float
    violations: Sequence[str]


def configure(receiver: Receiver, *, enter: int, within: str) -> None:
    """Write policies that act for every alert, and limits that a storm reaches."""
    storm = {"enter": enter, "leave": enter // 2, "within": within, "calm_for": "2s"}
    receiver.configure(
        {
            "commands": {"act": {"argv": ["/bin/true"], "read_only": True}},
            "limits": {"concurrent_runs": AT_ONCE, "runs_per_minute": 100_000, "storm": storm},
        },
        **{name: _POLICY.replace("NAME", name).replace("PRIORITY", str(at)) for name, at in NAMES.items()},
    )


async def storm(receiver: Receiver, count: int, seed: int, *, patience_seconds: float) -> Storm:
    """Post `count` alerts, each another one, wait until all have been acted on, and judge."""
    alerts = list(_alerts(count, random.Random(seed)))
    before = rss_mib(receiver)
    most, put_off, judging = before, 0, asyncio.Event()

    async def watch() -> None:
        nonlocal most
        while not judging.is_set():
            most = max(most, rss_mib(receiver))
            await asyncio.sleep(0.5)

    watching = asyncio.create_task(watch())
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        put_off = sum(await asyncio.gather(*(_post(session, receiver, alert) for alert in alerts)))
    ends_at = time.monotonic() + patience_seconds
    while time.monotonic() < ends_at and _succeeded(receiver.database) < count:  # noqa: ASYNC110  (another process)
        await asyncio.sleep(1)
    judging.set()
    await watching
    return Storm(count, put_off, before, most, list(judged(receiver.database, count)))


def rss_mib(receiver: Receiver) -> float:
    """Return the server's resident memory."""
    if receiver.process is None:
        return 0.0
    status = Path(f"/proc/{receiver.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


def judged(database: Path, count: int) -> Iterator[str]:
    """Name whatever does not hold."""
    rows = _rows(database)
    opened = sum(row["action"] == "episode.opened" for row in rows)
    if opened != count:
        yield f"{opened} of {count} alerts opened an episode"
    decided = {row["episode_id"] for row in rows if row["action"] == "decision.recorded"}
    if len(decided) != count:
        yield f"{len(decided)} of {count} alerts were decided"
    ended = Counter(
        row["run_id"]
        for row in rows
        if row["action"] == "run.state_changed" and row["detail"]["to"] == "succeeded"
    )
    if len(ended) != count:
        yield f"{len(ended)} of {count} alerts were acted on"
    yield from _over_the_cap(rows)
    yield from _less_important(rows)


def _over_the_cap(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    live: set[int] = set()
    for row in rows:
        if row["action"] != "run.state_changed":
            continue
        if row["detail"]["event"] == "start":
            live.add(row["run_id"])
        elif row["detail"]["to"] == "succeeded":
            live.discard(row["run_id"])
        if len(live) > AT_ONCE:
            yield f"row {row['sequence']}: {len(live)} runs at once, and {AT_ONCE} may be"
            return


def _less_important(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """In a storm only what matters most is begun: nothing else gets a run from its beginning to its end."""
    severity: dict[int, str] = {}
    storming = False
    if not any(row["action"] == "storm.began" for row in rows):
        yield "no storm began"
    for row in rows:
        if row["action"] == "storm.began":
            storming = True
        elif row["action"] == "storm.ended":
            storming = False
        elif row["action"] == "episode.opened":
            severity[row["episode_id"]] = row["severity"]
        elif row["action"] == "run.created" and storming:
            if row["policy"] == "plain" and severity[row["episode_id"]] != "critical":
                yield f"row {row['sequence']}: a run for a {severity[row['episode_id']]} alert in a storm"


def _rows(database: Path) -> list[dict[str, Any]]:
    query = (
        "SELECT audit.sequence, audit.action, audit.policy, audit.episode_id, audit.run_id, audit.detail,"
        " json_extract(episodes.labels, '$.severity') AS severity"
        " FROM audit LEFT JOIN episodes ON episodes.id = audit.episode_id ORDER BY audit.sequence"
    )
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [{**row, "detail": json.loads(row["detail"])} for row in connection.execute(query)]


def _succeeded(database: Path) -> int:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        found: int = connection.execute("SELECT count(*) FROM runs WHERE state = 'succeeded'").fetchone()[0]
        return found


def _alerts(count: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    for at in range(count):
        name = chance.choices(list(NAMES), weights=[9, 1])[0]
        labels = {
            "alertname": name,
            "n": str(at),
            "severity": chance.choices(SEVERITIES, weights=[1, 6, 3])[0],
        }
        yield {
            "status": "firing",
            "labels": labels,
            "annotations": {},
            "startsAt": "2026-03-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": f"{at:016x}",
        }


async def _post(session: aiohttp.ClientSession, receiver: Receiver, alert: dict[str, Any]) -> int:
    """Post until it is taken, as Alertmanager does; returns how often it was put off."""
    body = {
        "version": "4",
        "groupKey": "{}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "remediator",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": [alert],
    }
    put_off = 0
    while True:
        async with session.post(f"{receiver.url}/webhook/alertmanager", json=body) as reply:
            if reply.status == 200:
                return put_off
            if reply.status != 503:
                raise AssertionError(f"a storm was answered {reply.status}: {await reply.text()}")
        put_off += 1
        await asyncio.sleep(0.2)
