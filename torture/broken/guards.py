"""Broken versions of what docs/reliability.md promises of guards and approvals."""

from __future__ import annotations

from torture.broken.version import Broken

GUARDS = (
    Broken(
        name="takes a failed answer for a good one",
        promise="A guard that can't be evaluated blocks",
        file="remediator/guards/evaluate.py",
        changes=(("    if failures:\n", "    if not failures and failures:\n"),),
        noticed_by="tests/engine/test_blocking.py::test_a_guard_that_cannot_be_asked_blocks",
    ),
    Broken(
        name="does not look at the guards again",
        promise="Guards are looked at again right before acting",
        file="remediator/engine/starting.py",
        changes=(
            (
                "        if decision.outcome is Outcome.BLOCKED:\n",
                "        if decision.outcome is Outcome.BLOCKED and asked_nobody(tx, run):\n",
            ),
            (
                "def next_ask(",
                "def asked_nobody(reads: Reads, run: Run) -> bool:\n"
                "    return reads.approval_of_run(run.id) is None\n\n\n"
                "def next_ask(",
            ),
        ),
        noticed_by="tests/engine/test_approvals.py::test_guards_are_looked_at_again_after_approval",
    ),
    Broken(
        name="takes a second verdict",
        promise="The first verdict wins, on the plan that was shown, by those who are asked",
        file="remediator/engine/approvals.py",
        changes=(
            (
                "        if request.state is not ApprovalState.PENDING:\n            why",
                "        if request.state is ApprovalState.CANCELLED:\n            why",
            ),
        ),
        noticed_by="tests/engine/test_approvals.py::test_the_first_verdict_wins",
    ),
    Broken(
        name="does not compare the plan",
        promise="The first verdict wins, on the plan that was shown, by those who are asked",
        file="remediator/engine/approvals.py",
        changes=(("        if request.plan_hash != plan_hash:\n", "        if not plan_hash:\n"),),
        noticed_by="tests/engine/test_approvals.py::test_another_plan_hash_is_refused",
    ),
    Broken(
        name="lets anybody decide",
        promise="The first verdict wins, on the plan that was shown, by those who are asked",
        file="remediator/engine/approvals.py",
        changes=(("    if not actor.is_among(request.from_):\n", "    if not request.from_:\n"),),
        noticed_by="tests/engine/test_approvals.py::test_only_who_is_asked_decides",
    ),
    Broken(
        name="leaves a run whose request expired to wait on",
        promise="No answer means no",
        file="remediator/engine/approvals.py",
        changes=(
            (
                "            change_state("
                "tx, run, RunEvent.EXPIRE, now, reason=Reason.EXPIRED, detail=detail)\n",
                "",
            ),
        ),
        noticed_by="tests/engine/test_approvals.py::test_no_answer_in_time_means_no",
    ),
    Broken(
        name="does not look at holds before a step",
        promise="A hold stops everything before its next step",
        file="remediator/engine/step_records.py",
        changes=(("    for hold in tx.active_holds(now):\n", "    for hold in tx.active_holds(now)[:0]:\n"),),
        noticed_by="tests/engine/test_blocking.py::test_a_hold_stops_a_run_before_its_next_step",
    ),
    Broken(
        name="counts no failures",
        promise="A policy that does harm stops by itself",
        file="remediator/guards/failure_breaker.py",
        changes=(
            (
                "    return finish.state in _FAILURES or finish.relapsed\n",
                "    return finish.relapsed\n",
            ),
        ),
        noticed_by="tests/engine/test_blocking.py::test_a_failure_breaker_opens_and_a_person_closes_it",
    ),
    Broken(
        name="counts no returns",
        promise="A policy that does harm stops by itself",
        file="remediator/guards/loop.py",
        changes=(
            ("            row, counted = [*row, opened_at], ended_at\n", "            counted = ended_at\n"),
        ),
        noticed_by="tests/engine/test_blast_radius.py::test_an_alert_that_every_run_brings_back_is_left_alone",
    ),
)
