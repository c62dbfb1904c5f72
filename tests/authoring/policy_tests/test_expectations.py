"""Every kind of expectation is met when it is so, and fails for the right reason when it is not."""

from __future__ import annotations

import pytest

from tests.authoring.policy_tests.files import STAYS_DOWN, Folder

# What is so at 2m, when the cache was restarted and came back.
TRUE = [
    "decision: run",
    "decision: {outcome: run, option: restart, target: cache/main}",
    "guards: {promql: allow, '1:cooldown': allow}",
    "run: succeeded",
    "run: {state: succeeded, reason: verified, option: restart, tried: [], lease: null, target: cache/main}",
    "runs: 1",
    "plan: {option: restart, target: cache/main, steps: [docker.restart]}",
    "plan: {steps: [{uses: docker.restart, with: {container: cache}}]}",
    "steps: [docker.restart]",
    "steps: [{uses: docker.restart, state: succeeded, phase: act, attempts: 1, option: restart}]",
    "verification: succeeded",
    "approval: none",
    "revert: none",
    "leases: []",
    "episode: open",
    "episode: {state: open, reason: null}",
    "audit: [{action: episode.opened}, {action: step.intent, detail: {option: restart}}]",
]
FALSE: list[tuple[str, tuple[str, object, object]]] = [
    ("decision: blocked", ("decision.outcome", "blocked", "run")),
    ("decision: none", ("decision", "none", None)),
    ("decision: {reason: cooldown}", ("decision.reason", "cooldown", None)),
    ("decision: {guard: cooldown}", ("decision.guard", "cooldown", None)),
    ("decision: {option: replace}", ("decision.option", "replace", "restart")),
    ("guards: {promql: deny}", ("guards.promql", "deny", "allow")),
    ("guards: {time_window: allow}", ("guards.time_window", "allow", "not a guard")),
    ("run: failed", ("run.state", "failed", "succeeded")),
    ("run: none", ("run", "none", None)),
    ("run: {detail: oops}", ("run.detail", "oops", "")),
    ("run: {tried: [replace]}", ("run.tried", ["replace"], [])),
    ("runs: 2", ("runs", 2, 1)),
    ("plan: {option: replace}", ("plan.option", "replace", "restart")),
    ("steps: []", ("steps", [], None)),
    ("steps: [docker.stop]", ("steps[0].uses", "docker.stop", "docker.restart")),
    (
        "steps: [{uses: docker.restart, with: {container: other}}]",
        ("steps[0].with", {"container": "other"}, {"container": "cache"}),
    ),
    ("steps: [{uses: docker.restart, attempts: 2}]", ("steps[0].attempts", 2, 1)),
    ("verification: failed", ("verification", "failed", "succeeded")),
    ("approval: pending", ("approval", {"state": "pending"}, "none")),
    ("revert: reverted", ("revert", {"state": "reverted"}, "none")),
    ("leases: [{state: open}]", ("leases", [{"state": "open"}], [])),
    ("episode: closed", ("episode.state", "closed", "open")),
    (
        "audit: [{action: step.intent}, {action: episode.opened}]",
        ("audit[1]", {"action": "episode.opened"}, "no such row, or not in this order"),
    ),
]


@pytest.mark.parametrize("expected", TRUE)
def test_what_is_so_is_met(folder: Folder, expected: str) -> None:
    assert folder.mismatches(f"expect: [{{at: 2m, {expected}}}]") == []


@pytest.mark.parametrize(("expected", "difference"), FALSE)
def test_what_is_not_so_is_told(
    folder: Folder, expected: str, difference: tuple[str, object, object | None]
) -> None:
    (found,) = folder.mismatches(f"expect: [{{at: 2m, {expected}}}]")
    what, wanted, actual = difference
    assert found[:2] == (what, wanted)
    if actual is not None or found[2] is None:
        assert found[2] == actual


def test_a_mismatch_stands_where_the_expectation_stands(folder: Folder) -> None:
    result = folder.run("expect:\n  - at: 2m\n    steps:\n      - docker.restart\n      - wait\n    runs: 7")
    text = (folder.path / "tests" / "restart-cache.yaml").read_text().splitlines()
    assert [text[one.line - 1][one.column - 1 :] for one in result.mismatches] == ["- docker.restart", "7"]
    assert [one.what for one in result.mismatches] == ["steps", "runs"]


def test_expectations_are_looked_at_in_their_own_time(folder: Folder) -> None:
    result = folder.run(
        """
        expect:
          - {at: 1m20s, run: succeeded}
          - {at: 29s, decision: {outcome: blocked, reason: hold_pending, guard: promql}, run: none}
          - {at: 30s, decision: run, run: verifying}
          - {at: 1m14s, run: verifying}
          - {at: 0s, episode: open, decision: run}
        """
    )
    assert [(one.at.total_seconds(), one.what) for one in result.mismatches] == [(0, "decision.outcome")]


def test_labels_and_policy_say_which(folder: Folder) -> None:
    assert (
        folder.mismatches(
            """
            expect:
              - {at: 2m, labels: {site: other}, decision: none, run: none, episode: none, steps: []}
              - {at: 2m, policy: another, decision: none, runs: 0}
            """
        )
        == []
    )


def test_an_approval_that_is_given_and_the_lease_and_revert_that_follow(folder: Folder) -> None:
    assert (
        folder.mismatches(
            """
            actions: [{uses: docker.restart, outcome: failed}]
            people: [{at: 5m, by: ana, does: approve}]
            expect:
              - at: 1m
                approval: {state: pending, level: option, option: replace, from: [oncall], count: 1}
                run: {state: awaiting_approval, tried: [restart]}
              - {at: 6m, approval: approved, run: {lease: open}}
              - {at: 6m, leases: [{resource: "fly:cache", attribute: count, state: open}]}
              - at: 1h5m
                revert: {state: reverted, reason: reverted, trigger: expiry, option: replace}
                steps:
                  - {uses: docker.restart, state: failed}
                  - {uses: fly.scale_count, phase: act}
                  - {uses: fly.scale_count, phase: undo}
            """,
            test=STAYS_DOWN,
        )
        == []
    )


@pytest.mark.parametrize(
    ("deed", "expected", "actual"),
    [
        ("by: bob, does: approve", "done", "forbidden: this run asks oncall; you are none of them"),
        ("by: eve, does: approve", "done", "invalid: the inventory has no token called 'eve'"),
        ("by: ana, does: approve, answer: conflict", "conflict", "done: approved"),
        ("by: ana, does: release", "done", "not_found: there is no hold to release"),
        ("by: ana, does: revert", "done", "conflict: it is awaiting_approval"),
    ],
)
def test_what_people_are_told_is_looked_at(folder: Folder, deed: str, expected: str, actual: str) -> None:
    (found,) = folder.mismatches(
        f"""
        actions: [{{uses: docker.restart, outcome: failed}}]
        people: [{{at: 5m, {deed}}}]
        expect: [{{at: 6m}}]
        """
    )
    assert found[1] == expected
    assert str(found[2]).startswith(actual)
