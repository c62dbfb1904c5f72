"""The page about checking shows what check says, and the hooks name what exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from remediator.authoring.check import CheckFormat, check_policies, write_problems
from remediator.authoring.reference import PROJECT, full_schema
from remediator.cli.app import build_app, run
from remediator.cli.catalog import command_names
from remediator.cli.workspace import open_workspace
from remediator.policy.promql_mistakes import promql_warnings

PAGE = (PROJECT / "docs/checking.md").read_text()
HOOKS = yaml.safe_load((PROJECT / ".pre-commit-hooks.yaml").read_text())


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_example_gives_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = open_workspace(PROJECT / "remediator.example.yaml")
    monkeypatch.chdir(tmp_path)
    Path("policies").mkdir()
    Path("policies/restart-pms.yaml").write_text(blocks("yaml")[0])
    problems = check_policies([Path("policies")], workspace.catalog, workspace.settings).problems
    assert write_problems(problems, CheckFormat.TEXT) + "\n" == blocks("text")[0]


def test_every_query_of_the_table_is_warned_about() -> None:
    table = PAGE.partition("### Queries")[2].partition("## In an editor")[0]
    queries = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(queries) == 7
    assert [query for query in queries if not promql_warnings(query)] == []


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_a_hook_runs_a_command_on_policies_alone(hook: dict[str, Any]) -> None:
    program, *command = hook["entry"].split()
    assert program == "remediator"
    assert " ".join(command) in command_names()
    wanted = re.compile(hook["files"])
    assert wanted.search("policies/pms.yaml")
    assert wanted.search("policies/pms.yml")
    for other in ("policies/tests/pms.yaml", "docs/policies/pms.yaml", "policies/policy.schema.json"):
        assert not wanted.search(other)
    # Files in different folders of one name are no reason to check only some.
    assert hook["pass_filenames"] is False
    assert (PROJECT / hook["args"][0]).is_dir()


def test_the_hooks_of_the_page_exist() -> None:
    shown = next(yaml.safe_load(block) for block in blocks("yaml") if block.startswith("repos:"))
    assert [hook["id"] for hook in shown["repos"][0]["hooks"]] == [hook["id"] for hook in HOOKS]


def test_the_commands_of_the_ci_example_are_understood(tmp_path: Path) -> None:
    steps = next(yaml.safe_load(block) for block in blocks("yaml") if block.startswith("- uses:"))
    runs = [step["run"].split()[1:] for step in steps if step.get("run", "").startswith("remediator ")]
    assert len(runs) == 2
    for words in runs:
        command: Any = build_app()
        for word in words[:2]:
            command = command.commands[word]
        command.make_context("remediator", words[2:], resilient_parsing=False)


def test_annotations_come_from_the_command_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("policy: X\n")
    assert run(["policies", "check", "--format", "github", str(bad)]) == 1
    assert capsys.readouterr().out.startswith(f"::error file={bad},line=1,col=")


def test_every_property_of_the_schema_is_described_there_and_in_the_pages() -> None:
    pages = "\n".join((PROJECT / f"docs/{page}.md").read_text() for page in ("policies", "guards", "actions"))
    said = re.sub(r"\s+", " ", pages.replace("\\|", "|")).lower()
    described = dict(properties(full_schema()))
    assert len(described) > 200
    assert [place for place, text in described.items() if not text] == []
    missing = [
        f"{place}: {text}"
        for place, text in described.items()
        if " ".join(text.lower().split()).rstrip(".") not in said
    ]
    assert missing == []


def properties(schema: Any, path: str = "") -> Any:
    """Yield each property that the schema gives a type or a branch, with its description."""
    if isinstance(schema, dict):
        own = schema.get("properties")
        # Conditions and choices repeat properties that are described elsewhere.
        if isinstance(own, dict) and schema.get("type") == "object" and "additionalProperties" in schema:
            yield from ((f"{path}.{name}", value.get("description", "")) for name, value in own.items())
        for key, value in schema.items():
            yield from properties(value, f"{path}.{key}")
    elif isinstance(schema, list):
        for at, value in enumerate(schema):
            yield from properties(value, f"{path}.{at}")
