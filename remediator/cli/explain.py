"""`remediator explain …`: what would happen to a payload, guard by guard."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from remediator.alerts import NotAPayloadError, Payload
from remediator.authoring.alert_forms import read_alerts
from remediator.authoring.explain import Circumstances, Live, explain
from remediator.cli.explanations import print_alert, print_heading
from remediator.cli.options import Config, JsonOutput, fact_of, moment_of
from remediator.cli.output import fail, print_json
from remediator.cli.workspace import Workspace, open_workspace
from remediator.clock import SystemClock
from remediator.engine.alert_state import AlertState
from remediator.engine.answers import Answers
from remediator.engine.facts import FactGatherer
from remediator.policy.loaded import PolicySet
from remediator.secret_refs import Redactor
from remediator.settings_file import secret_references
from remediator.store.sqlite.snapshot import snapshot

_NO_HISTORY = "no history: nothing cools down, nothing is held"


@dataclass(frozen=True, slots=True)
class _History:
    """Which database is read, if any, and what to say of it."""

    database: Path | None
    words: str


def explain_payload(
    payload: Annotated[
        Path,
        typer.Argument(
            help="A webhook payload as JSON, one alert, or what `amtool alert query -o json` prints; "
            "- reads stdin.",
            show_default=False,
        ),
    ],
    at: Annotated[
        str | None, typer.Option("--at", help="When it is supposed to arrive (RFC 3339); now by default.")
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Ask Prometheus and Alertmanager, gather facts, and read the history. Never acts.",
        ),
    ] = False,
    db: Annotated[
        Path | None,
        typer.Option("--db", help="Read the history of this database; with --live, the configuration's."),
    ] = None,
    source: Annotated[
        str, typer.Option("--source", help="The source that it would be posted for.")
    ] = "default",
    fact: Annotated[
        list[str] | None,
        typer.Option("--fact", help="A fact as NAME=JSON, such as pms_up=false; repeatable."),
    ] = None,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """Say what each policy would do with each alert, without doing anything."""
    workspace = open_workspace(config)
    if at:
        workspace = replace(workspace, now=moment_of("--at", at))
    policies = workspace.load()
    facts = dict(fact_of("--fact", text) for text in fact or ())
    _check_names(workspace, policies, source, facts)
    read = _read(payload, workspace.now)
    history = _history(workspace, db, live=live)
    redactor = Redactor(secret_references(workspace.settings))
    with snapshot(history.database) as reads:
        around = Circumstances(
            settings=workspace.settings,
            capabilities=workspace.capabilities,
            policies=policies,
            reads=reads,
            source=source,
            now=workspace.now,
            facts=facts,
        )
        explained = _explain_live(read, around, redactor) if live else explain(read, around)
        alerts = redactor.json(asyncio.run(explained))
    report = {
        "at": workspace.now.isoformat().replace("+00:00", "Z"),
        "live": live,
        "history": {"database": str(history.database) if history.database else None, "note": history.words},
        "alerts": alerts,
        "bad_alerts": [{"index": one.index, "reason": one.reason} for one in read.bad],
    }
    if as_json:
        print_json(report)
    else:
        _print(report)


async def _explain_live(read: Payload, around: Circumstances, redactor: Redactor) -> list[dict[str, Any]]:
    # Only --live reaches out; the others start quicker without.
    from remediator.outside import reach_out  # noqa: PLC0415

    clock = SystemClock()
    async with AsyncExitStack() as stack:
        outside = await reach_out(around.settings, clock, stack)
        asks_prometheus = outside.promql if around.settings.prometheus else None
        alerts = AlertState(outside.sources, asks_prometheus, clock)
        live = Live(
            Answers(clock, outside.promql, alerts), FactGatherer(outside.capabilities, clock, redactor)
        )
        return await explain(read, replace(around, capabilities=outside.capabilities, live=live))


def _read(path: Path, now: datetime) -> Payload:
    try:
        body = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        fail(f"{path} can't be read: {error.strerror}")
    try:
        return read_alerts(body, now)
    except NotAPayloadError as error:
        fail(f"{path}: {error}; one alert, or what `amtool alert query -o json` prints, will do as well")


def _history(workspace: Workspace, db: Path | None, *, live: bool) -> _History:
    path = db or (workspace.settings.store.sqlite if live else None)
    if path is None:
        return _History(None, _NO_HISTORY)
    if not path.is_file():
        return _History(
            None, f"no history, for there is no database {path}: nothing cools down, nothing is held"
        )
    return _History(path, f"history of {path}")


def _check_names(workspace: Workspace, policies: PolicySet, source: str, facts: dict[str, Any]) -> None:
    """A name that nothing knows is a slip of the pen, and would change nothing unnoticed."""
    sources = sorted(workspace.settings.sources)
    if source not in sources:
        fail(f"there is no source {source!r}; remediator.yaml has {', '.join(sources)}")
    known = {fact.fact for policy in policies.policies.values() for fact in policy.document.diagnose}
    for name in facts:
        if name not in known:
            fail(f"--fact {name}: no policy has such a fact; there are {', '.join(sorted(known)) or 'none'}")


def _print(report: dict[str, Any]) -> None:
    print_heading(report)
    alerts: Sequence[dict[str, Any]] = report["alerts"]
    for alert in alerts:
        print_alert(alert, live=report["live"])
