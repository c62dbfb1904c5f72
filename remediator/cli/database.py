"""The database that a command works on as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from remediator.cli.options import config_path
from remediator.cli.output import fail
from remediator.settings_file import load_settings

Database = Annotated[
    Path | None, typer.Option("--db", help="The database file; by default the configuration's.")
]


def database_path(db: Path | None, config: Path | None) -> Path:
    """Return the database to read, or say that there is none and end."""
    path = db or load_settings(config_path(config)).store.sqlite
    if not path.is_file():
        fail(f"there is no database {path}; name it with --db, or its configuration with --config")
    return path
