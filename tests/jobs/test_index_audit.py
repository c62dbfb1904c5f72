"""The job that follows the audit log into its index."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediator.jobs.index_audit import IndexAudit
from remediator.store.sqlite import audit_index
from remediator.store.sqlite.audit_index import index_path
from remediator.store.sqlite.store import open_store
from tests.store.samples import another, noting


async def test_one_run_takes_in_all_that_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_index, "_BATCH", 2)
    path = tmp_path / "db.sqlite"
    store = await open_store(path)
    for number in range(5):
        await store.write(noting(f"row {number}"))
    await IndexAudit(store).run()
    with another(index_path(path)) as index:
        assert index.execute("SELECT sequence FROM progress").fetchone() == (5,)
    await store.close()
    await IndexAudit(store).run()  # a tick that comes late finds nothing to do
