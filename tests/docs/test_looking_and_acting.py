"""The examples of docs/looking-and-acting.md are ones that the code takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from remediator.actions.catalog import ACTIONS
from remediator.authoring.reference import PROJECT
from remediator.settings import Settings

PAGE = (PROJECT / "docs" / "looking-and-acting.md").read_text()


def examples() -> Iterator[Any]:
    for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        yield yaml.safe_load(block)


def uses(example: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = example if isinstance(example, list) else example.get("steps", [])
    return found


def test_sections_of_the_configuration_are_taken() -> None:
    sections = [one for one in examples() if isinstance(one, dict) and "steps" not in one]
    assert len(sections) == 2
    for section in sections:
        Settings(**section)


def test_steps_and_facts_are_taken() -> None:
    params = {action.name: action.params for action in ACTIONS}
    steps = [step for one in examples() for step in uses(one)]
    assert {step["uses"] for step in steps} == {"docker.logs", "file.render"}
    for step in steps:
        params[step["uses"]].model_validate(step["with"])


def test_names_actions_that_exist() -> None:
    named = set(re.findall(r"`((?:docker|fly|net|http|file|nginx)\.[a-z_]+)`", PAGE))
    sections = {"docker.exec", "docker.probes", "docker.update"}
    assert named <= {action.name for action in ACTIONS} | sections
