"""A place that can't hold a database is told as such, and a failed opening keeps nothing."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from remediator.store.base import StoreUnavailableError
from remediator.store.sqlite.store import open_store

_MORE_THAN_IT_TAKES = 60


@pytest.mark.parametrize("place", ["file/db.sqlite", "file/below/db.sqlite", "folder", "link/db.sqlite"])
async def test_a_place_that_holds_no_database_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/proc")  # where nobody may make a file, not even root
    with pytest.raises(StoreUnavailableError, match="can't"):
        await open_store(tmp_path / place)


@contextmanager
def _files_left(count: int) -> Iterator[None]:
    """Let this process open no more than `count` files beside those it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The limit is on numbers, and those that are taken may lie anywhere.
    taken = {int(path.name) for path in Path("/dev/fd").iterdir()}
    free = (number for number in range(soft) if number not in taken)
    limit = next(islice(free, count, None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("fresh", [True, False])
async def test_wherever_opening_fails_the_next_one_succeeds(tmp_path: Path, *, fresh: bool) -> None:
    if not fresh:
        await (await open_store(tmp_path / "0.sqlite")).close()
    failures = 0
    for count in range(_MORE_THAN_IT_TAKES):
        path = tmp_path / f"{count if fresh else 0}.sqlite"
        with _files_left(count):
            try:
                store = await open_store(path)
            except StoreUnavailableError:
                failures += 1
            else:
                await store.close()
                break
        await (await open_store(path)).close()
    assert 4 < failures < _MORE_THAN_IT_TAKES - 1  # the lock, the writer's files and each of the readers'
