"""Broken versions of what docs/reliability.md promises of runs."""

from __future__ import annotations

from torture.broken.version import Broken

_SIMULATED = "tests/models/test_simulation.py::test_the_promises_hold_whatever_comes[0]"

RUNS = (
    Broken(
        name="takes locks that others hold",
        promise="One live run on a target and on each resource",
        file="remediator/store/sqlite/tx.py",
        changes=(
            (
                "            if holder is not None and holder[0] != run_id:\n",
                "            if holder is not None and holder[0] == -run_id:\n",
            ),
        ),
        noticed_by="tests/store/test_promises.py::test_locks_are_taken_all_or_none",
    ),
    Broken(
        name="locks nothing",
        promise="One live run on a target and on each resource",
        file="remediator/engine/starting.py",
        changes=(("        tx.claim(lock_keys(run.resources, run.target), run.id, now)\n", ""),),
        noticed_by=_SIMULATED,
    ),
    Broken(
        name="acts before the intent is written down",
        promise="Nothing is done that was not written down before",
        file="remediator/engine/steps.py",
        changes=(
            (
                "            begun = await self._engine.store.write("
                "lambda tx: self._intend(tx, ready, captured))\n",
                "            early = await executor.attempt(ready.action, ready.params, self._call(ready))\n"
                "            begun = await self._engine.store.write("
                "lambda tx: self._intend(tx, ready, captured))\n",
            ),
            (
                "        outcome = await executor.attempt(ready.action, ready.params, call)\n",
                "        outcome = early\n",
            ),
        ),
        noticed_by=_SIMULATED,
    ),
    Broken(
        name="repeats a step whose end nobody saw",
        promise="A step whose end nobody saw is looked at, redone only if it may be, or handed to a person",
        file="remediator/engine/step_records.py",
        changes=(("    if idempotent:\n", "    if idempotent or answer is ProbeAnswer.UNKNOWN:\n"),),
        noticed_by="tests/engine/test_crashes.py::test_nothing_that_must_not_be_is_done_twice",
    ),
    Broken(
        name="does not look whether a step was done",
        promise="A step whose end nobody saw is looked at, redone only if it may be, or handed to a person",
        file="remediator/engine/steps.py",
        changes=(
            (
                "        answer = await executor.probe(ready.action, ready.params, call, record.captured)\n",
                "        answer = ProbeAnswer.UNKNOWN\n",
            ),
            (
                "    OutcomeStatus,\n)\n",
                "    OutcomeStatus,\n    ProbeAnswer,\n)\n",
            ),
        ),
        noticed_by="tests/engine/test_crashes.py::test_a_step_that_a_look_shows_done_is_not_repeated",
    ),
    Broken(
        name="forgets a lease that ran out",
        promise="A temporary change goes back",
        file="remediator/engine/lease_watch.py",
        changes=(
            (
                "    if expires_at <= now and reverts_on(run, RevertOn.EXPIRY):\n",
                "    if expires_at <= now and not reverts_on(run, RevertOn.EXPIRY):\n",
            ),
        ),
        noticed_by="tests/engine/test_leases.py::test_it_comes_back_when_the_lease_expires",
    ),
    Broken(
        name="gives a lease up when a later attempt finds its own change",
        promise="A temporary change goes back",
        file="remediator/engine/leases.py",
        changes=((" and opened_here and step.attempt == 1:", " and opened_here:"),),
        noticed_by="tests/engine/test_leases.py::test_what_an_attempt_did_unseen_comes_back_too",
    ),
    Broken(
        name="undoes nothing at the end of a run",
        promise="A temporary change goes back",
        file="remediator/engine/lease_watch.py",
        # It stays due, and is due again: a test must fail of that, and not hang.
        changes=(("            self._revert(tx, run, RUN_ENDED)\n", "            pass\n"),),
        noticed_by="tests/engine/test_run_ended.py::test_it_is_undone_when_the_run_has_succeeded_and_the_alert_goes_on",
    ),
    Broken(
        name="lets a stuck command run on",
        promise="A stuck command stops nobody",
        file="remediator/clients/process.py",
        changes=(
            (
                "            os.killpg(self._process.pid, number)\n",
                "            self._process.send_signal(number)\n",
            ),
        ),
        noticed_by="tests/clients/test_process.py::test_the_whole_group_is_killed_in_time",
    ),
)
