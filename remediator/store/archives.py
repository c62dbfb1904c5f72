"""Archives of the audit log: files of compressed JSON lines, one row a line, whose chain still verifies.

A line holds a row's columns as they were stored (`detail` as the very text that was hashed), so nothing but
the file is needed to work its hash out again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from remediator.errors import RemediatorError
from remediator.runs.audit import GENESIS_HASH, AuditRow, ChainFault, first_fault
from remediator.store.synced_folder import sync_folder

_COLUMNS: dict[str, Any] = {name: (hint, ...) for name, hint in get_type_hints(AuditRow).items()}
_ROW: type[BaseModel] = create_model("_Row", __config__=ConfigDict(extra="forbid", strict=True), **_COLUMNS)
_LEVEL = 6
_CHUNK_BYTES = 2**20


class ArchiveError(RemediatorError):
    """An archive can't be written or read, or is not what it should be."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A file that holds the rows `first` to `last`, the chain between them unbroken."""

    path: Path
    first: int
    last: int
    previous_hash: str
    """The hash of the row before its first."""
    hash: str
    """The hash of its last row."""
    sha256: str
    """Of the file, in hex."""

    def told(self) -> dict[str, object]:
        """Return what the audit log says of it."""
        return {
            "first": self.first,
            "last": self.last,
            "rows": self.last - self.first + 1,
            "hash": self.hash,
            "file": self.path.name,
            "sha256": self.sha256,
        }


def archive_name(first: int, last: int) -> str:
    """Return the name of the archive of some rows; in the order of names the rows follow each other."""
    return f"audit-{first:012}-{last:012}.jsonl.gz"


def archives_from(folder: Path, first: int) -> list[Path]:
    """Return the archives in a folder that begin with a row: of what was cut off before it was noted."""
    return sorted(folder.glob(f"audit-{first:012}-*.jsonl.gz"))


class NewArchive:
    """A file that is being written; without `finish` nothing is left of it. One at a time in a folder."""

    def __init__(self, folder: Path, previous_hash: str) -> None:
        """`previous_hash` is that of the row before the first, as the log's checkpoint has it."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for cut_off in folder.glob(".audit-*.partial"):
                cut_off.unlink()
            self._descriptor, name = tempfile.mkstemp(prefix=".audit-", suffix=".partial", dir=folder)
        except OSError as error:
            raise ArchiveError(f"{folder} can't be written to: {error.strerror}") from error
        self._folder = folder
        self._previous_hash = previous_hash
        self._partial = Path(name)
        self._raw = os.fdopen(self._descriptor, "wb")
        # Neither name nor time in it: the same rows always make the same file.
        self._file = gzip.GzipFile("", "wb", _LEVEL, self._raw, mtime=0)
        self._ends: tuple[AuditRow, AuditRow] | None = None

    def __enter__(self) -> NewArchive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError, ValueError):
            self._raw.close()
        self._partial.unlink(missing_ok=True)

    def write(self, rows: Sequence[AuditRow]) -> None:
        """Append rows.

        Raises:
            ArchiveError: when the disk does not take them.
        """
        if not rows:
            return
        lines = "".join(json.dumps(row._asdict(), separators=(",", ":")) + "\n" for row in rows)
        try:
            self._file.write(lines.encode())
        except OSError as error:
            raise ArchiveError(f"{self._folder} can't be written to: {error.strerror}") from error
        self._ends = (self._ends[0] if self._ends else rows[0], rows[-1])

    def finish(self) -> Archive:
        """Put it on the disk, read it back from there, and give it its name.

        Raises:
            ArchiveError: when it can't be, or the chain does not hold from the row before on.
        """
        if self._ends is None:
            raise ArchiveError("an archive needs a row")
        first, last = self._ends
        path = self._folder / archive_name(first.sequence, last.sequence)
        try:
            self._file.close()
            self._raw.flush()
            os.fsync(self._descriptor)
            made = look_at(self._partial)
            if made.previous_hash != self._previous_hash or made.hash != last.hash:
                raise ArchiveError(f"the audit log is broken at row {made.first}; it is not archived")
            os.link(self._partial, path)  # unlike a rename it never takes another's place
            sync_folder(self._folder)
        except OSError as error:
            raise ArchiveError(f"{path} can't be written: {error.strerror}") from error
        return replace(made, path=path)


def look_at(path: Path) -> Archive:
    """Read an archive from its first row to its last, and check its chain.

    Raises:
        ArchiveError: naming the first row that was altered or is missing.
    """
    ends: list[AuditRow] = []
    fault = _fault_within(path, ends)
    if fault is not None:
        raise ArchiveError(f"{path} is not whole: {fault.what}")
    first, last = ends
    return Archive(path, first.sequence, last.sequence, first.previous_hash, last.hash, _sha256(path))


def _fault_within(path: Path, ends: list[AuditRow]) -> ChainFault | None:
    rows = read_archive(path)
    first = next(rows, None)
    if first is None:
        raise ArchiveError(f"{path} holds no rows")
    ends[:] = [first, first]

    def seen() -> Iterator[AuditRow]:
        yield first
        for row in rows:
            ends[1] = row
            yield row

    return first_fault(seen(), after_sequence=first.sequence - 1, after_hash=first.previous_hash)


def read_archive(path: Path) -> Iterator[AuditRow]:
    """Yield the rows of an archive as they stand there, in constant memory.

    Raises:
        ArchiveError: when it can't be read, or a line is no row.
    """
    read = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            for line in lines:
                yield AuditRow(**dict(_ROW.model_validate_json(line)))
                read += 1
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise ArchiveError(f"{path} is damaged after line {read}: {error}") from error
    except OSError as error:
        raise ArchiveError(f"{path} can't be read: {error.strerror}") from error
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)[0]
        raise ArchiveError(f"{path}:{read + 1} is no row of an audit log: {told['msg']}") from error


def joined(archives: Iterable[Archive]) -> list[Archive]:
    """Put archives in the order of their rows, and check that each goes on where the one before ends.

    Raises:
        ArchiveError: when one is missing between two, or does not follow.
    """
    ordered = sorted(archives, key=lambda archive: archive.first)
    for before, after in pairwise(ordered):
        if after.first != before.last + 1:
            raise ArchiveError(
                f"{after.path} begins with row {after.first}, and {before.path} ends with row {before.last}"
            )
        if after.previous_hash != before.hash:
            raise ArchiveError(f"{after.path} does not follow {before.path}: one of them was replaced")
    if ordered and ordered[0].first == 1 and ordered[0].previous_hash != GENESIS_HASH:
        raise ArchiveError(f"{ordered[0].path} does not begin as a log does")
    return ordered


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
