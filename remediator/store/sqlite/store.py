"""The store: one writer, a few readers, one server at a time."""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from remediator.runs.audit import AuditRow, ChainFault
from remediator.store.base import StoreCorruptError, StoreUnavailableError
from remediator.store.sqlite.audit_index import AuditIndex, index_path, open_index
from remediator.store.sqlite.audit_search import INDEX
from remediator.store.sqlite.failures import of_database
from remediator.store.sqlite.in_place import InPlace
from remediator.store.sqlite.migrations import check_application, migrate
from remediator.store.sqlite.reads import SqliteReads
from remediator.store.sqlite.tx import SqliteTx
from remediator.store.sqlite.verify import verify_audit
from remediator.store.sqlite.writer import Writer

T = TypeVar("T")

_READERS = 4
# More than the engine ever writes: each is compiled once.
_STATEMENTS = 1024
Listener = Callable[[Sequence[AuditRow]], None]


class SqliteStore:
    """A database that this process serves. See `open_store`."""

    def __init__(
        self,
        path: Path,
        writer_connection: sqlite3.Connection,
        readers: Sequence[sqlite3.Connection],
        index: AuditIndex,
        lock: int,
        chain_fault: ChainFault | None,
        busy_timeout: timedelta,
    ) -> None:
        self._path = path
        self._index = index
        self._indexing = ThreadPoolExecutor(1, thread_name_prefix="audit-index")
        self._lock = lock
        self._listeners: list[Listener] = []
        self._loop = asyncio.get_running_loop()
        self._readers: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        for reader in readers:
            self._readers.put(reader)
        self._pool = ThreadPoolExecutor(len(readers), thread_name_prefix="sqlite-reader")
        self._writer = Writer(writer_connection, InPlace(path), self._committed, patience=busy_timeout)
        self._closed = False
        self.chain_fault = chain_fault
        """The first fault of the audit log when it was opened, if any."""

    async def write(self, work: Callable[[SqliteTx], T]) -> T:
        """Run `work` in a transaction and return its result once it is durable."""
        return await self._writer.write(work)

    async def read(self, work: Callable[[SqliteReads], T]) -> T:
        """Run `work` on a snapshot that sees all that was committed before."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        return await self._loop.run_in_executor(self._pool, self._read, work)

    def on_commit(self, listener: Listener) -> None:
        """Call `listener` on the event loop with each commit's audit rows."""
        self._listeners.append(listener)

    async def advance_index(self) -> bool:
        """Take a batch of what was committed into the index; returns whether there is more."""
        if self._closed:
            return False
        try:
            return await self._loop.run_in_executor(self._indexing, self._index.advance)
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"{index_path(self._path)} can't be written: {error}") from error

    async def verify_audit(self, head: tuple[int, str] | None = None) -> ChainFault | None:
        """Walk the whole audit log from its last checkpoint."""
        return await asyncio.to_thread(verify_database, self._path, head)

    async def close(self) -> None:
        """Finish what is queued and close; safe to repeat."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)
        while not self._readers.empty():
            self._readers.get().close()
        await asyncio.to_thread(self._indexing.shutdown)
        self._index.close()
        # Last, for the last one to close tidies the write-ahead log into the database.
        await self._writer.close()
        os.close(self._lock)

    def _read(self, work: Callable[[SqliteReads], T]) -> T:
        connection = self._readers.get()
        try:
            connection.execute("BEGIN")
            try:
                return work(SqliteReads(connection, indexed=True))
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            failure = of_database(error)
            if failure is None:
                raise
            raise failure from error
        finally:
            self._readers.put(connection)

    def _committed(self, rows: Sequence[AuditRow]) -> None:
        # A loop that has ended has nobody to tell; what is queued is still to be committed.
        with suppress(RuntimeError):
            for listener in self._listeners:
                self._loop.call_soon(listener, rows)


async def open_store(path: Path, *, busy_timeout: timedelta = timedelta(seconds=1)) -> SqliteStore:
    """Open a database for serving, made if it is not there.

    Raises:
        StoreCorruptError: when it is damaged, not a database, not remediator's, or of a newer version.
        StoreUnavailableError: when another server has it, or it can't be opened.
    """
    path, lock = await asyncio.to_thread(locked, path)
    with ExitStack() as on_failure:
        on_failure.callback(os.close, lock)
        connection, fault = await asyncio.to_thread(_open_checked, path, busy_timeout)
        on_failure.callback(connection.close)
        index = await asyncio.to_thread(_open_index, path)
        on_failure.callback(index.close)
        readers = await asyncio.to_thread(_open_readers, path)
        on_failure.pop_all()
    return SqliteStore(path, connection, readers, index, lock, fault, busy_timeout)


def locked(path: Path) -> tuple[Path, int]:
    """Take the lock that the one server of a database holds; returns its real path, and the lock to close.

    Raises:
        StoreUnavailableError: when another has it, or it can't be made.
    """
    path = path.resolve()  # one lock for a file, by whatever way it is reached
    lock_path = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailableError(
            f"{lock_path} can't be made: {error.strerror}; keep the database in a folder that remediator may "
            f"write to"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreUnavailableError(
            f"another server has {path} (it holds {lock_path}); stop it, or give this one its own database"
        ) from None
    except OSError as error:
        os.close(descriptor)
        raise StoreUnavailableError(
            f"{lock_path} can't be locked: {error.strerror}; keep the database where files can be locked"
        ) from error
    return path, descriptor


def _open_checked(path: Path, busy_timeout: timedelta) -> tuple[sqlite3.Connection, ChainFault | None]:
    with ExitStack() as on_failure:
        try:
            connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS
            )
            on_failure.callback(connection.close)
            connection.execute(f"PRAGMA busy_timeout = {round(busy_timeout.total_seconds() * 1000)}")
            damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if damage != "ok":
                raise StoreCorruptError(_damaged(path, damage))
            migrate(Database(connection), str(path))
            set_up(connection)
            fault = verify_audit(connection)
            # From here on it serves the event loop, which must not wait: the writer asks again.
            connection.execute("PRAGMA busy_timeout = 0")
        except sqlite3.OperationalError as error:
            raise StoreUnavailableError(f"{path} can't be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreCorruptError(_damaged(path, str(error))) from error
        on_failure.pop_all()
        return connection, fault


def _open_readers(path: Path) -> list[sqlite3.Connection]:
    with ExitStack() as on_failure:
        try:
            readers = [on_failure.enter_context(closing(open_reader(path))) for _ in range(_READERS)]
            beside = f"{index_path(path).as_uri()}?mode=ro"
            for reader in readers:
                reader.execute(f"ATTACH ? AS {INDEX}", (beside,))
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"{path} can't be opened for reading: {error}") from error
        on_failure.pop_all()
        return readers


def _open_index(path: Path) -> AuditIndex:
    try:
        return open_index(path)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailableError(
            f"{index_path(path)} can't be made: {error}; it holds nothing that {path} does not hold, so "
            f"delete it if it is in the way"
        ) from error


def _damaged(path: Path, what: str) -> str:
    return f"{path} is damaged: {what}; restore a backup, or move it away to begin with an empty one"


def set_up(connection: sqlite3.Connection) -> None:
    """Make a connection one that writes: a commit that returned is on the disk."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # What a savepoint keeps for its undoing, for a while; with a file it would be made and removed each time.
    connection.execute("PRAGMA temp_store = MEMORY")


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a database for reading only, beside a server or without one."""
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection


def verify_database(path: Path, head: tuple[int, str] | None = None) -> ChainFault | None:
    """Verify the audit log of a database file; works beside a server.

    Raises:
        StoreCorruptError: when it is not remediator's, or of a newer version.
    """
    with closing(open_reader(path)) as connection:
        check_application(Database(connection), str(path))
        # One snapshot: a prune or a write meanwhile must not look like a fault.
        connection.execute("BEGIN")
        return verify_audit(connection, head=head)
