"""Broken versions of what docs/reliability.md promises of crashes, the disk and backups."""

from __future__ import annotations

from torture.broken.version import Broken

STORAGE = (
    Broken(
        name="begins a step anew that a kill cut off",
        promise="Killed before or after any commit, any effect or any answer, it ends as if nothing had "
        "happened; only a step that was cut off, and that no look can tell about, goes to a person",
        file="remediator/engine/steps.py",
        changes=(
            (
                "        if last is not None and last.state is StepState.INTENT:\n",
                "        if last is not None and last.state is StepState.AMBIGUOUS:\n",
            ),
        ),
        noticed_by="tests/faults/test_crash_matrix.py::test_killed_anywhere_it_ends_as_if_nothing_had_happened",
    ),
    Broken(
        name="opens a damaged file",
        promise="Whatever ails the database's file is told with what to do about it",
        file="remediator/store/sqlite/store.py",
        changes=(('            if damage != "ok":\n', "            if not damage:\n"),),
        noticed_by="tests/faults/test_storage.py::test_a_page_that_was_overwritten_is_named_whichever_it_is",
    ),
    Broken(
        name="does not look for a head that was noted",
        promise="A disk that lost the end of the write-ahead log leaves a whole beginning, and a head that "
        "was noted shows what is missing",
        file="remediator/store/sqlite/verify.py",
        changes=(
            (
                "    return fault or (_head_fault(connection, head, checkpoint) if head else None)\n",
                "    return fault\n",
            ),
        ),
        noticed_by="tests/faults/test_storage.py::test_a_cut_write_ahead_log_loses_its_end_and_nothing_else",
    ),
    Broken(
        name="keeps a backup that is not whole",
        promise="A backup is whole, or it is none",
        file="remediator/store/sqlite/backup.py",
        changes=(
            (
                '        if damage != "ok" or astray is not None or fault is not None:\n',
                '        if damage != "ok" and astray is not None and fault is not None:\n',
            ),
        ),
        noticed_by="tests/store/test_backup.py::test_what_is_not_whole_is_no_backup",
    ),
    Broken(
        name="acts on a backup that was put back",
        promise="A restored database repeats nothing",
        file="remediator/store/sqlite/backup.py",
        changes=(("            _hold(copy, contents, now)\n", ""),),
        noticed_by="tests/store/test_backup.py::test_a_restored_database_is_held_says_so_and_goes_on",
    ),
)
