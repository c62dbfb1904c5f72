"""What a script says happens: alerts, answers, outcomes, changes and people."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remediator.authoring.policy_tests.over_time import parse_events
from tests.authoring.policy_tests.files import STAYS_DOWN, Folder


def at(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("0s firing", [(0, "firing")]),
        ("0s firing, 5m resolved", [(0, "firing"), (300, "resolved")]),
        ("5m resolved,0s firing", [(0, "firing"), (300, "resolved")]),
        ("10s firing every 1m x3", [(10, "firing"), (70, "firing"), (130, "firing")]),
        ("0s flapping every 30s x2", [(0, "firing"), (30, "resolved"), (60, "firing"), (90, "resolved")]),
        ("1m silenced, 2m unsilenced", [(60, "silenced"), (120, "unsilenced")]),
    ],
)
def test_events(text: str, events: list[tuple[int, str]]) -> None:
    assert parse_events(text) == tuple((at(seconds), what) for seconds, what in events)


@pytest.mark.parametrize("text", ["", "firing", "soon firing", "0s burning", "0s flapping", "0s firing x3"])
def test_what_is_no_event(text: str) -> None:
    with pytest.raises(ValueError, match=r"firing|duration"):
        parse_events(text)


def test_an_alert_that_flaps_is_told_of_again_and_again(folder: Folder) -> None:
    text = """
policy: ../restart-cache.yaml
tests:
  - name: it flaps
    alerts: [{alert: CacheDown, events: 0s flapping every 2m x3}]
    answers: {series: [{series: 'up{job="cache"}', values: {0s: 0, 45s: 1, 4m: 0}}]}
    expect:
      - {at: 3m, episode: closed, runs: 1}
      - {at: 9m, runs: 1, decision: {outcome: blocked, reason: cooldown}, episode: open}
      - {at: 1h, runs: 1, episode: closed}
"""
    assert folder.run_text(text).mismatches == ()


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ("series: [{series: 'up{job=\"cache\"}', values: 1}]", "precondition"),
        ("series: [{series: 'up{job=\"other\"}', values: 0}]", "precondition"),
        ("series: [{series: 'up{job=\"cache\"}', values: null}]", "precondition"),
        ("series: [{series: 'down', values: 0}]", "guard_error"),
        ("queries: [{query: 'up{job=\"cache\"} == 0', gives: 0}]", None),
        ("queries: [{query: 'up{job=\"cache\"}  ==  0', gives: [{labels: {job: cache}, value: 0}]}]", None),
        ("queries: [{query: 'up{job=\"cache\"} == 0', gives: []}]", "precondition"),
        ("queries: [{query: 'up{job=\"cache\"} == 0', gives: {scalar: 0}}]", "precondition"),
        ("queries: [{query: 'up{job=\"cache\"} == 0', gives: {scalar: 1}}]", None),
        ("queries: [{query: 'up{job=\"cache\"} == 0', gives: {error: timeout}}]", "guard_error"),
        ("queries: [{query: 'up{job=\"cache\"} == 0', gives: {5m: 0}}]", "guard_error"),
    ],
)
def test_what_prometheus_answers(folder: Folder, answers: str, reason: str | None) -> None:
    text = f"""
policy: ../restart-cache.yaml
tests:
  - name: it answers
    alerts: [{{alert: CacheDown}}]
    answers: {{{answers}}}
    expect: [{{at: 1m, decision: {{reason: {reason or "null"}}}}}]
"""
    assert folder.run_text(text).mismatches == ()


def test_a_query_that_is_not_scripted_blocks_and_is_named(folder: Folder) -> None:
    text = """
policy: ../restart-cache.yaml
tests:
  - name: it asks
    alerts: [{alert: CacheDown}]
    expect: [{at: 1m, decision: run}]
"""
    result = folder.run_text(text)
    assert [one.actual for one in result.mismatches] == ["blocked"]
    assert result.unscripted == ('the series up of the query up{job="cache"} == 0',)
    assert any("nothing is scripted for the series up" in str(one) for one in result.history)


@pytest.mark.parametrize(
    ("gives", "ok"),
    [
        ("200", True),
        ("503", False),
        ("timed_out", False),
        ("{status: 200, takes: 1s}", True),
        ("{status: 200, takes: 1m}", False),
        ("{0s: 503, 5m40s: 200}", True),
        ("{0s: 503, 7m: 200}", False),
    ],
)
def test_what_services_answer(folder: Folder, gives: str, *, ok: bool) -> None:
    text = f"""
policy: ../restart-cache.yaml
tests:
  - name: it answers
    alerts: [{{alert: CacheDown, labels: {{kind: hard}}}}]
    answers:
      series: [{{series: 'up{{job="cache"}}', values: 0}}]
      http: [{{service: site, path: /health, gives: {gives}}}]
    people: [{{at: 5m, by: ana, does: approve}}]
    expect: [{{at: 9m, verification: {"succeeded" if ok else "failed"}}}]
"""
    assert folder.run_text(text).mismatches == ()


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("outcome: failed", "{uses: docker.restart, state: failed, attempts: 1}"),
        ("outcome: {status: failed, reason: refused, detail: no}", "{uses: docker.restart, state: failed}"),
        ("outcome: ambiguous", "{uses: docker.restart, state: ambiguous}"),
        ("outcome: {status: ambiguous, probe: done}", "{uses: docker.restart, state: succeeded}"),
        (
            "attempts: [{status: failed, reason: not_sent}, succeeded]",
            "{uses: docker.restart, state: succeeded, attempts: 2}",
        ),
        (
            "over_time: {0s: {status: failed, reason: not_sent}, 32s: succeeded}",
            "{uses: docker.restart, state: succeeded, attempts: 2}",
        ),
        ("outcome: {takes: 1h}", "{uses: docker.restart, state: ambiguous}"),
        ("with: {container: other}, outcome: failed", "{uses: docker.restart, state: succeeded}"),
    ],
)
def test_what_actions_come_to(folder: Folder, outcome: str, expected: str) -> None:
    policy = folder.path / "restart-cache.yaml"
    policy.write_text(
        policy.read_text().replace(
            "with: {container: cache}}", "with: {container: cache}, retry: {attempts: 2, backoff: 5s}}"
        )
    )
    result = folder.run(
        f"""
        actions: [{{uses: docker.restart, {outcome}}}]
        expect: [{{at: 2m, steps: [{expected}]}}]
        """
    )
    assert result.mismatches == ()


def test_a_step_that_takes_its_time(folder: Folder) -> None:
    result = folder.run(
        """
        actions: [{uses: docker.restart, outcome: {takes: 12s}}]
        expect:
          - {at: 41s, run: running, steps: [{uses: docker.restart, state: intent}]}
          - {at: 42s, run: verifying, steps: [{uses: docker.restart, state: succeeded}]}
        """
    )
    assert result.ok


@pytest.mark.parametrize(
    ("more", "revert"),
    [
        ("", "{state: reverted, trigger: expiry}"),
        ("changes: [{at: 10m, resource: 'fly:cache', attribute: count, to: 7}]", "{reason: changed_since}"),
    ],
)
def test_what_was_changed_is_put_back_unless_somebody_else_changed_it(
    folder: Folder, more: str, revert: str
) -> None:
    result = folder.run(
        "actions: [{uses: docker.restart, outcome: failed}]",
        "people: [{at: 5m, by: ana, does: approve}]",
        more,
        f"expect: [{{at: 2h, revert: {revert}}}]",
        test=STAYS_DOWN,
    )
    assert result.mismatches == ()


@pytest.mark.parametrize(
    ("doing", "expected"),
    [
        ("undo", "{at: 2h, revert: {state: revert_failed, detail: no way back}, run: {lease: overdue}}"),
        ("capture", "{at: 2h, run: {state: failed, detail: no way back}, leases: []}"),
    ],
)
def test_reading_before_and_putting_back_can_fail(folder: Folder, doing: str, expected: str) -> None:
    failed = "outcome: {status: failed, detail: no way back}"
    result = folder.run(
        f"""
        actions:
          - {{uses: docker.restart, outcome: failed}}
          - {{uses: fly.scale_count, doing: {doing}, {failed}}}
        people: [{{at: 5m, by: ana, does: approve}}]
        expect: [{expected}]
        """,
        test=STAYS_DOWN,
    )
    assert result.mismatches == ()


def test_what_the_file_gives_holds_unless_the_test_says_otherwise(folder: Folder) -> None:
    text = """
policy: ../restart-cache.yaml
given:
  answers: {series: [{series: 'up{job="cache"}', values: 0}], alertmanager: connection refused}
  actions: [{uses: docker.restart, outcome: failed}]
tests:
  - name: as given
    alerts: [{alert: CacheDown}]
    expect: [{at: 1m, decision: {reason: guard_error}}]
  - name: Alertmanager is up
    alerts: [{alert: CacheDown}]
    answers: {alertmanager: up}
    expect: [{at: 1m, steps: [{uses: docker.restart, state: failed}]}]
  - name: and restarting works
    alerts: [{alert: CacheDown}]
    answers:
      series: [{series: 'up{job="cache"}', values: {0s: 0, 12m: 1}}]
      alertmanager: {0s: down, 10m: up}
    actions: [{uses: docker.restart, outcome: succeeded}]
    expect: [{at: 9m, run: none}, {at: 15m, run: succeeded}]
"""
    assert [(one.name, one.mismatches) for one in folder.run_all(text)] == [
        ("as given", ()),
        ("Alertmanager is up", ()),
        ("and restarting works", ()),
    ]


def test_a_hold_a_release_a_cancel_and_an_acknowledgement(folder: Folder) -> None:
    result = folder.run(
        """
        people:
          - {at: 10s, by: ana, does: hold, for: 5m}
          - {at: 2m, by: ana, does: release}
          - {at: 3m, by: ana, does: acknowledge, for: 1h}
        expect:
          - {at: 1m, decision: {reason: held, guard: hold}, run: none}
          - {at: 3m, audit: [{action: hold.added, actor: ana}, {action: hold.removed}]}
          - {at: 3m, audit: [{action: episode.acknowledged, actor: ana}]}
        """
    )
    assert result.mismatches == ()
    cancelled = folder.run(
        """
        actions: [{uses: docker.restart, outcome: failed}]
        people: [{at: 1m, by: ana, does: cancel}]
        expect: [{at: 2m, run: {state: cancelled}, approval: cancelled}]
        """
    )
    assert cancelled.mismatches == ()


def test_a_test_ends_the_same_way_each_time(folder: Folder) -> None:
    results = [folder.run("expect: [{at: 1h, run: succeeded}]") for _ in range(3)]
    assert results[0].history == results[1].history == results[2].history
    assert len(results[0].history) > 5
