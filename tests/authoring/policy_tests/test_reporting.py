"""What is told of tests that were run: for people, as JSON, as JUnit XML, and as coverage."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from remediator.authoring.policy_tests.coverage import coverage_of
from remediator.authoring.policy_tests.reporting import Tone, as_json, as_junit, report
from remediator.authoring.policy_tests.staging import Stages
from tests.authoring.policy_tests.files import STAYS_DOWN, Folder

TEXT = """
policy: ../restart-cache.yaml
given: {answers: {series: [{series: 'up{job="cache"}', values: {0s: 0, 45s: 1}}]}}
tests:
  - name: it is right
    alerts: [{alert: CacheDown}]
    expect: [{at: 2m, run: succeeded}]
  - name: 'it is wrong: <&>'
    alerts: [{alert: CacheDown, labels: {site: "\\u0007x"}}]
    expect:
      - at: 2m
        run: failed
        steps: [docker.stop, docker.restart, wait]
"""


def test_a_failure_shows_its_place_the_difference_and_what_happened(folder: Folder) -> None:
    lines = list(report(folder.run_all(TEXT)))
    path = folder.path / "tests" / "restart-cache.yaml"
    text = "\n".join(line.text for line in lines)
    assert f"{path}: 1 passed, 1 failed in " in text
    assert "FAILED it is wrong: <&>" in text
    assert f"  {path}:12:14: at 2m, run.state\n    - expected failed\n    + actual   succeeded" in text
    assert f"  {path}:13:16: at 2m, steps\n" in text
    assert '    - {"uses": "docker.stop"}\n      {"uses": "docker.restart"}\n    - {"uses": "wait"}' in text
    assert "---------  looked at 2m" in text
    assert "+30s" in text
    assert "it is right" not in text
    assert {line.tone for line in lines if line.text.startswith("    - ")} == {Tone.EXPECTED}


def test_only_what_is_near_is_shown_of_a_long_history(folder: Folder) -> None:
    result = folder.run(
        "actions: [{uses: docker.restart, outcome: failed}]",
        "people: [{at: 5m, by: ana, does: approve}]",
        "expect: [{at: 31s, runs: 2}, {at: 3h}]",
        test=STAYS_DOWN,
    )
    text = [line.text for line in report([result])]
    assert any("later)" in line for line in text)
    assert len(text) < len(result.history) + 10


def test_junit_has_a_case_for_each_test_and_says_why_one_failed(folder: Folder) -> None:
    root = Xml.fromstring(as_junit(folder.run_all(TEXT)))
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    right, wrong = suite
    assert (right.get("name"), len(right)) == ("it is right", 0)
    assert wrong.get("name") == "it is wrong: <&>"
    (failure,) = wrong
    assert failure.get("message") == "at 2m, run.state"
    assert "- expected failed" in str(failure.text)


def test_json_has_everything(folder: Folder) -> None:
    results = folder.run_all(TEXT)
    told = as_json(results, [])
    assert told["ok"] is False
    right, wrong = told["tests"]
    assert (right["ok"], right["mismatches"], right["history"]) == (True, [], [])
    assert wrong["mismatches"][0] == {
        "at": "2m",
        "what": "run.state",
        "line": 12,
        "column": 14,
        "expected": "failed",
        "actual": "succeeded",
    }
    assert wrong["history"]


def missing(folder: Folder, *parts: str) -> list[str]:
    file = folder.one(*parts, test=STAYS_DOWN)
    stages = Stages(file)
    (result,) = folder.results(file, stages)
    (coverage,) = coverage_of(stages.policies.values(), result.seen)
    return [f"{branch.subject} {branch.what}" for branch in coverage.missing]


ALL = [
    "0:promql denies",
    "1:cooldown denies",
    "restart passed over",
    "restart verified",
    "restart not verified",
    "replace tried",
    "replace approved",
    "replace denied",
    "replace expired",
    "replace verified",
    "replace not verified",
    "replace reverted on resolved",
    "replace reverted on expiry",
    "replace reverted on failed_verification",
]


def without(*branches: str) -> list[str]:
    assert set(branches) <= set(ALL)
    return [branch for branch in ALL if branch not in branches]


def test_coverage_names_what_no_test_went_through(folder: Folder) -> None:
    held = "0:promql denies"
    assert missing(folder, "expect: [{at: 40s}]") == without(held)
    assert missing(folder, "expect: [{at: 3m}]") == without(held, "restart not verified", "replace tried")
    failing = "actions: [{uses: docker.restart, outcome: failed}]"
    assert missing(folder, failing, "expect: [{at: 20m}]") == without(
        held, "replace tried", "replace expired"
    )
    assert missing(
        folder, failing, "people: [{at: 1m, by: ana, does: deny}]", "expect: [{at: 2m}]"
    ) == without(held, "replace tried", "replace denied")
    assert missing(
        folder, failing, "people: [{at: 1m, by: ana, does: approve}]", "expect: [{at: 2h}]"
    ) == without(held, "replace tried", "replace approved", "replace verified", "replace reverted on expiry")


def test_an_option_that_is_passed_over_is_one_whose_condition_does_not_hold(folder: Folder) -> None:
    file = folder.write(
        """
        policy: ../restart-cache.yaml
        given: {answers: {series: [{series: 'up{job="cache"}', values: 0}]}}
        tests:
          - name: it is passed over
            alerts: [{alert: CacheDown, labels: {kind: hard}}]
            expect: [{at: 1m, run: {option: replace}}]
        """
    )
    (result,) = folder.run_all(file.read_text())
    found = {(branch.subject, branch.what) for branch in result.seen.counts["restart-cache"]}
    assert ("restart", "passed over") in found
    assert ("restart", "tried") not in found
