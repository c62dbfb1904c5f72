"""One file, replaced as a whole or not at all, and put back when what was placed turns out bad.

The path is walked folder by folder without following a symbolic link. While a new file is untested the
old one stays beside it under another name, so that a crash between placing and testing is seen, and
undone, by whoever comes next. Afterwards it is kept as the previous version. The names begin with a dot:
patterns such as nginx's `include conf.d/*` pass over them.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from remediator.clients.errors import ClientError, Fault

MOST_BYTES = 256 * 1024
_NEW, _OLD, _UNTESTED, _NONE = "new", "old", "untested", "untested-none"
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class PlacedFile:
    """A file at a fixed path. All calls block."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._name = self._path.name

    def read(self) -> bytes | None:
        """Return what it holds, or None when it is not there.

        Raises:
            ClientError: REFUSED for a link or anything but a plain file, UNEXPECTED when it can't be read.
        """
        with self._folder() as folder:
            return self._read(folder, self._name)

    def place(self, data: bytes) -> None:
        """Put `data` there; until `settle` it counts as untested, and `put_back` brings the old one back."""
        with self._folder() as folder:
            old = self._stat(folder, self._name)
            self._write(folder, data, old)
            marker = self._beside(_UNTESTED if old is not None else _NONE)
            if old is not None:
                os.link(self._name, marker, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            else:
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL | _LOOK, 0o600, dir_fd=folder))
            os.rename(self._beside(_NEW), self._name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def settle(self) -> None:
        """Say that what was placed is good: the old one becomes the previous version."""
        with self._folder() as folder:
            self._drop(folder, _NONE)
            if self._stat(folder, self._beside(_UNTESTED)) is not None:
                old, previous = self._beside(_UNTESTED), self._beside(_OLD)
                os.rename(old, previous, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def put_back(self) -> bool:
        """Undo a placing that was not settled; False when there is none."""
        with self._folder() as folder:
            old, now = self._stat(folder, self._beside(_UNTESTED)), self._stat(folder, self._name)
            if old is not None and now is not None and os.path.samestat(old, now):
                # Cut off before the new one came: two names of one file, which a rename would leave both.
                self._drop(folder, _UNTESTED)
            elif old is not None:
                os.rename(self._beside(_UNTESTED), self._name, src_dir_fd=folder, dst_dir_fd=folder)
            elif self._stat(folder, self._beside(_NONE)) is not None:
                with suppress(FileNotFoundError):
                    os.unlink(self._name, dir_fd=folder)
                self._drop(folder, _NONE)
            else:
                return False
            os.fsync(folder)
            return True

    def untested(self) -> bool:
        """Tell whether a placing was not settled."""
        with self._folder() as folder:
            marks = (self._beside(_UNTESTED), self._beside(_NONE))
            return any(self._stat(folder, mark) is not None for mark in marks)

    def remove(self) -> None:
        """Remove it, keeping it as the previous version."""
        with self._folder() as folder:
            os.rename(self._name, self._beside(_OLD), src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    def _beside(self, what: str) -> str:
        return f".{self._name}.remediator-{what}"

    @contextmanager
    def _folder(self) -> Iterator[int]:
        """Open the folder, and say of any fault within what it means."""
        try:
            folder = self._walk()
            try:
                yield folder
            finally:
                os.close(folder)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                detail = f"{self._path} leads over a symbolic link: write the real path in remediator.yaml"
                raise ClientError(Fault.REFUSED, detail) from None
            raise ClientError(Fault.UNEXPECTED, f"{self._path}: {error.strerror}") from None

    def _walk(self) -> int:
        folder = os.open("/", _LOOK | os.O_DIRECTORY)
        for part in self._path.parent.parts[1:]:
            try:
                inner = os.open(part, _LOOK | os.O_DIRECTORY, dir_fd=folder)
            finally:
                os.close(folder)
            folder = inner
        return folder

    def _stat(self, folder: int, name: str) -> os.stat_result | None:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            raise ClientError(Fault.REFUSED, f"{self._path.parent / name} is not a plain file")
        return found

    def _read(self, folder: int, name: str) -> bytes | None:
        if self._stat(folder, name) is None:
            return None
        with os.fdopen(os.open(name, _LOOK | os.O_NONBLOCK, dir_fd=folder), "rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ClientError(Fault.REFUSED, f"{self._path} is larger than {MOST_BYTES // 1024} KiB")
        return data

    def _write(self, folder: int, data: bytes, like: os.stat_result | None) -> None:
        self._drop(folder, _NEW)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self._beside(_NEW), flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(data)
            file.flush()
            if like is not None:
                with suppress(PermissionError):
                    os.fchown(file.fileno(), like.st_uid, like.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode) if like is not None else 0o644)
            os.fsync(file.fileno())

    def _drop(self, folder: int, what: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._beside(what), dir_fd=folder)
