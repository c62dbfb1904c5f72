"""`remediator policies test`: which tests it runs, what it says, and how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from remediator.authoring.reference import PROJECT
from remediator.cli.app import run
from remediator.policy.outcomes import read_outcomes
from tests.authoring.policy_tests.files import Folder

TEXT = """
policy: ../restart-cache.yaml
given: {answers: {series: [{series: 'up{job="cache"}', values: {0s: 0, 45s: 1}}]}}
tests:
  - name: it comes back
    alerts: [{alert: CacheDown}]
    expect: [{at: 2m, run: succeeded}]
  - name: it waits
    alerts: [{alert: CacheDown}]
    expect: [{at: 29s, decision: blocked}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    (tmp_path / "policies").mkdir()
    made = Folder.make(tmp_path / "policies")
    made.write(TEXT)
    (tmp_path / "remediator.yaml").write_text("policies: policies\n")
    monkeypatch.chdir(tmp_path)
    return made


def test_the_tests_beside_the_policies_are_run(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["policies", "test"]) == 0
    out = capfd.readouterr().out
    assert re.fullmatch(r"policies/tests/restart-cache\.yaml: 2 passed, 0 failed in \d\.\d\d s\n", out)


def test_a_failure_ends_with_1_and_is_shown(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    folder.write(TEXT.replace("succeeded", "failed"))
    assert run(["policies", "test", "policies/tests"]) == 1
    out = capfd.readouterr().out
    assert "policies/tests/restart-cache.yaml:7:32: at 2m, run\n" not in out
    assert "policies/tests/restart-cache.yaml:7:28: at 2m, run.state" in out
    assert "- expected failed" in out


def test_what_came_out_is_kept_for_the_pages(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    folder.write(TEXT.replace("succeeded", "failed"))
    assert run(["policies", "test", "--record"]) == 1
    (found,) = read_outcomes(Path("data/policy-outcomes.json")).values()
    assert found.tests is not None
    assert (found.tests.passed, found.tests.failed) == (1, 1)
    assert run(["policies", "test", "--record", "-k", "waits"]) == 2
    assert "leave out -k" in capfd.readouterr().err


def test_tests_are_chosen_by_a_part_of_their_name(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    folder.write(TEXT.replace("succeeded", "failed"))
    assert run(["policies", "test", "-k", "WAITS"]) == 0
    assert "1 passed" in capfd.readouterr().out
    assert run(["policies", "test", "-k", "nothing"]) == 2
    assert "no test's name holds 'nothing'" in capfd.readouterr().err


def test_faults_of_all_files_end_with_2(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    folder.write("policy: x\n", "a.yaml")
    folder.write(TEXT.replace("run:", "ran:"), "b.yaml")
    assert run(["policies", "test"]) == 2
    err = capfd.readouterr().err
    assert "a.yaml:1:1: error: key 'tests' is missing" in err
    assert "b.yaml:7:23: error: unknown key 'ran'" in err
    assert run(["policies", "test", "nowhere"]) == 2
    assert "nowhere" in capfd.readouterr().err
    assert run(["policies", "test", "--nonsense"]) == 2


def test_junit_and_json(folder: Folder, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["policies", "test", "--junit", "out.xml", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert [test["name"] for test in told["tests"]] == ["it comes back", "it waits"]
    assert told["coverage"][0]["policy"] == "restart-cache"
    suite = Xml.fromstring((tmp_path / "out.xml").read_text())[0]
    assert [case.get("name") for case in suite] == ["it comes back", "it waits"]


def test_coverage_is_shown_and_can_be_required(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["policies", "test", "--coverage"]) == 0
    out = capfd.readouterr().out
    assert "not seen: restart-cache, 1:cooldown: denies" in out
    assert run(["policies", "test", "--require-coverage", "20"]) == 0
    capfd.readouterr()
    assert run(["policies", "test", "--require-coverage", "90"]) == 1
    out = capfd.readouterr().out
    assert "of its branches, 90% are required" in out
    assert "not seen:" in out


def test_a_given_configuration_holds_instead_of_the_one_beside(
    folder: Folder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text("policies: policies\nprometheus: {url: http://127.0.0.1:9090}\n")
    assert run(["policies", "test", "--config", "mine.yaml"]) == 1
    assert "no option is available" in capfd.readouterr().out


def test_the_example_of_the_docs_passes(
    folder: Folder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page = (PROJECT / "docs" / "policy-tests.md").read_text()
    policy, tests = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[:2]
    (tmp_path / "policies" / "restart-cache.yaml").write_text(policy)
    folder.write(tests)
    assert run(["policies", "test"]) == 0
    capfd.readouterr()
    folder.write(tests.replace('{job="cache"}\', values: {0s: 0, 45s: 1}', '{job="other"}\', values: 1'))
    assert run(["policies", "test"]) == 1
    capfd.readouterr()


def test_a_policy_without_tests_is_not_covered(folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    (folder.path / "second.yaml").write_text("policy: second\n")
    (folder.path / "values.yaml").write_text("no: policy\n")
    assert run(["policies", "test"]) == 0
    assert "second" not in capfd.readouterr().out
    assert run(["policies", "test", "--coverage"]) == 0
    out = capfd.readouterr().out
    assert "no test is about policies/second.yaml" in out
    assert "values.yaml" not in out
    assert run(["policies", "test", "--require-coverage", "20", "--json"]) == 1
    assert json.loads(capfd.readouterr().out)["without_tests"] == ["policies/second.yaml"]
    # Of one file nothing is said of the others.
    assert run(["policies", "test", "policies/tests/restart-cache.yaml", "--require-coverage", "20"]) == 0
