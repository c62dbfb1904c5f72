"""Broken versions of what docs/reliability.md promises of the record."""

from __future__ import annotations

from torture.broken.version import Broken

RECORD = (
    Broken(
        name="goes on without an audit row",
        promise="No change without its audit row",
        file="remediator/store/sqlite/tx.py",
        changes=(("        if cursor.rowcount != 1:  #", "        if cursor.rowcount > 1:  #"),),
        noticed_by="tests/store/test_foreign_triggers.py::test_a_row_that_was_not_kept_undoes_its_write",
    ),
    Broken(
        name="moves a run without writing it down",
        promise="No change without its audit row",
        file="remediator/engine/journal.py",
        changes=(
            (
                "    note_run(tx, moved, AuditAction.RUN_STATE, now, actor=actor, **facts)\n",
                "    if moved.state is not RunState.VERIFYING:\n"
                "        note_run(tx, moved, AuditAction.RUN_STATE, now, actor=actor, **facts)\n",
            ),
        ),
        noticed_by="tests/models/test_simulation.py::test_the_promises_hold_whatever_comes[0]",
    ),
    Broken(
        name="does not compare a row with its hash",
        promise="Rows that were altered, removed or cut off are named",
        file="remediator/runs/audit.py",
        changes=(("        if row_hash(row) != row.hash:\n", "        if not row.hash:\n"),),
        noticed_by="tests/store/test_promises.py::test_tampering_is_named",
    ),
    Broken(
        name="serves a broken log",
        promise="With a broken log nothing acts",
        file="remediator/app.py",
        changes=(
            (
                "    if not held:\n        raise StoreCorruptError(",
                "    if held:\n        raise StoreCorruptError(",
            ),
        ),
        noticed_by="tests/e2e/test_serving.py::test_a_broken_audit_log_is_not_served",
    ),
    Broken(
        name="lets a second server in",
        promise="One server on one database",
        file="remediator/store/sqlite/store.py",
        changes=(
            (
                "        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
                "        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)\n",
            ),
        ),
        noticed_by="tests/store/test_promises.py::test_a_second_server_is_refused",
    ),
    Broken(
        name="takes a full disk for the sender's mistake",
        promise="A full disk breaks nothing",
        file="remediator/store/sqlite/failures.py",
        changes=(("        sqlite3.SQLITE_FULL,\n", ""),),
        noticed_by="tests/store/test_promises.py::test_a_full_disk_is_unavailable_and_breaks_nothing",
    ),
    Broken(
        name="serves nothing while files are bad",
        promise="What policies were, stays",
        file="remediator/engine/policies.py",
        changes=(
            (
                "        self._refused = problems\n",
                "        self._refused = problems\n        self._prepared = {}\n",
            ),
        ),
        noticed_by="tests/e2e/test_serving.py::test_a_bad_policy_file_leaves_the_last_good_set_serving",
    ),
)
