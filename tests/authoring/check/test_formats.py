from __future__ import annotations

import json
from pathlib import Path

import pytest

from remediator.authoring.check import Checked, CheckFormat, check_policies, summary, write_problems
from remediator.errors import Severity
from tests.policy.catalogs import CATALOG, inventory
from tests.policy.documents import GOOD, changed


def check(*paths: Path) -> Checked:
    return check_policies(paths, CATALOG, inventory())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("policies").mkdir()
    Path("policies/good.yaml").write_text(GOOD)
    Path("policies/bad.yaml").write_text(
        changed("policy: pms-open", "policy: 50%,x").replace("owner: integrations\n", "")
    )
    return Path("policies")


def test_text_shows_the_line_and_the_place(folder: Path) -> None:
    checked = check(folder)
    assert not checked.ok
    assert write_problems(checked.problems, CheckFormat.TEXT) == (
        "policies/bad.yaml:1:9: error: policy: the text has a form that is not allowed\n"
        "  1 | policy: 50%,x\n"
        "    |         ^ it must fit ^[a-z0-9][a-z0-9-]{0,62}$"
    )
    assert summary(checked) == "1 good policy, 1 error"


def test_github_annotations_are_escaped(folder: Path) -> None:
    Path("policies/bad.yaml").rename("policies/a,b:c%.yaml")
    (line,) = write_problems(check(folder).problems, CheckFormat.GITHUB).splitlines()
    assert line == (
        "::error file=policies/a%2Cb%3Ac%25.yaml,line=1,col=9::policy: the text has a form that is not "
        "allowed; it must fit ^[a-z0-9][a-z0-9-]{0,62}$"
    )


def test_github_places_what_has_no_line_at_the_first(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    written = write_problems(check(missing).problems, CheckFormat.GITHUB)
    assert f"file={missing},line=1,col=1::can't be read" in written


def test_json_holds_every_field(folder: Path) -> None:
    Path("policies/bad.yaml").write_text(changed("owner: integrations\n", "").replace("pms-open", "other"))
    problems = json.loads(write_problems(check(folder / "bad.yaml").problems, CheckFormat.JSON))
    assert problems == [
        {
            "file": "policies/bad.yaml",
            "line": 1,
            "column": 1,
            "what": "has no owner",
            "fix": "add owner:, which reports and escalations show",
            "severity": "warning",
        }
    ]
    assert json.loads(write_problems([], CheckFormat.JSON)) == []


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(changed("method: POST", "headers: {X-Password: hunter2, X-Token: hunter3}"))
    problems = check(path).problems
    assert len(problems) == 2
    for style in CheckFormat:
        assert "hunter" not in write_problems(problems, style)


def test_what_a_new_user_may_hand_over(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00policy")
    (tmp_path / "list.yaml").write_text("- a\n")
    (tmp_path / "broken.yaml").write_text("policy: [\n")
    (tmp_path / "huge.yaml").write_text("a" * 5_000_000)
    for name, says in {
        "missing.yaml": "0:0: error: can't be read (No such file or directory); check the path",
        "empty": "0:0: warning: holds no policies; name a folder that holds *.yaml or *.yml",
        "empty.yaml": "1:1: error: is not a policy; write `policy:`, `match:`, `target:` and `options:`",
        "list.yaml": "1:1: error: is not a policy; write `policy:`, `match:`, `target:` and `options:`",
        "binary.yaml": "0:0: error: is not UTF-8 text; save it as UTF-8",
        "broken.yaml": "2:1: error: is not YAML: while parsing a flow node: did not find expected node "
        "content; mend the YAML there",
        "huge.yaml": "0:0: error: is longer than 1000000 characters; split or shorten it",
    }.items():
        (problem,) = check(tmp_path / name).problems
        assert str(problem) == f"{tmp_path / name}:{says}"


def test_what_has_no_end_is_not_read_to_it() -> None:
    (problem,) = check(Path("/dev/zero")).problems
    assert "is longer than" in problem.what
    assert "is longer than" in write_problems([problem], CheckFormat.TEXT)


def test_all_files_are_seen_together(folder: Path, tmp_path: Path) -> None:
    Path("other.yaml").write_text(GOOD)
    checked = check(folder / "good.yaml", Path("other.yaml"), folder / "good.yaml")
    (problem,) = checked.problems
    assert str(problem) == (
        "other.yaml:1:9: error: policy 'pms-open' is already in policies/good.yaml; "
        "give each policy its own name"
    )
    Path("other.yaml").write_text(changed("pms-open", "again"))
    (warning,) = check(folder / "good.yaml", Path("other.yaml")).problems
    assert warning.severity is Severity.WARNING
    assert "may run for the same alert as pms-open (policies/good.yaml)" in warning.what
