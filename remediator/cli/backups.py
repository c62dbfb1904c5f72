"""`remediator backup` and `remediator restore`: the database as a file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from remediator.cli.database import Database, database_path
from remediator.cli.options import Config, JsonOutput, config_path
from remediator.cli.output import ExitCode, fail, print_json, say
from remediator.settings_file import load_settings
from remediator.store.base import StoreCorruptError
from remediator.store.sqlite.backup import BackupError, Contents, back_up, restore

_TOLD = ("deliveries", "episodes", "decisions", "runs", "audit")


def make_backup(
    path: Annotated[Path, typer.Argument(help="The file to make. Nothing is written over.")],
    db: Database = None,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """Copy the database, beside a running server or without one, and check that the copy is whole."""
    database = database_path(db, config)
    try:
        contents = back_up(database, path)
    except (BackupError, StoreCorruptError) as error:
        fail(str(error), ExitCode.WRONG)
    if as_json:
        print_json({"backup": str(path), **_as_json(contents)})
        return
    say(f"{path} is a whole copy of {database}: {_told(contents)}", style="green")
    say(f"head {contents.head}", style="dim")


def put_back(
    backup: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file that `backup` made.")],
    db: Database = None,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """Put a backup in the database's place, held until people have looked. The server must be stopped."""
    database = db or load_settings(config_path(config)).store.sqlite
    try:
        contents, aside = restore(backup, database, datetime.now(UTC))
    except (BackupError, StoreCorruptError) as error:
        fail(str(error), ExitCode.WRONG)
    if as_json:
        before = str(aside) if aside else None
        print_json({"database": str(database), "before": before, **_as_json(contents)})
        return
    say(f"{database} is what {backup} held: {_told(contents)}", style="green")
    if aside is not None:
        say(f"What was there before is {aside}.")
    say(
        "Everything is held: what was done after the backup was made is not known in it. Start the server, "
        "look at the runs that are not over and at the leases that stand, then remove the hold."
    )


def _told(contents: Contents) -> str:
    counts = ", ".join(f"{contents.rows[name]} {name}" for name in _TOLD)
    return f"{contents.size_bytes} bytes; rows: {counts}; the audit log is unbroken"


def _as_json(contents: Contents) -> dict[str, Any]:
    return {"size_bytes": contents.size_bytes, "rows": dict(contents.rows), "head": contents.head}
