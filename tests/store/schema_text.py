"""A database's schema as text; as a program, what belongs into `schema_1.sql`."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path
from sqlite3 import Connection, connect

from remediator.store.sqlite.store import open_store

FIRST = Path(__file__).with_name("schema_1.sql")


def schema_text(connection: Connection) -> str:
    """Return every statement that made a schema, in an order that does not depend on who made it."""
    rows = connection.execute(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
        " ORDER BY type = 'trigger', type = 'view', type = 'index', rowid"
    )
    return ";\n".join(f"{sql}\n" for (sql,) in rows)


def comparable(text: str) -> list[str]:
    """Return a schema's statements, each on one line, sorted."""
    return sorted(re.sub(r"\s+", " ", statement).strip() for statement in text.split(";\n"))


async def _fresh(folder: Path) -> str:
    path = folder / "fresh.sqlite"
    await (await open_store(path)).close()
    connection = connect(path)
    try:
        return schema_text(connection)
    finally:
        connection.close()


def main() -> None:
    """Print the schema of a new database."""
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(asyncio.run(_fresh(Path(folder))))


if __name__ == "__main__":
    main()
