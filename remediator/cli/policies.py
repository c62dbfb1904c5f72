"""`remediator policies …`: look at policy files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from remediator.authoring.check import CheckFormat, check_policies, summary, write_problems
from remediator.authoring.reference import schema_of, schema_of_tests
from remediator.cli.client import ApiClient
from remediator.cli.options import DEFAULT_URL, Comment, Config, JsonOutput, Url
from remediator.cli.output import ExitCode, complain, print_json, print_table, say
from remediator.cli.workspace import open_workspace
from remediator.plain_text import lines, one_line
from remediator.policy.loaded import LoadedPolicy


def check_files(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files and folders; by default the configuration's.", show_default=False),
    ] = None,
    config: Config = None,
    style: Annotated[CheckFormat, typer.Option("--format", help="How to print it.")] = CheckFormat.TEXT,
    as_json: JsonOutput = False,
) -> None:
    """Check policies against the schema and the configuration's inventory."""
    workspace = open_workspace(config)
    style = CheckFormat.JSON if as_json else style
    checked = check_policies(paths or [workspace.policies], workspace.catalog, workspace.settings)
    written = lines(write_problems(checked.problems, style))
    if style is CheckFormat.TEXT:
        if written:
            complain(written)
        say(summary(checked), style="green" if checked.ok else "red")
    elif written:
        sys.stdout.write(written + "\n")
    if not checked.ok:
        raise typer.Exit(ExitCode.WRONG)


def close_breaker(
    policy: Annotated[str, typer.Argument(help="The policy's name.", show_default=False)],
    comment: Comment = "",
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """Close a policy's failure breaker on the server: its earlier failures are forgiven."""
    with ApiClient(url) as api:
        answer = api.post(f"/api/v1/policies/{quote(policy, safe='')}/close-breaker", {"comment": comment})
    if as_json:
        print_json(answer)
    else:
        say(one_line(str(answer["message"])))


def list_policies(config: Config = None, as_json: JsonOutput = False) -> None:
    """List the policies that would serve."""
    workspace = open_workspace(config)
    policies = sorted(
        workspace.load().policies.values(), key=lambda policy: (policy.document.priority, policy.name)
    )
    if as_json:
        print_json({"items": [_entry(policy) for policy in policies], "next_cursor": None})
        return
    rows = [
        (
            policy.name,
            policy.document.mode,
            policy.document.priority,
            _starts(policy),
            ", ".join(_options(policy)),
        )
        for policy in policies
    ]
    columns = ("policy", "mode", "priority", "starts on", "options")
    print_table(columns, rows, empty=f"There are no policies in {workspace.policies}.")


def _entry(policy: LoadedPolicy) -> dict[str, Any]:
    return {
        "policy": policy.name,
        "description": policy.document.description,
        "mode": str(policy.document.mode),
        "priority": policy.document.priority,
        "match": list(policy.document.match),
        "schedule": policy.document.schedule.cron if policy.document.schedule else None,
        "target": policy.document.target,
        "options": _options(policy),
        "file": policy.file,
        "hash": policy.hash,
    }


def _starts(policy: LoadedPolicy) -> str:
    schedule = policy.document.schedule
    if schedule is not None:
        return f"schedule {schedule.cron} ({schedule.timezone})"
    return ", ".join(policy.document.match)


def _options(policy: LoadedPolicy) -> list[str]:
    return [
        f"{option.name} (not configured: {policy.unavailable[option.name]})"
        if option.name in policy.unavailable
        else option.name
        for option in policy.document.options
    ]


def print_schema(
    tests: Annotated[bool, typer.Option("--tests", help="That of files of tests instead.")] = False,
    config: Config = None,
) -> None:
    """Print the JSON Schema of a policy, for editors, with the configuration's extensions."""
    if tests:
        print_json(schema_of_tests())
        return
    known = open_workspace(config).capabilities
    print_json(schema_of(known.guards.values(), known.actions.values()))
