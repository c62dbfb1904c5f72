"""`remediator backtest …`: what a policy set would have done with the alerts of the past."""

from __future__ import annotations

import gc
import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from remediator.authoring.backtest.arrivals import Recording
from remediator.authoring.backtest.assumptions import Assumptions
from remediator.authoring.backtest.backtest import Plan, backtest, of_audit
from remediator.authoring.backtest.from_audit import AuditRecording
from remediator.authoring.backtest.from_file import FileRecording, Span
from remediator.authoring.backtest.from_prometheus import PrometheusRecording
from remediator.authoring.backtest.page import page
from remediator.authoring.backtest.prometheus_past import AsksPrometheus, PrometheusPast, asking
from remediator.authoring.backtest.replay import Period
from remediator.cli.backtest_tables import print_report
from remediator.cli.options import Config, JsonOutput
from remediator.cli.output import complain, fail
from remediator.cli.progress import progress
from remediator.cli.workspace import Workspace, open_workspace
from remediator.durations import parse_duration
from remediator.policy.loaded import PolicySet
from remediator.policy.loader import load_policies
from remediator.policy.outcomes import LastBacktest, Outcomes, record_outcomes
from remediator.reports.plots import can_plot
from remediator.settings import Mode
from remediator.store.sqlite.recordings import recordings

_SOURCES = "audit, prometheus, or a file of captured payloads, one a line (.gz too)"


def backtest_policies(
    source: Annotated[str, typer.Option("--from", help=f"What is replayed: {_SOURCES}.", show_default=False)],
    since: Annotated[
        str | None,
        typer.Option("--since", help="From when on: a duration before --until (30d), or an RFC 3339 time."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Until when (RFC 3339); now by default.")
    ] = None,
    policies: Annotated[
        Path | None, typer.Option("--policies", help="Folder of policies; by default the configuration's.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="Folder of policies to compare with: what they would have decided."),
    ] = None,
    mode: Annotated[
        Mode | None, typer.Option("--mode", help="enforce or shadow; by default the configuration's.")
    ] = None,
    assume_fact: Annotated[
        list[str] | None,
        typer.Option("--assume-fact", help="A fact as NAME=JSON, such as pms_up=false; repeatable."),
    ] = None,
    assume_promql: Annotated[
        str, typer.Option("--assume-promql", help="What an unanswered PromQL condition does: holds, fails.")
    ] = "holds",
    approved_after: Annotated[
        str | None,
        typer.Option(
            "--approved-after", help="How soon approvals come; by default as recorded, else after 10m."
        ),
    ] = None,
    step_takes: Annotated[
        str, typer.Option("--step-takes", help="How long a step takes of which nothing is recorded.")
    ] = "5s",
    without_prometheus: Annotated[
        bool, typer.Option("--without-prometheus", help="Assume the answers that were not recorded.")
    ] = False,
    step: Annotated[
        str, typer.Option("--step", help="How far apart Prometheus's past is looked at.")
    ] = "30s",
    samples: Annotated[int, typer.Option("--samples", min=0, help="Most episodes shown one by one.")] = 100,
    db: Annotated[
        Path | None,
        typer.Option("--db", help="With --from audit, the database; by default the configuration's."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the report there as a page, with pictures.")
    ] = None,
    record: Annotated[
        bool,
        typer.Option("--record", help="Keep what came out for the pages, where remediator.yaml says."),
    ] = False,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """Replay recorded alerts through policies in virtual time. Asks nothing that acts, changes nothing."""
    if html is not None and not html.absolute().parent.is_dir():
        fail(
            f"--html {html}: there is no folder {html.absolute().parent}"
        )  # told before the replay, not after it
    workspace = open_workspace(config)
    end = _time("--until", until) if until else None
    span = Span(_since(since, end or workspace.now) if since else None, end)
    assumed = Assumptions(
        step_takes=_duration("--step-takes", step_takes),
        approved_after=_duration("--approved-after", approved_after) if approved_after else None,
        promql_holds=_holds(assume_promql),
        facts=dict(_fact(text) for text in assume_fact or ()),
    )
    plan = Plan(
        settings=workspace.settings,
        capabilities=workspace.capabilities,
        mode=mode or workspace.settings.mode,
        policies=_load(workspace, policies),
        against=_load(workspace, against) if against else None,
        assumed=assumed,
        samples=samples,
    )
    with ExitStack() as stack:
        past = _prometheus(workspace, source, stack, without=without_prometheus)
        reading = _Reading(span, db or workspace.settings.store.sqlite, past, _duration("--step", step))
        plan, recording = _open(plan, source, reading, workspace.now, stack)
        if past is not None and not without_prometheus:
            plan = replace(plan, past=PrometheusPast(past, reading.step))
        tell = stack.enter_context(progress("backtest"))
        _collect_less()
        report = backtest(plan, recording, tell)
    if record:
        record_outcomes(workspace.settings.outcomes, _outcomes(report, plan.policies, workspace.now))
    if html is not None:
        _write_page(html, report)
    if as_json:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        print_report(report)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What may be read: a stretch of time, a database, a Prometheus."""

    span: Span
    db: Path
    past: AsksPrometheus | None
    step: timedelta


def _open(
    plan: Plan, source: str, reading: _Reading, now: datetime, stack: ExitStack
) -> tuple[Plan, Recording]:
    """Open what is replayed, and have the plan go by what it knows."""
    if source == "audit":
        recording = AuditRecording(stack.enter_context(recordings(reading.db)), reading.span)
        return of_audit(plan, recording), recording
    if source != "prometheus":
        return plan, FileRecording(Path(source), reading.span)
    since, until = reading.span.since, reading.span.until or now
    if reading.past is None or since is None:
        fail("--from prometheus needs --since, and `prometheus:` in the configuration")
    if since >= until:
        fail("--since is not before --until")
    alerts = PrometheusRecording(reading.past, since, until, reading.step)
    return replace(plan, period=Period(until=until)), alerts


def _outcomes(report: dict[str, Any], policies: PolicySet, at: datetime) -> dict[str, Outcomes]:
    outcomes = {}
    for row in report["policies"]:
        backtested = LastBacktest(
            at=at,
            policy_hash=policies.policies[row["policy"]].hash,
            since=report["input"]["from"],
            until=report["input"]["to"],
            episodes=row["episodes"],
            would_run=row["would_run"],
            would_ask=row["would_ask"],
        )
        outcomes[row["policy"]] = Outcomes(backtest=backtested)
    return outcomes


def _write_page(path: Path, report: dict[str, Any]) -> None:
    if not can_plot():
        complain("The page has no pictures: they need matplotlib; pip install 'remediator[plots]'")
    try:
        path.write_text(page(report), encoding="utf-8")
    except OSError as error:
        fail(f"--html {path}: {error.strerror}")


def _prometheus(
    workspace: Workspace, source: str, stack: ExitStack, *, without: bool
) -> AsksPrometheus | None:
    settings = workspace.settings.prometheus
    if settings is None or (without and source != "prometheus"):
        return None
    return stack.enter_context(asking(settings))


def _load(workspace: Workspace, folder: Path | None) -> PolicySet:
    if folder is None:
        return workspace.load()
    return load_policies(folder, workspace.catalog, workspace.settings, now=workspace.now)


def _collect_less() -> None:
    """Look for garbage less often: policies stay, and hardly anything that a replay makes is a cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _since(text: str, until: datetime) -> datetime:
    try:
        return until - parse_duration(text)
    except ValueError:
        return _time("--since", text)
    except OverflowError:
        fail(f"--since {text!r} is longer ago than there are dates")


def _time(option: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        also = ", or a duration like 30d" if option == "--since" else ""
        fail(f"{option} {text!r} is not a time; write it like 2026-01-31T09:30:00Z{also}")
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _duration(option: str, text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        fail(f"{option}: {error}")


def _holds(text: str) -> bool:
    if text not in ("holds", "fails"):
        fail(f"--assume-promql {text!r} is neither; write holds or fails")
    return text == "holds"


def _fact(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        fail(f"--assume-fact {text!r} has no value; write it like pms_up=false")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
