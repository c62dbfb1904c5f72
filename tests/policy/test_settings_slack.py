"""`slack:` in remediator.yaml: who decides there is known, and what asks there is a channel."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediator.errors import ConfigError
from remediator.settings_file import load_settings, secret_references

_AROUND = """\
tokens: [{name: ana, roles: [approver]}]
channels: {incidents: [env:INCIDENTS_URL]}
"""


def load(folder: Path, text: str) -> list[str]:
    """Return what is wrong with a `slack` section, without its place."""
    path = folder / "remediator.yaml"
    path.write_text(_AROUND + text, encoding="utf-8")
    try:
        settings = load_settings(path)
    except ConfigError as error:
        return [str(problem).removeprefix(f"{path}:") for problem in error.problems]
    assert {"env:S", "env:W"} <= secret_references(settings)
    return []


def test_whoever_and_whatever_it_names_is_there(tmp_path: Path) -> None:
    text = "slack: {signing_secret: env:S, users: {U01: ana}, webhooks: {incidents: env:W}}\n"
    assert load(tmp_path, text) == []


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        (
            "{signing_secret: env:S, users: {U01: anna}}",
            "3:45: error: nobody is called 'anna' under tokens; did you mean 'ana'?",
        ),
        (
            "{signing_secret: env:S, users: {}, webhooks: {incident: env:W}}",
            "3:64: error: no channel is called 'incident'; did you mean 'incidents'?",
        ),
    ],
)
def test_a_name_that_is_none_is_found(tmp_path: Path, section: str, problem: str) -> None:
    assert load(tmp_path, f"slack: {section}\n") == [problem]


@pytest.mark.parametrize(
    "section", ["{signing_secret: plain, users: {}}", "{signing_secret: env:S, users: {ana: ana}}"]
)
def test_plain_secrets_and_names_for_ids_are_refused(tmp_path: Path, section: str) -> None:
    assert load(tmp_path, f"slack: {section}\n") != []
