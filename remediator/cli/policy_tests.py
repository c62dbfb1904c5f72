"""`remediator policies test`: run the unit tests of policies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from remediator.authoring.policy_tests.coverage import Coverage, Seen, coverage_of
from remediator.authoring.policy_tests.outcomes import outcomes_of
from remediator.authoring.policy_tests.reading import (
    ReadFile,
    find_files,
    read_tests,
    selected,
    without_tests,
)
from remediator.authoring.policy_tests.reporting import Tone, as_json, as_junit, report
from remediator.authoring.policy_tests.running import Result, run_tests
from remediator.authoring.policy_tests.staging import Stages
from remediator.cli.options import Config, JsonOutput, config_path
from remediator.cli.output import ExitCode, console, fail, print_json, print_table, say
from remediator.cli.progress import progress
from remediator.clock import SystemClock
from remediator.errors import ConfigError, Problem
from remediator.jobs.scheduler import CronCalendar
from remediator.plain_text import one_line
from remediator.policy.loaded import LoadedPolicy
from remediator.policy.outcomes import record_outcomes
from remediator.settings_file import load_settings
from remediator.shipped import policy_folder

_STYLES = {
    Tone.GOOD: "green",
    Tone.BAD: "bold red",
    Tone.EXPECTED: "green",
    Tone.ACTUAL: "red",
    Tone.QUIET: "dim",
    Tone.PLAIN: "",
}


def run_policy_tests(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files of tests and folders of them; by default `tests` in the folder of policies.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[str | None, typer.Option("-k", help="Only tests whose name holds this.")] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML there.")] = None,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Show which branches of the policies were gone through.")
    ] = False,
    require_coverage: Annotated[
        int | None,
        typer.Option("--require-coverage", min=0, max=100, help="Percent of each policy's branches."),
    ] = None,
    record: Annotated[
        bool,
        typer.Option("--record", help="Keep what came out for the pages, where remediator.yaml says."),
    ] = False,
    config: Config = None,
    as_json_: JsonOutput = False,
) -> None:
    """Run policies against scripted alerts and answers, in virtual time. Nothing real is asked or done."""
    if record and name is not None:
        fail("--record keeps what all tests came to; leave out -k")
    paths = paths or [_default_folder(config)]
    files = _read(find_files(paths))
    missing = without_tests(paths, files) if coverage or require_coverage else []
    results, policies = _run(files, name, config)
    covered = coverage_of(policies.values(), sum((result.seen for result in results), Seen()))
    if not results:
        fail("there are no tests to run" if name is None else f"no test's name holds {name!r}")
    if record:
        path = load_settings(config_path(config)).outcomes
        record_outcomes(path, outcomes_of(results, policies, SystemClock().now()))
    if junit is not None:
        junit.write_text(as_junit(results), encoding="utf-8")
    short = [one for one in covered if require_coverage is not None and one.share * 100 < require_coverage]
    if as_json_:
        print_json(as_json(results, covered) | {"without_tests": [str(path) for path in missing]})
    else:
        _print(results)
        if coverage or short or missing:
            _print_coverage(covered)
        for path in missing:
            say(f"no test is about {path}", "red" if require_coverage else "yellow")
        for one in short:
            say(f"{one.policy}: {one.share:.0%} of its branches, {require_coverage}% are required", "red")
    if short or (require_coverage and missing) or not all(result.ok for result in results):
        raise typer.Exit(ExitCode.WRONG)


def _default_folder(config: Path | None) -> Path:
    """Return the folder of tests beside the policies that would serve, as it is seen from here."""
    folder = policy_folder(load_settings(config_path(config))) / "tests"
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _read(paths: Sequence[Path]) -> list[ReadFile]:
    """Read all files.

    Raises:
        ConfigError: with every fault of every file.
    """
    files: list[ReadFile] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            files.append(read_tests(path))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return files


def _run(
    files: Sequence[ReadFile], name: str | None, config: Path | None
) -> tuple[list[Result], dict[str, LoadedPolicy]]:
    results: list[Result] = []
    policies: dict[str, LoadedPolicy] = {}
    places = {file.path: [at for at, _ in selected(file, name)] for file in files}
    number = sum(map(len, places.values()))
    with progress("policy tests") as tell:
        for file in files:
            stages = Stages(file, config=config, fallback=config_path(None), calendar=CronCalendar())
            for result in run_tests(file, stages, places[file.path]):
                results.append(result)
                tell(len(results) / number)
            policies.update(stages.policies)
    return results, policies


def _print(results: Sequence[Result]) -> None:
    out = console()
    for line in report(results):
        out.print(Text(one_line(line.text), style=_STYLES[line.tone]), soft_wrap=True)


def _print_coverage(covered: Sequence[Coverage]) -> None:
    rows = [
        (one.policy, f"{one.share:.0%}", len(one.branches) - len(one.missing), len(one.branches))
        for one in covered
    ]
    print_table(("policy", "coverage", "branches seen", "of"), rows, empty="There are no policies.")
    for one in covered:
        for subject, branches in groupby(one.missing, key=lambda branch: branch.subject):
            whats = ", ".join(branch.what for branch in branches)
            say(f"not seen: {one.policy}, {subject}: {whats}", "yellow")
