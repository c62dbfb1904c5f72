"""Broken versions of what docs/reliability.md promises when very much comes at once."""

from __future__ import annotations

from torture.broken.version import Broken

_STARVES = "Whoever waits for a lock or a cap is decided again when it is let go, the most important first"
_STORM = "In a storm of alerts what matters most is acted on, and all the rest once it is over"
_HEALTH = "Ready is false while nothing can be committed or nobody looks at what is due, with the reason"

STORMS = (
    Broken(
        name="wakes nobody when a lock is let go",
        promise=_STARVES,
        file="remediator/engine/journal.py",
        changes=(("        tx.wake_waiting(now, run.target)\n", "        pass\n"),),
        noticed_by="tests/engine/test_waiting.py::test_nobody_who_waits_for_a_lock_is_forgotten",
    ),
    Broken(
        name="wakes whoever came last",
        promise=_STARVES,
        file="remediator/store/sqlite/lines.py",
        changes=(('_PLACE = "priority, severity, id"', '_PLACE = "-priority, -severity, -id"'),),
        noticed_by="tests/store/test_lines.py"
        "::test_of_each_line_the_most_important_is_woken_and_then_the_next",
    ),
    Broken(
        name="lets what is important take every worker",
        promise="What is less important does not starve behind what is more so",
        file="remediator/engine/dispatch.py",
        changes=(
            (
                "                self._start(timer, kept_free=True)\n",
                "                self._start(timer, kept_free=False)\n",
            ),
        ),
        noticed_by="tests/engine/test_dispatch.py::test_what_is_due_for_longest_has_its_turn_behind_no_matter_what",
    ),
    Broken(
        name="acts on everything in a storm",
        promise=_STORM,
        file="remediator/guards/storm.py",
        changes=(("deny(self.name, key, Reason.STORM, detail", "allow(self.name, key, detail"),),
        noticed_by="tests/engine/test_storms.py"
        "::test_in_a_storm_only_what_matters_most_is_acted_on_and_the_rest_afterwards",
    ),
    Broken(
        name="ends a storm at the first lull",
        promise=_STORM,
        file="remediator/engine/storms.py",
        changes=(("now - since < limits.calm_for", "now < since"),),
        noticed_by="tests/engine/test_storms.py::test_between_the_two_thresholds_it_stays_as_it_is",
    ),
    Broken(
        name="is ready whatever the store says",
        promise=_HEALTH,
        file="remediator/jobs/watch_health.py",
        changes=(("            return str(error)\n", "            return None\n"),),
        noticed_by="tests/jobs/test_watch_health.py"
        "::test_a_store_that_cannot_commit_is_the_reason_until_it_can",
    ),
)
