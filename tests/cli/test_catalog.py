"""The catalog of commands: what it says of each, and that nothing is imported to be listed."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from remediator.cli.catalog import commands
from remediator.cli.lazy_group import Command
from tests.cli.conftest import Run

COMMANDS = {" ".join(words): command for words, command in commands()}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_summary_is_the_first_line_of_what_the_command_says_of_itself(command: Command) -> None:
    assert (inspect.getdoc(command.load()) or "").partition("\n")[0] == command.summary


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_found_by_its_words(remediator: Run, name: str) -> None:
    ended = remediator(*name.split(), "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: remediator {name} ")
    assert COMMANDS[name].summary.split()[0] in ended.out


def test_a_mistyped_command_is_answered_with_the_likeliest(remediator: Run) -> None:
    ended = remediator("polices")
    assert ended.code == 2
    assert "Did you mean 'policies'?" in ended.err


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_neither_the_version_nor_the_list_needs_what_commands_need(argument: str) -> None:
    code = (
        "import sys; from remediator.cli.app import run; run(sys.argv[1:]); "
        "print(*(name for name in sys.modules if name.startswith('remediator.')), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[2].partition(".")[0] for name in ended.stderr.split()}
    assert imported <= {"cli", "errors", "plain_text"}
