"""`remediator explain …`: what would happen to a payload, guard by guard."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from remediator.alerts import NotAPayloadError, parse_payload
from remediator.authoring.explain import Circumstances, explain
from remediator.cli.options import Config, JsonOutput
from remediator.cli.output import console, fail, print_json, say
from remediator.cli.plans import print_plan
from remediator.cli.workspace import open_workspace
from remediator.plain_text import one_line

_MARKS = {"allow": ("✓", "green"), "deny": ("✗", "red"), "ask": ("?", "yellow"), "pending": ("…", "dim")}


def explain_payload(
    payload: Annotated[
        Path, typer.Argument(help="A webhook payload as JSON; - reads stdin.", show_default=False)
    ],
    at: Annotated[
        str | None, typer.Option("--at", help="When it is supposed to arrive (RFC 3339); now by default.")
    ] = None,
    fact: Annotated[
        list[str] | None,
        typer.Option("--fact", help="A fact as NAME=JSON, such as pms_up=false; repeatable."),
    ] = None,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """Say what each policy would do with each alert, without asking or doing anything."""
    workspace = open_workspace(config)
    around = Circumstances(
        policies=workspace.load(),
        capabilities=workspace.capabilities,
        ceiling=workspace.settings.mode,
        now=_time(at) if at else workspace.now,
        facts=dict(_fact(text) for text in fact or ()),
    )
    try:
        read = parse_payload(_body(payload))
    except NotAPayloadError as error:
        fail(f"{payload}: {error}")
    reports = explain(read, around)
    bad = [{"index": one.index, "reason": one.reason} for one in read.bad]
    if as_json:
        print_json({"alerts": reports, "bad_alerts": bad})
        return
    for one in bad:
        _line(f"alert {one['index']} would be quarantined: {one['reason']}", "red")
    for report in reports:
        _print_alert(report)


def _body(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        fail(f"{path} can't be read: {error.strerror}")


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--at {text!r} is not a time; write it like 2026-01-31T09:30:00Z")
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _fact(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        fail(f"--fact {text!r} has no value; write it like pms_up=false")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _print_alert(report: Mapping[str, Any]) -> None:
    labels = ", ".join(f"{name}={value}" for name, value in report["labels"].items())
    _line(f"{report['alertname']} ({report['status']})  {labels}", "bold")
    if report["status"] == "resolved":
        say("  would close its episode: what waits is cancelled, what is leased is given back")
        return
    for policy in report["policies"]:
        if policy["matched"]:
            _print_matched(policy)
        else:
            failed = next(one for one in policy["matchers"] if not one["holds"])
            value = json.dumps(failed["value"], ensure_ascii=False)
            _line(f"  {policy['policy']}: no match, {failed['matcher']} (it is {value})", "dim")
    if not any(policy["matched"] for policy in report["policies"]):
        say("  no policy matches: nothing would be done")


def _print_matched(policy: Mapping[str, Any]) -> None:
    reason = f", {policy['reason']}" if policy["reason"] else ""
    detail = f": {policy['detail']}" if policy["detail"] else ""
    outcome = f"{policy['outcome']}{reason}{detail}"
    _line(f"  {policy['policy']} on {policy['target'] or '?'}: {outcome}", "bold")
    if policy["mode"] != "enforce":
        _line(f"    mode is {policy['mode']}: nothing would be done, only written down", "magenta")
    if policy["settle_seconds"]:
        _line(f"    waits {policy['settle_seconds']:g} s first (settle)")
    for verdict in policy["verdicts"]:
        mark, style = _MARKS[verdict["kind"]]
        text = verdict["detail"] or verdict["reason"] or "allows"
        if verdict["kind"] == "pending":
            text = verdict["detail"] or "asks a live system when it comes to it"
        inputs = json.dumps(verdict["inputs"], ensure_ascii=False, default=str) if verdict["inputs"] else ""
        _line(f"    {mark} {verdict['guard']}: {text} {inputs}".rstrip(), style)
    for fact in policy["facts"]:
        given = "as given" if fact["given"] else "found out when it comes to it"
        _line(f"    fact {fact['fact']} by {fact['uses']}: {given}", "dim")
    for option in policy["options"]:
        _print_option(option)


def _print_option(option: Mapping[str, Any]) -> None:
    when = f" when {option['when']}" if option["when"] else ""
    why = f": {option['why_not']}" if option["why_not"] else ""
    applies = {True: "applies", False: "does not apply", None: "may apply"}[option["applies"]]
    _line(f"    option {option['option']}{when}: {applies}{why}", "cyan")
    if option["applies"] is False:
        return
    if option.get("approval"):
        _line(f"      asks {', '.join(option['approval']['from'])} first", "yellow")
    if option["plan"] is None:
        _line(f"      can't be rendered: {option['plan_problem']}", "red")
    else:
        print_plan(option["plan"], indent="      ")


def _line(text: str, style: str = "") -> None:
    console().print(Text(one_line(text), style=style), soft_wrap=True)
