"""What an editor sees of a policy, by the JSON Schema, is what `policies check` sees, at the same place.

Each bad file says in its first lines where its first fault is, what it is, and who sees it: an editor
and check, or check alone, because it takes a parser, the inventory or the policy as a whole.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from remediator.authoring.reference import full_schema
from remediator.cli.workspace import Workspace, open_workspace
from remediator.errors import ConfigError, Problem, Severity
from remediator.policy.loader import load_policy
from remediator.yaml_source import NodePath, YamlSource, read_yaml, read_yaml_file

CORPUS = Path(__file__).parent / "corpus"
GOOD = sorted((CORPUS / "good").glob("*.yaml"))
BAD = sorted((CORPUS / "bad").glob("*.yaml"))
_HEADER = re.compile(
    r"# (\d+):(\d+): (.+)\n# Seen by: (editor and check|check alone)(?P<yaml> \(as YAML\))?\n"
)


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    return open_workspace(CORPUS / "remediator.yaml")


@pytest.fixture(scope="module")
def editor() -> Draft202012Validator:
    return Draft202012Validator(full_schema())


def faults(workspace: Workspace, source: YamlSource) -> list[Problem]:
    _, problems = load_policy(source, workspace.catalog, workspace.settings)
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def marked(source: YamlSource, error: ValidationError) -> set[NodePath]:
    """Return the paths that an editor marks for an error: for a key too many, that key."""
    path: NodePath = tuple(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        return {(*path, key) for key in error.instance if f"'{key}'" in error.message}
    return {path}


def at(source: YamlSource, problem: Problem) -> set[NodePath]:
    """Return the paths of what begins where a problem is: a key's, and that of the mapping it begins."""
    place = (problem.line, problem.column)
    return {path for places in (source.positions, source.keys) for path, at in places.items() if at == place}


def test_the_corpus_is_not_small() -> None:
    assert len(GOOD) >= 25
    assert len(BAD) >= 100


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_is_good_for_both(path: Path, workspace: Workspace, editor: Draft202012Validator) -> None:
    source = read_yaml_file(path)
    policy, problems = load_policy(source, workspace.catalog, workspace.settings)
    assert [str(problem) for problem in problems] == []
    assert policy is not None
    assert [error.message for error in editor.iter_errors(source.data)] == []


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_bad_where_it_says(
    path: Path, workspace: Workspace, editor: Draft202012Validator
) -> None:
    text = path.read_text()
    header = _HEADER.match(text)
    assert header is not None
    line, column, what, seen = header.groups()[:4]
    try:
        source = read_yaml(path.name, text)
    except ConfigError as error:
        # Not even YAML: an editor's own parser marks it.
        assert header["yaml"]
        first = error.problems[0]
        assert (str(first.line), str(first.column), first.what) == (line, column, what)
        return
    first = faults(workspace, source)[0]
    assert (str(first.line), str(first.column), first.what) == (line, column, what)
    seen_there = [place for error in editor.iter_errors(source.data) for place in marked(source, error)]
    if seen == "check alone":
        assert seen_there == []
    else:
        assert set(seen_there) & at(source, first), seen_there
