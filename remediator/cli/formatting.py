"""`remediator policies fmt`: lay policy files out alike."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from remediator.authoring.check import CheckFormat, write_problems
from remediator.authoring.formatting import format_yaml, write_in_place
from remediator.cli.options import Config, JsonOutput, config_path
from remediator.cli.output import ExitCode, complain, fail, print_json, say
from remediator.errors import ConfigError, Problem
from remediator.plain_text import lines
from remediator.settings_file import load_settings
from remediator.shipped import policy_folder
from remediator.yaml_source import read_yaml_file


@dataclass(frozen=True, slots=True)
class _Formatted:
    """One file: its text before and after; the same when it can't be formatted, with the reasons."""

    path: Path
    before: str = ""
    after: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def changed(self) -> bool:
        return self.before != self.after


def format_files(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files and folders; by default the configuration's.", show_default=False),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; end with 1 if something would change.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Change nothing; show what would change.")] = False,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """Lay policy files out alike: indentation, spacing, order of keys. Comments and meaning stay."""
    files = list(_files(paths or [policy_folder(load_settings(config_path(config)))]))
    found = [_format(path) for path in files]
    if not check and not diff:
        for one in found:
            _write(one)
    if as_json:
        entries = [
            {
                "file": str(one.path),
                "changed": one.changed,
                "problems": [str(problem) for problem in one.problems],
            }
            for one in found
        ]
        print_json({"files": entries})
    else:
        _print(found, check=check, diff=diff)
    broken = any(one.problems for one in found)
    if broken or (check and any(one.changed for one in found)):
        raise typer.Exit(ExitCode.WRONG)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.iterdir() if one.suffix in (".yaml", ".yml"))
        elif path.is_file():
            yield path
        else:
            fail(f"{path} is neither a file nor a folder")


def _format(path: Path) -> _Formatted:
    try:
        before = read_yaml_file(path).text
        return _Formatted(path, before, format_yaml(str(path), before))
    except ConfigError as error:
        return _Formatted(path, problems=error.problems)


def _write(one: _Formatted) -> None:
    if not one.changed:
        return
    try:
        write_in_place(one.path, one.after)
    except OSError as error:
        fail(f"{one.path} can't be written: {error.strerror}")


def _print(found: Sequence[_Formatted], *, check: bool, diff: bool) -> None:
    changed = [one for one in found if one.changed]
    for one in changed:
        if diff:
            sys.stdout.write(lines(_diff(one)))
        else:
            say(f"{'would format' if check else 'formatted'} {one.path}")
    problems = [problem for one in found for problem in one.problems]
    if problems:
        complain(lines(write_problems(problems, CheckFormat.TEXT)))
    if not changed and not problems:
        say(f"{len(found)} {'file is' if len(found) == 1 else 'files are'} formatted", style="green")


def _diff(one: _Formatted) -> str:
    changes = difflib.unified_diff(
        one.before.splitlines(),
        one.after.splitlines(),
        fromfile=str(one.path),
        tofile=f"{one.path} (formatted)",
        lineterm="",
    )
    return "".join(f"{line}\n" for line in changes)
