"""`remediator runs …`: what was and is being done, and what people may say to it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from remediator.cli.client import ApiClient
from remediator.cli.options import (
    DEFAULT_URL,
    Alertname,
    Comment,
    Cursor,
    JsonOutput,
    Limit,
    Policy,
    Since,
    Target,
    Until,
    Url,
)
from remediator.cli.output import (
    ExitCode,
    console,
    fail,
    print_fields,
    print_json,
    print_table,
    say,
    when,
)
from remediator.cli.plans import print_plan
from remediator.plain_text import one_line
from remediator.runs.states import RunState

RunId = Annotated[int, typer.Argument(min=1, help="The run's id.", show_default=False)]
_COLUMNS = ("id", "policy", "target", "state", "reason", "option", "lease", "created")
_FIELDS = (
    "id", "kind", "policy", "target", "state", "reason", "detail", "option", "lease", "episode", "actor",
    "plan_hash", "created_at", "started_at", "finished_at", "parent_run_id",
)  # fmt: skip


class TreatStepAs(StrEnum):
    """What a person says of a step of which nobody knows whether it happened."""

    DONE = "done"
    NOT_DONE = "not_done"


def list_runs(
    policy: Policy = None,
    target: Target = None,
    state: Annotated[RunState | None, typer.Option("--state", help="Only runs in this state.")] = None,
    alertname: Alertname = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """List runs, newest first."""
    with ApiClient(url) as api:
        page = api.get(
            "/api/v1/runs",
            policy=policy,
            target=target,
            state=state,
            alertname=alertname,
            since=since,
            until=until,
            limit=limit,
            cursor=cursor,
        )
    if as_json:
        print_json(page)
        return
    rows = [
        (*(run.get(name) for name in _COLUMNS[:-1]), when(run.get("created_at"))) for run in page["items"]
    ]
    print_table(_COLUMNS, rows, empty="There are no such runs.")
    if page.get("next_cursor"):
        say(f"There are more: --cursor {page['next_cursor']}", style="dim")


def show_run(run_id: RunId, url: Url = DEFAULT_URL, as_json: JsonOutput = False) -> None:
    """Show one run: its plan, its steps and its approval."""
    with ApiClient(url) as api:
        run = api.get(f"/api/v1/runs/{run_id}")
    if as_json:
        print_json(run)
        return
    print_fields({name: run[name] for name in _FIELDS if run.get(name) not in (None, "")})
    if run.get("approval"):
        say("\nApproval", style="bold")
        names = ("state", "from", "count", "expires_at", "votes")
        print_fields({name: run["approval"].get(name) for name in names})
    if run.get("plan"):
        say("\nPlan", style="bold")
        print_plan(run["plan"])
    if run.get("steps"):
        say("\nSteps", style="bold")
        columns = ("phase", "option", "position", "action", "attempt", "state", "outcome")
        rows = [tuple(step.get(name) for name in columns) for step in run["steps"]]
        print_table(columns, rows, empty="")


def approve_run(
    run_id: RunId,
    comment: Comment = "",
    plan_hash: Annotated[
        str | None, typer.Option("--plan-hash", help="Approve only if the plan is this one.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """Show what a waiting run would do, ask, and approve exactly that."""
    _vote(run_id, "approve", comment, plan_hash, yes=yes, url=url, as_json=as_json)


def deny_run(
    run_id: RunId,
    comment: Comment = "",
    plan_hash: Annotated[
        str | None, typer.Option("--plan-hash", help="Deny only if the plan is this one.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """Show what a waiting run would do, ask, and deny it."""
    _vote(run_id, "deny", comment, plan_hash, yes=yes, url=url, as_json=as_json)


def cancel_run(
    run_id: RunId,
    comment: Comment = "",
    kill: Annotated[bool, typer.Option("--kill", help="Also end the step that is under way.")] = False,
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """Start no further step; what was done is undone if the option can be."""
    _command(run_id, "cancel", {"comment": comment, "kill": kill}, url=url, as_json=as_json)


def resume_run(
    run_id: RunId,
    comment: Comment = "",
    treat_step_as: Annotated[
        TreatStepAs | None,
        typer.Option("--treat-step-as", help="What became of the step that is ambiguous."),
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """Go on with a run that needs a human, or ask again for an approval that expired."""
    body = {"comment": comment, "treat_step_as": treat_step_as}
    _command(run_id, "resume", body, url=url, as_json=as_json)


def revert_run(
    run_id: RunId, comment: Comment = "", url: Url = DEFAULT_URL, as_json: JsonOutput = False
) -> None:
    """Undo now what a run changed for a time."""
    _command(run_id, "revert", {"comment": comment}, url=url, as_json=as_json)


def _command(run_id: int, verb: str, body: Mapping[str, Any], *, url: str, as_json: bool) -> None:
    with ApiClient(url) as api:
        _print_answer(api.post(f"/api/v1/runs/{run_id}/{verb}", body), as_json=as_json)


def _vote(
    run_id: int, verb: str, comment: str, plan_hash: str | None, *, yes: bool, url: str, as_json: bool
) -> None:
    with ApiClient(url) as api:
        run = api.get(f"/api/v1/runs/{run_id}")
        shown: str | None = run.get("plan_hash")
        if plan_hash is not None and plan_hash != shown:
            fail(f"run {run_id} has another plan by now: {shown}; nothing was sent", ExitCode.WRONG)
        if shown is None or run.get("plan") is None:
            fail(f"run {run_id} has no plan to decide on; it is {run.get('state')}", ExitCode.WRONG)
        if not yes:
            _ask(run, verb)
        # The hash of what was shown: if the plan changes in between, the server refuses.
        body = {"plan_hash": shown, "comment": comment}
        _print_answer(api.post(f"/api/v1/runs/{run_id}/{verb}", body), as_json=as_json)


def _ask(run: Mapping[str, Any], verb: str) -> None:
    if not sys.stdin.isatty():
        fail("there is no terminal to ask on; look with `runs show`, then add --yes and --plan-hash")
    err = console(stderr=True)
    print_plan(run["plan"], to=err)
    err.print(Text(f"plan {run['plan_hash']}", style="dim"))
    if not typer.confirm(f"{verb.capitalize()} run {run['id']}?", err=True):
        fail("nothing was sent", ExitCode.WRONG)


def _print_answer(answer: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    say(one_line(f"run {answer['id']}: {answer['message']}; it is {answer['state']}"))
