"""Broken versions of what docs/reliability.md promises of what leaves the database."""

from __future__ import annotations

from torture.broken.version import Broken

KEEPING = (
    Broken(
        name="archives a log that is broken",
        promise="What leaves the log is in its archive first, and the chain goes on",
        file="remediator/store/archives.py",
        changes=(
            (
                '    if fault is not None:\n        raise ArchiveError(f"{path} is not whole',
                '    if not path.name:\n        raise ArchiveError(f"{path} is not whole',
            ),
        ),
        noticed_by="tests/jobs/test_archiving.py::test_of_a_broken_log_nothing_leaves",
    ),
    Broken(
        name="writes over the archive of another past",
        promise="What leaves the log is in its archive first, and the chain goes on",
        file="remediator/jobs/prune.py",
        changes=(("        if not rows or rows[0].hash != archive.hash:\n", "        if not rows:\n"),),
        noticed_by="tests/jobs/test_archiving.py"
        "::test_an_archive_of_another_past_is_neither_taken_nor_written_over",
    ),
    Broken(
        name="lets a run go whose change still stands",
        promise="The database stays bounded, and what is open stays in it",
        file="remediator/store/sqlite/prune.py",
        changes=(
            ('run_id = {run}.id AND {STANDING})"', 'run_id = {run}.id AND 0)"'),
            ("\"'drive', 'lease', 'report',", "\"'drive', 'report',"),
        ),
        noticed_by="tests/jobs/test_prune.py"
        "::test_over_months_the_database_stays_bounded_and_what_is_open_stays",
    ),
    Broken(
        name="gives a number twice",
        promise="The database stays bounded, and what is open stays in it",
        file="remediator/store/sqlite/prune.py",
        changes=(
            ('    return f"{condition} AND id < (SELECT max(id) FROM {table})"', "    return condition"),
        ),
        noticed_by="tests/jobs/test_prune.py::test_what_is_kept_needs_no_other_row",
    ),
    Broken(
        name="takes a guard that looks too far back",
        promise="No guard forgets",
        file="remediator/engine/capabilities.py",
        changes=(("        if window > kept:\n", "        if window > kept * 2:\n"),),
        noticed_by="tests/cli/test_pruning.py"
        "::test_a_guard_that_looks_further_back_than_records_are_kept_is_refused",
    ),
    Broken(
        name="lets runs go that a guard still counts",
        promise="No guard forgets",
        file="remediator/jobs/prune.py",
        changes=(
            (
                "        return self.deliveries if kind.of_deliveries else self.records\n",
                "        return self.deliveries\n",
            ),
        ),
        noticed_by="tests/jobs/test_prune.py::test_guards_count_as_if_nothing_had_left",
    ),
)
