"""Whether a database is still where it was opened: SQLite goes on in a file that was removed or replaced."""

from __future__ import annotations

from pathlib import Path

_Identity = tuple[int, int]


class InPlace:
    """The files of a database that is open, each known by its device and its number on it."""

    def __init__(self, database: Path) -> None:
        """Remember the files that there are.

        Raises:
            OSError: when the database is not there.
        """
        log = database.with_name(f"{database.name}-wal")
        self._files = {path: _identity(path) for path in (database, log) if path == database or path.exists()}

    def fault(self) -> str | None:
        """Say which file is not the one that was opened, and what helps; None when all are."""
        for path, opened in self._files.items():
            try:
                if _identity(path) == opened:
                    continue
                what = "was replaced"
            except OSError as error:
                what = f"is gone ({error.strerror})"
            return (
                f"{path} {what} while it was open, so nothing would be kept; stop the server and put it back"
            )
        return None


def _identity(path: Path) -> _Identity:
    found = path.stat()
    return found.st_dev, found.st_ino
