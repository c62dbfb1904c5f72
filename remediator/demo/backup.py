"""The demo's database backup: a compressed file that can be checked, and restored."""

from __future__ import annotations

import gzip
import hashlib
import time
import zlib
from pathlib import Path

from remediator.demo.service_process import ServiceProcess

_NAME = "agente-hotel-api_latest.sql.gz"
_BROKEN = "database-broken.json"
_CONTENT = b"-- users, sessions\nINSERT INTO users VALUES (1, 'demo');\n"


class BackupError(RuntimeError):
    """The backup is missing or not whole."""


def make_backup(state: Path) -> None:
    """Write a backup, as a nightly job would have."""
    (state / _NAME).write_bytes(gzip.compress(_CONTENT))


def check_backup(state: Path) -> str:
    """Return the newest backup's age, size and checksum.

    Raises:
        BackupError: when it can't be unpacked whole.
        OSError: when there is none.
    """
    path = state / _NAME
    packed = path.read_bytes()
    try:
        content = gzip.decompress(packed)
    except (EOFError, OSError, zlib.error) as error:
        raise BackupError(f"{path.name} is not whole: {error}") from None
    if not content:
        raise BackupError(f"{path.name} is empty")
    age_seconds = time.time() - path.stat().st_mtime
    checksum = hashlib.sha256(packed).hexdigest()
    return f"{path.name}: {age_seconds:.0f} s old, {len(packed)} bytes, sha256 {checksum}, whole"


def restore_backup(state: Path) -> str:
    """Put the backup in place of what is broken, and start the database on it."""
    checked = check_backup(state)
    database = ServiceProcess(state, "database")
    database.stop()
    (state / _BROKEN).unlink(missing_ok=True)
    database.start()
    return f"restored {checked}"


def verify_data(state: Path) -> str:
    """Say that what the database holds is whole, as counting its rows would.

    Raises:
        BackupError: when it is broken.
    """
    if (state / _BROKEN).exists():
        raise BackupError("the database's data is broken")
    return "users and sessions are there"
