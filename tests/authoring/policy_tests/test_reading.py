"""Faults in files of tests: all at once, each at its place, with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediator.authoring.policy_tests.reading import find_files, read_tests
from remediator.authoring.policy_tests.running import run_tests
from remediator.authoring.policy_tests.staging import Stages
from remediator.errors import ConfigError
from remediator.settings import Mode
from tests.authoring.policy_tests.files import Folder

HEAD = "policy: ../restart-cache.yaml\ntests:\n"
ONE = HEAD + "  - name: one\n    expect: [{at: 0s}]\n"


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", (1, 1), "is not a file of policy tests"),
        ("- a\n", (1, 1), "is not a file of policy tests"),
        ("tests:\n  - {name: a, expect: [{at: 0s}]}\n", (1, 1), "exactly one of policy or policies"),
        ("policy: x.yaml\n", (1, 1), "key 'tests' is missing"),
        (HEAD + "  []\n", (3, 3), "is too short a list"),
        (HEAD + "  - name: a\n", (3, 5), "key 'expect' is missing"),
        (HEAD + "  - {name: a, expect: [{at: soon}]}\n", (3, 29), "is not a duration"),
        (HEAD + "  - {name: a, expect: [{at: 0s}], expects: []}\n", (3, 35), "unknown key 'expects'"),
        (HEAD + "  - {name: a, expect: [{at: 0s, decison: run}]}\n", (3, 33), "unknown key 'decison'"),
        (HEAD + "  - {name: a, expect: [{at: 0s, run: broken}]}\n", (3, 38), "the value is not a known one"),
        (HEAD + "  - {name: a, expect: [{at: 0s, steps: run}]}\n", (3, 40), "is not a list"),
        (
            HEAD + "  - {name: a, alerts: [{alert: A, events: 0s burning}], expect: [{at: 0s}]}\n",
            (3, 43),
            "firing",
        ),
        (ONE + "  - name: one\n    expect: [{at: 0s}]\n", (5, 11), "a second test is called 'one'"),
        (ONE + "    answers: {series: [{series: 'rate(x[5m])', values: 1}]}\n", (5, 33), "is not a series"),
        (ONE + "    answers: {series: [{series: 'x{a!=\"b\"}', values: 1}]}\n", (5, 33), "other than ="),
        (ONE + "    answers: {series: [{series: x, values: {0s: a}}]}\n", (5, 49), "number"),
        (ONE + "    answers: {queries: [{query: 'up ==', gives: 1}]}\n", (5, 33), "is not PromQL"),
        (
            ONE + "    answers: {queries: [{query: up, gives: {scalar: 1, error: b}}]}\n",
            (5, 44),
            "exactly one of",
        ),
        (ONE + "    actions: [{uses: wait}]\n", (5, 15), "exactly one of outcome, attempts or over_time"),
        (ONE + "    actions: [{uses: wait, outcome: fine}]\n", (5, 37), "the value is not a known one"),
        (ONE + "    start: yesterday\n", (5, 12), "datetime"),
        (ONE + "    start: 2026-01-05T12:00:00\n", (5, 12), "timezone"),
    ],
)
def test_a_fault_has_its_place(folder: Folder, text: str, place: tuple[int, int], what: str) -> None:
    path = folder.write(text)
    with pytest.raises(ConfigError) as raised:
        read_tests(path)
    problem = raised.value.problems[0]
    assert (problem.file, (problem.line, problem.column)) == (str(path), place)
    assert what in problem.what + problem.fix
    assert problem.fix


def test_all_faults_are_told_at_once(folder: Folder) -> None:
    path = folder.write(HEAD + "  - {name: a, oops: 1, expect: [{at: 0s, run: x, decision: y}]}\n")
    with pytest.raises(ConfigError) as raised:
        read_tests(path)
    assert len(raised.value.problems) == 3


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        (ONE.replace("restart-cache", "other"), (1, 9), "there is no policy ../other.yaml"),
        (ONE.replace("tests:", "inventory: mine.yaml\ntests:"), (2, 12), "there is no inventory mine.yaml"),
        (ONE + "    configuration: {docker: {container: [x]}}\n", (5, 30), "unknown key 'container'"),
        (ONE.replace("tests:", "configuration: {fly: 7}\ntests:"), (2, 22), "mapping"),
    ],
)
def test_what_holds_around_a_test_is_checked_in_its_place(
    folder: Folder, text: str, place: tuple[int, int], what: str
) -> None:
    path = folder.write(text)
    with pytest.raises(ConfigError) as raised:
        Stages(read_tests(path)).of(0)
    problem = raised.value.problems[0]
    assert (problem.file, (problem.line, problem.column)) == (str(path), place)
    assert what in problem.what + problem.fix


def test_a_fault_of_the_policy_is_told_as_the_policys(folder: Folder) -> None:
    policy = folder.path / "restart-cache.yaml"
    policy.write_text(policy.read_text().replace("container: cache", "container: crash"))
    with pytest.raises(ConfigError, match=r"restart-cache\.yaml:14:.*crash"):
        Stages(read_tests(folder.write(ONE))).of(0)


def test_a_folder_means_its_files_but_not_the_inventory(folder: Folder) -> None:
    wanted = [folder.write(ONE, name) for name in ("a.yaml", "b.yml")]
    folder.write("x", "notes.txt")
    assert find_files([folder.path / "tests"]) == wanted
    assert find_files([wanted[1], folder.path / "tests"]) == [wanted[1], wanted[0]]
    with pytest.raises(ConfigError, match="is not there"):
        find_files([Path("nowhere.yaml")])


ASKS = ONE.replace("expect: [{at: 0s}]", "alerts: [{alert: CacheDown}]\n    expect: [{at: 1m}]")


@pytest.mark.parametrize(
    ("named", "config", "beside", "fallback", "holds"),
    [
        (True, True, True, True, "named"),
        (False, True, True, True, "config"),
        (False, False, True, True, "beside"),
        (False, False, False, True, "fallback"),
        (False, False, False, False, None),
    ],
)
def test_which_inventory_holds(
    tmp_path: Path, *, named: bool, config: bool, beside: bool, fallback: bool, holds: str | None
) -> None:
    folder = Folder.make(tmp_path, inventory=None)
    paths = {}
    for name in ("named", "config", "beside", "fallback"):
        file = "remediator" if name == "beside" else name
        paths[name] = tmp_path / "tests" / f"{file}.yml"
        paths[name].write_text(f"docker: {{containers: [cache, {name}]}}\n")
    if beside:
        paths["beside"].rename(tmp_path / "tests" / "remediator.yaml")
    text = ONE.replace("tests:", "inventory: named.yml\ntests:") if named else ONE
    stages = Stages(
        read_tests(folder.write(text)),
        config=paths["config"] if config else None,
        fallback=paths["fallback"] if fallback else None,
    )
    docker = stages.of(0).settings.docker
    assert (None if docker is None else docker.containers) == (holds and ("cache", holds)) or (
        docker is not None and holds in docker.containers
    )


def test_the_environment_and_the_servers_mode_do_not_matter(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMEDIATOR_MODE", "shadow")
    monkeypatch.setenv("REMEDIATOR_DOCKER__HOST", "unix:///elsewhere")
    settings = Stages(folder.one("expect: [{at: 0s}]")).of(0).settings
    assert settings.mode is Mode.ENFORCE
    assert settings.docker is not None
    assert settings.docker.host == "unix:///var/run/docker.sock"
    asked = folder.one("configuration: {mode: shadow}", "expect: [{at: 1m, decision: shadow, run: none}]")
    assert next(iter(run_tests(asked, Stages(asked), [0]))).ok


def test_a_section_can_be_left_out_for_one_test(folder: Folder) -> None:
    result = folder.run("configuration: {docker: null}", "expect: [{at: 1m, run: {option: replace}}]")
    assert result.ok
