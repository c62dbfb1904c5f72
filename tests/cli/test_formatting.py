"""`remediator policies fmt`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

ODD = "policy: b\ntarget: x # why\nmatch:\n- 'a = b'\noptions: []\n"
GOOD = "policy: b\nmatch:\n  - 'a = b'\ntarget: x # why\noptions: []\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "remediator.yaml").write_text("policies: policies\n")
    made = tmp_path / "policies"
    made.mkdir()
    (made / "good.yaml").write_text(GOOD)
    (made / "odd.yaml").write_text(ODD)
    return made


def test_files_of_the_configurations_folder_are_formatted_once(remediator: Run, folder: Path) -> None:
    (folder / "odd.yaml").chmod(0o600)
    ended = remediator("policies", "fmt")
    assert (ended.code, ended.out) == (0, "formatted policies/odd.yaml\n")
    assert (folder / "odd.yaml").read_text() == GOOD
    assert (folder / "odd.yaml").stat().st_mode & 0o777 == 0o600
    assert remediator("policies", "fmt").out == "2 files are formatted\n"


@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_looking_changes_nothing(remediator: Run, folder: Path, option: str) -> None:
    ended = remediator("policies", "fmt", option)
    assert ended.code == (1 if option == "--check" else 0)
    assert "policies/odd.yaml" in ended.out
    assert ("+  - 'a = b'" in ended.out) is (option == "--diff")
    assert (folder / "odd.yaml").read_text() == ODD


def test_what_can_not_be_read_is_left_alone_and_shown(remediator: Run, folder: Path) -> None:
    (folder / "broken.yaml").write_text("policy: [\n")
    ended = remediator("policies", "fmt")
    assert ended.code == 1
    assert "policies/broken.yaml:2:1: error: is not YAML" in ended.err
    assert (folder / "broken.yaml").read_text() == "policy: [\n"
    assert (folder / "odd.yaml").read_text() == GOOD


def test_it_is_told_to_machines(remediator: Run, folder: Path) -> None:
    ended = remediator("policies", "fmt", "--json", "--check", "policies/odd.yaml")
    assert ended.code == 1
    (file,) = json.loads(ended.out)["files"]
    assert file == {"file": "policies/odd.yaml", "changed": True, "problems": []}


def test_a_path_that_is_not_there_is_a_usage_error(remediator: Run, folder: Path) -> None:
    assert remediator("policies", "fmt", "nowhere").code == 2
