"""The command line: what is typed is run, and what goes wrong becomes a sentence and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated

import typer

from remediator.cli.api_error import ApiError
from remediator.cli.catalog import COMMANDS
from remediator.cli.lazy_group import LazyGroup, build_group
from remediator.cli.output import ExitCode, complain, say
from remediator.errors import ConfigError, RemediatorError, Severity


def build_app() -> LazyGroup:
    """Return the whole command line."""
    return build_group(COMMANDS, "remediator", _root)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    with _collector_as_before():
        return _run(arguments)


@contextmanager
def _collector_as_before() -> Iterator[None]:
    """Commands collect garbage less often, each in its way; who runs one in a process goes on after it."""
    thresholds = gc.get_threshold()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _run(arguments: Sequence[str]) -> int:
    try:
        build_app()(list(arguments), prog_name="remediator")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.USAGE
    except ConfigError as error:
        _complain_of(error)
        return ExitCode.USAGE
    except ApiError as error:
        complain(f"remediator: {error}")
        return ExitCode.WRONG if error.refused else ExitCode.USAGE
    except RemediatorError as error:
        complain(f"remediator: {error}")
        return ExitCode.USAGE
    except BrokenPipeError:
        # Whoever read the output has seen enough (`… | head`); nothing more can be flushed to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FINE
    return ExitCode.FINE


def _complain_of(error: ConfigError) -> None:
    # Only here: the checker's report needs all that can be checked, and most commands end well.
    from remediator.authoring.check import CheckFormat, write_problems  # noqa: PLC0415

    # Warnings come along with the errors; they did not stop anything.
    errors = [problem for problem in error.problems if problem.severity is Severity.ERROR]
    complain(write_problems(dict.fromkeys(errors or error.problems), CheckFormat.TEXT))


def _version(wanted: bool) -> None:
    if wanted:
        say(f"remediator {version('remediator')}")
        raise typer.Exit


def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...
