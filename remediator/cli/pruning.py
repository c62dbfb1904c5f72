"""`remediator prune`: what is over leaves a database that no server has."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from remediator.cli.database import Database, database_path
from remediator.cli.options import Config, JsonOutput
from remediator.cli.output import ExitCode, fail, print_json, say
from remediator.cli.workspace import open_workspace
from remediator.clock import SystemClock
from remediator.jobs.prune import Ends, Prune, Pruned
from remediator.settings_retention import Retention
from remediator.store.archives import ArchiveError
from remediator.store.base import StoreUnavailableError
from remediator.store.sqlite.backup import back_up
from remediator.store.sqlite.checkpoints import checkpoint_of
from remediator.store.sqlite.prune import KINDS, look_for, remove
from remediator.store.sqlite.rows import to_text
from remediator.store.sqlite.store import open_store


def prune_database(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would leave; works beside a server.")
    ] = False,
    db: Database = None,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """Remove what is over for longer than `retention` says; the audit log is archived first."""
    workspace = open_workspace(config)
    workspace.load()  # a guard that looks further back than records are kept refuses them
    path, retention = database_path(db, config), workspace.settings.retention
    if dry_run:
        _say(_would_leave(path, retention), as_json=as_json, would=True)
        return
    try:
        pruned = asyncio.run(_prune(path, retention))
    except StoreUnavailableError as error:
        fail(f"{error} (a server prunes its database by itself)")
    except ArchiveError as error:
        fail(str(error), ExitCode.WRONG)
    _say(pruned, as_json=as_json, would=False)


async def _prune(path: Path, retention: Retention) -> Pruned:
    store = await open_store(path)
    try:
        if store.chain_fault is not None:
            fail(f"the audit log is broken, so nothing leaves: {store.chain_fault.what}", ExitCode.WRONG)
        folder = retention.archive_of(path)
        job = Prune(store, retention, folder, SystemClock(), trusted=lambda: True, rest=_at_once)
        return await job.prune()
    finally:
        await store.close()


async def _at_once(_: float) -> None:
    """Nobody else has the database."""


def _would_leave(path: Path, retention: Retention) -> Pruned:
    """Prune a copy: what leaves depends on what left before it."""
    ends = Ends.of(retention, SystemClock().now())
    rows: Counter[str] = Counter()
    with TemporaryDirectory(prefix="remediator-prune-", dir=path.resolve().parent) as folder:
        copy = Path(folder) / "copy.db"
        back_up(path, copy)
        with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            for kind in KINDS:
                after: int | None = 0
                while after is not None:
                    stretch = look_for(connection, kind, ends.of_kind(kind), after)
                    rows.update(remove(connection, kind, ends.of_kind(kind), stretch.over))
                    after = stretch.after
            rows["audit"] += _audit_rows_before(connection, to_text(ends.audit))
    return Pruned(+rows)


def _audit_rows_before(connection: sqlite3.Connection, end: str) -> int:
    """Count the rows up to the first that is younger, which is how far an archive goes."""
    begin = checkpoint_of(connection).sequence
    younger = connection.execute(
        "SELECT min(sequence) FROM audit WHERE sequence > ? AND at >= ?", (begin, end)
    ).fetchone()[0]
    last = connection.execute("SELECT max(sequence) FROM audit").fetchone()[0] or begin
    return int(younger - 1 - begin if younger else last - begin)


def _say(pruned: Pruned, *, as_json: bool, would: bool) -> None:
    if as_json:
        archives = [archive.told() for archive in pruned.archives]
        print_json({"dry_run": would, "rows": dict(sorted(pruned.rows.items())), "archives": archives})
        return
    if not pruned.rows:
        say("Nothing would leave." if would else "Nothing was over for long enough to leave.")
        return
    counts = ", ".join(f"{count} {table}" for table, count in sorted(pruned.rows.items()))
    say(f"{'Would leave' if would else 'Left the database'}: {counts}.")
    for archive in pruned.archives:
        say(f"Rows {archive.first} to {archive.last} of the audit log are in {archive.path}.")
