"""All commands, put together by hand: nothing registers itself by being imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer

from remediator.authoring.check import CheckFormat, write_problems
from remediator.cli import (
    alert_rules,
    audit,
    backtest,
    drill,
    episodes,
    explain,
    formatting,
    holds,
    policies,
    policy_tests,
    report,
    runs,
    scaffolding,
    server,
    shadow_report,
    tokens,
)
from remediator.cli.client import ApiError
from remediator.cli.output import ExitCode, complain, say
from remediator.errors import ConfigError, RemediatorError, Severity

Command = Callable[..., None]

_GROUPS: dict[str, tuple[str, dict[str, Command]]] = {
    "policies": (
        "Policy files.",
        {
            "check": policies.check_files,
            "test": policy_tests.run_policy_tests,
            "new": scaffolding.new_policy,
            "import-alerts": alert_rules.import_alerts,
            "fmt": formatting.format_files,
            "list": policies.list_policies,
            "schema": policies.print_schema,
            "shadow-report": shadow_report.report_on_shadow,
            "close-breaker": policies.close_breaker,
        },
    ),
    "runs": (
        "What was and is being done.",
        {
            "list": runs.list_runs,
            "show": runs.show_run,
            "approve": runs.approve_run,
            "deny": runs.deny_run,
            "cancel": runs.cancel_run,
            "resume": runs.resume_run,
            "revert": runs.revert_run,
        },
    ),
    "holds": (
        "Pauses of automation.",
        {"list": holds.list_holds, "add": holds.add_hold, "remove": holds.remove_hold},
    ),
    "episodes": (
        "Alerts, from firing to resolved.",
        {"list": episodes.list_episodes, "ack": episodes.acknowledge_episode},
    ),
    "leases": ("Temporary changes that stand.", {"list": episodes.list_leases}),
    "audit": (
        "The audit log.",
        {"list": audit.list_audit, "verify": audit.verify_audit, "export": audit.export_audit},
    ),
    "token": ("API tokens.", {"new": tokens.new_token}),
}
_COMMANDS: dict[str, Command] = {
    "serve": server.serve_server,
    "demo": server.run_the_demo,
    "drill": drill.run_a_drill,
    "explain": explain.explain_payload,
    "report": report.report_on_a_run,
    "backtest": backtest.backtest_policies,
}


def build_app() -> typer.Typer:
    """Return the whole command line."""
    settings: dict[str, Any] = {
        "no_args_is_help": True,
        "add_completion": False,
        "rich_markup_mode": None,
        "pretty_exceptions_enable": False,
    }
    app = typer.Typer(help="Does what the runbook says when Alertmanager posts.", **settings)
    app.callback()(_root)
    for name, command in _COMMANDS.items():
        app.command(name)(command)
    for name, (text, commands) in _GROUPS.items():
        group = typer.Typer(help=text, **settings)
        group.callback()(_group)
        for verb, command in commands.items():
            group.command(verb)(command)
        app.add_typer(group, name=name)
    return app


def command_names() -> list[str]:
    """Return every command as it is typed, for the docs' test."""
    grouped = [f"{name} {verb}" for name, (_, commands) in _GROUPS.items() for verb in commands]
    return [*_COMMANDS, *grouped]


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        build_app()(list(arguments), prog_name="remediator")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.USAGE
    except ConfigError as error:
        # Warnings come along with the errors; they did not stop anything.
        errors = [problem for problem in error.problems if problem.severity is Severity.ERROR]
        complain(write_problems(dict.fromkeys(errors or error.problems), CheckFormat.TEXT))
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


def _version(wanted: bool) -> None:
    if wanted:
        say(f"remediator {version('remediator')}")
        raise typer.Exit


def _root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Does what the runbook says when Alertmanager posts."""


def _group() -> None: ...
