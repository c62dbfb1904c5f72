"""`remediator audit …`: the log of the running server, and the log as a file."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from remediator.cli.client import ApiClient
from remediator.cli.database import Database, database_path
from remediator.cli.options import (
    DEFAULT_URL,
    Alertname,
    Config,
    Cursor,
    JsonOutput,
    Limit,
    Policy,
    Since,
    Target,
    Until,
    Url,
)
from remediator.cli.output import ExitCode, fail, print_json, print_table, say, when
from remediator.runs.audit import AuditRow
from remediator.runs.audit_lines import CSV_HEADER, as_csv_line, as_json_line
from remediator.store.archives import Archive, ArchiveError, joined, look_at
from remediator.store.sqlite.archived import verify_with_archives
from remediator.store.sqlite.checkpoints import checkpoint_of, head_of
from remediator.store.sqlite.pages import all_audit_rows
from remediator.store.sqlite.reads import SqliteReads
from remediator.store.sqlite.store import open_reader, verify_database


class ExportFormat(StrEnum):
    """How the log is exported."""

    JSONL = "jsonl"
    CSV = "csv"


def list_audit(
    action: Annotated[str | None, typer.Option("--action", help="Only this, like run.created.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only what this one did.")] = None,
    policy: Policy = None,
    target: Target = None,
    alertname: Alertname = None,
    run: Annotated[int | None, typer.Option("--run", help="Only this run.")] = None,
    search: Annotated[str | None, typer.Option("--search", help="Words that must be in it.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """List what the running server wrote down, newest first."""
    query = {
        "action": action,
        "actor": actor,
        "policy": policy,
        "target": target,
        "alertname": alertname,
        "run_id": run,
        "q": search,
        "since": since,
        "until": until,
    }
    with ApiClient(url) as api:
        page = api.get("/api/v1/audit", **query, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    columns = ("sequence", "at", "actor", "action", "policy", "target", "run", "detail")
    rows = [
        (
            row["sequence"],
            when(row["at"]),
            row["actor"],
            row["action"],
            row["policy"],
            row["target"],
            row["run_id"],
            _brief(row["detail"]),
        )
        for row in page["items"]
    ]
    print_table(columns, rows, empty="There are no such rows.")
    if page.get("next_cursor"):
        say(f"There are more: --cursor {page['next_cursor']}", style="dim")


def _brief(detail: Any) -> str:
    """Leave lists, mappings and what is empty to --json."""
    if not isinstance(detail, dict):
        return str(detail)
    plain = {name: value for name, value in detail.items() if not isinstance(value, dict | list)}
    return " ".join(f"{name}={value}" for name, value in plain.items() if value not in (None, ""))


def verify_audit(
    head: Annotated[
        str | None,
        typer.Option("--head", help="A head noted earlier, SEQUENCE:HASH; shows a tail that was cut off."),
    ] = None,
    archive: Annotated[
        list[Path] | None,
        typer.Option(
            "--archive", exists=True, help="A file that `prune` wrote, or its folder; all that there are."
        ),
    ] = None,
    db: Database = None,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """Verify the log's chain, and name the first row that was altered, removed or cut off."""
    path = database_path(db, config)
    archives: list[Archive] = []
    with _readable(path):
        if archive is None:
            fault = verify_database(path, _head(head))
        else:
            archives = joined(look_at(file) for given in archive for file in _files(given))
            fault = verify_with_archives(path, archives, _head(head))
        with contextlib.closing(open_reader(path)) as connection:
            newest = SqliteReads(connection).audit_head()
    noted = f"{newest.sequence}:{newest.hash}" if newest else None
    if as_json:
        wrong = {"sequence": fault.sequence, "what": fault.what} if fault else None
        print_json({"ok": fault is None, "fault": wrong, "head": noted})
    elif fault is None:
        first, last = _extent(path, archives)
        since = f", from row {first} on" if first > 1 else ""
        say(f"The audit log is whole: {last - first + 1} rows{since}.", style="green")
        say(f"head {noted}", style="dim")
    else:
        say(f"The audit log is broken: {fault.what}", style="bold red")
    if fault is not None:
        raise typer.Exit(ExitCode.WRONG)


def _files(given: Path) -> list[Path]:
    return sorted(given.glob("audit-*.jsonl.gz")) if given.is_dir() else [given]


def _extent(path: Path, archives: Sequence[Archive]) -> tuple[int, int]:
    """Return the first and the last row that were looked at; (1, 0) when there is none."""
    with contextlib.closing(open_reader(path)) as connection:
        first, last = checkpoint_of(connection).sequence + 1, head_of(connection)[0]
    return archives[0].first if archives else first, last


def export_audit(
    style: Annotated[ExportFormat, typer.Option("--format", help="JSON lines or CSV.")] = ExportFormat.JSONL,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
    ] = None,
    after: Annotated[int, typer.Option("--after", min=0, help="Only rows after this sequence.")] = 0,
    db: Database = None,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """Write the log out, oldest row first."""
    path = database_path(db, config)
    style = ExportFormat.JSONL if as_json else style
    with _readable(path), contextlib.closing(open_reader(path)) as connection:
        rows = all_audit_rows(connection, after)
        if output is None:
            _write(rows, sys.stdout, style)
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as file:
                _write(rows, file, style)
        except OSError as error:
            fail(f"{output} can't be written: {error.strerror}")


def _write(rows: Iterable[AuditRow], to: TextIO, style: ExportFormat) -> None:
    if style is ExportFormat.CSV:
        to.write(CSV_HEADER)
    for row in rows:
        to.write(as_csv_line(row) if style is ExportFormat.CSV else as_json_line(row))


def _head(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    sequence, _, digest = text.partition(":")
    if not sequence.isdecimal() or not digest:
        fail(f"--head {text!r} is not SEQUENCE:HASH, as `audit verify` prints it")
    return int(sequence), digest


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except ArchiveError as error:
        fail(str(error), ExitCode.WRONG)
    except sqlite3.OperationalError as error:
        fail(f"{path} can't be read as a database of remediator: {error}")
    except sqlite3.DatabaseError as error:
        fail(f"{path} is damaged: {error}", ExitCode.WRONG)
