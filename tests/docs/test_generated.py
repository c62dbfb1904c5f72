"""Generated pages, the state diagram and the list of dependencies are what the code says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from remediator.authoring.reference import PROJECT, full_schema, pages
from remediator.runs.machine import TRANSITIONS
from remediator.runs.states import TERMINAL
from remediator.yaml_source import read_yaml_file

DOCS = PROJECT / "docs"
_EDGE = re.compile(r"^\s*(\[\*\]|\w+) --> (\[\*\]|\w+)", re.MULTILINE)
_DISTRIBUTION = re.compile(r"^[A-Za-z0-9_.-]+")


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_generated_file_is_what_the_code_gives(name: str) -> None:
    assert (PROJECT / name).read_text() == pages()[name], "write it again with `make docs`"


def test_the_state_diagram_is_the_transition_table() -> None:
    edges = set(_EDGE.findall((DOCS / "architecture.md").read_text()))
    drawn = {(start, to) for start, to in edges if "[*]" not in (start, to)}
    assert drawn == {(str(start), str(to)) for start, ends in TRANSITIONS.items() for to in ends}
    assert {start for start, to in edges if to == "[*]"} == {str(state) for state in TERMINAL}
    assert {to for start, to in edges if start == "[*]"} == {"planned", "reverting"}


def test_every_dependency_is_listed_with_its_reason_and_no_other() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    listed = re.findall(r"^\| `([^`]+)` \| (.+) \|$", (DOCS / "dependencies.md").read_text(), re.MULTILINE)
    names = [name for name, _ in listed]
    assert sorted(names) == sorted(_name(requirement) for requirement in wanted)
    assert all(reason.strip() for _, reason in listed)


def test_the_lock_pins_every_dependency_with_hashes_and_names_no_index() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    lock = (PROJECT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", lock, re.MULTILINE))
    assert {_name(requirement) for requirement in wanted} <= pinned
    assert "://" not in lock
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=[a-z])", lock.strip()))


def _name(requirement: str) -> str:
    found = _DISTRIBUTION.match(requirement)
    assert found is not None
    return found.group().lower().replace("_", "-")


def test_files_named_by_the_makefile_exist() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {"demo", "test", "check", "bench", "torture", "clean", "help", "docs", "lock"} <= targets
    assert Path(PROJECT / ".ci/run").stat().st_mode & 0o111


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "policies").glob("*.yaml")), ids=lambda path: str(path.name)
)
def test_a_shipped_policy_fits_the_schema(path: Path) -> None:
    errors = Draft202012Validator(full_schema()).iter_errors(read_yaml_file(path).data)
    assert [error.message for error in errors] == []
