"""Broken versions of what docs/reliability.md promises when the clock is set, and when it is told to stop."""

from __future__ import annotations

from torture.broken.version import Broken

CLOCK = (
    Broken(
        name="moves nothing when the clock goes back",
        promise="Nothing waits an hour because the clock went back an hour",
        file="remediator/engine/clock_steps.py",
        changes=(("        _move(tx, step)\n", "        pass\n"),),
        noticed_by="tests/faults/test_clock.py"
        "::test_a_lease_ends_after_as_long_as_it_should_when_the_clock_goes_back",
    ),
    Broken(
        name="does not look at the start whether the clock went back",
        promise="Nothing waits an hour because the clock went back an hour",
        file="remediator/engine/clock_steps.py",
        changes=(("    if step <= -LEAST_STEP:\n", "    if step > LEAST_STEP:\n"),),
        noticed_by="tests/faults/test_clock.py::test_what_came_in_before_a_kill_is_not_left_for_an_hour",
    ),
    Broken(
        name="verifies by the machine's clock alone",
        promise="Nothing waits an hour because the clock went back an hour",
        file="remediator/engine/verification.py",
        changes=(("max(self._clock.now() - began, waited)", "self._clock.now() - began"),),
        noticed_by="tests/faults/test_clock.py"
        "::test_a_verification_takes_no_longer_when_the_clock_goes_back_meanwhile",
    ),
    Broken(
        name="starts a due time again when its hour comes again",
        promise="Nothing is done twice because an hour comes twice",
        file="remediator/engine/clock_steps.py",
        changes=(
            (
                "    for episode in tx.open_episodes():\n",
                "    for row in tx.schedules():\n"
                "        if row.next_due_at is not None:\n"
                "            tx.save(replace(row, next_due_at=row.next_due_at + step))\n"
                "    for episode in tx.open_episodes():\n",
            ),
        ),
        noticed_by="tests/faults/test_clock.py::test_a_due_time_that_comes_twice_is_started_once",
    ),
    Broken(
        name="lets a request for approval stand longer when the clock goes back",
        promise="An answer counts in time and never after",
        file="remediator/engine/clock_steps.py",
        changes=(("expires_at=request.expires_at + step", "expires_at=request.expires_at"),),
        noticed_by="tests/faults/test_clock.py::test_an_answer_counts_in_time_and_never_after",
    ),
    Broken(
        name="starts what is due in an hour that comes twice both times",
        promise="Where summer time begins or ends, a time means what RFC 5545 says",
        file="remediator/jobs/scheduler.py",
        changes=(
            (
                "        if fields.every_hour or not moment.astimezone(zone).fold:\n",
                "        if moment:\n",
            ),
        ),
        noticed_by="tests/jobs/test_cron.py::test_what_is_due_where_clocks_change",
    ),
    Broken(
        name="leaves a command running when it is told to stop",
        promise="Told to stop in whatever state, it stops with what it may, and goes on where it was",
        file="remediator/clients/process.py",
        changes=(
            (
                "            await asyncio.shield(self._end_group())\n",
                "            if ended.done():\n                await asyncio.shield(self._end_group())\n",
            ),
        ),
        noticed_by="tests/faults/test_signals.py::test_told_to_stop_in_every_state_it_goes_on_where_it_was",
    ),
)
