"""`remediator backtest …`: what a policy set would have done with the alerts of the past."""

from __future__ import annotations

import gc
import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from remediator.authoring.backtest.arrivals import Recording
from remediator.authoring.backtest.backtest import Plan, backtest, of_audit
from remediator.authoring.backtest.from_audit import AuditRecording
from remediator.authoring.backtest.from_file import FileRecording, Span
from remediator.authoring.backtest.from_prometheus import PrometheusRecording
from remediator.authoring.backtest.page import page
from remediator.authoring.backtest.prometheus_past import AsksPrometheus, PrometheusPast, asking
from remediator.authoring.backtest.replay import Period
from remediator.cli.backtest_options import (
    Against,
    ApprovedAfter,
    AssumedFacts,
    AssumedPromQL,
    Db,
    Folder,
    Html,
    PastStep,
    Record,
    ReplayMode,
    Samples,
    Since,
    Source,
    StepTakes,
    Until,
    WithoutPrometheus,
    read_assumptions,
    read_duration,
    read_span,
)
from remediator.cli.backtest_tables import print_report
from remediator.cli.options import Config, JsonOutput
from remediator.cli.output import complain, fail
from remediator.cli.progress import progress
from remediator.cli.workspace import Workspace, open_workspace
from remediator.policy.loaded import PolicySet
from remediator.policy.loader import load_policies
from remediator.policy.outcomes import LastBacktest, Outcomes, record_outcomes
from remediator.reports.plots import can_plot
from remediator.store.sqlite.recordings import recordings


def backtest_policies(
    source: Source,
    since: Since = None,
    until: Until = None,
    policies: Folder = None,
    against: Against = None,
    mode: ReplayMode = None,
    assume_fact: AssumedFacts = None,
    assume_promql: AssumedPromQL = "holds",
    approved_after: ApprovedAfter = None,
    step_takes: StepTakes = "5s",
    without_prometheus: WithoutPrometheus = False,
    step: PastStep = "30s",
    samples: Samples = 100,
    db: Db = None,
    html: Html = None,
    record: Record = False,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """Replay recorded alerts through policies in virtual time. Asks nothing that acts, changes nothing."""
    if html is not None:
        _check_folder(html)
    workspace = open_workspace(config)
    reading = _Reading(
        source,
        read_span(since, until, workspace.now),
        db or workspace.settings.store.sqlite,
        read_duration("--step", step),
    )
    plan = Plan(
        settings=workspace.settings,
        capabilities=workspace.capabilities,
        mode=mode or workspace.settings.mode,
        policies=_load(workspace, policies),
        against=_load(workspace, against) if against else None,
        assumed=read_assumptions(step_takes, approved_after, assume_promql, assume_fact),
        samples=samples,
    )
    report = _replay(plan, reading, workspace, ask_past=not without_prometheus)
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
    """What is read: a stretch of time from a file, a database or Prometheus; its past, so far apart."""

    source: str
    span: Span
    db: Path
    step: timedelta


def _replay(plan: Plan, reading: _Reading, workspace: Workspace, *, ask_past: bool) -> dict[str, Any]:
    with ExitStack() as stack:
        past = _prometheus(workspace, stack) if ask_past or reading.source == "prometheus" else None
        plan, recording = _open(plan, reading, past, workspace.now, stack)
        if past is not None and ask_past:
            plan = replace(plan, past=PrometheusPast(past, reading.step))
        tell = stack.enter_context(progress("backtest"))
        _collect_less()
        return backtest(plan, recording, tell)


def _open(
    plan: Plan, reading: _Reading, past: AsksPrometheus | None, now: datetime, stack: ExitStack
) -> tuple[Plan, Recording]:
    """Open what is replayed, and have the plan go by what it knows."""
    if reading.source == "audit":
        recording = AuditRecording(stack.enter_context(recordings(reading.db)), reading.span)
        return of_audit(plan, recording), recording
    if reading.source != "prometheus":
        return plan, FileRecording(Path(reading.source), reading.span)
    since, until = reading.span.since, reading.span.until or now
    if past is None or since is None:
        fail("--from prometheus needs --since, and `prometheus:` in the configuration")
    if since >= until:
        fail("--since is not before --until")
    alerts = PrometheusRecording(past, since, until, reading.step)
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


def _check_folder(html: Path) -> None:
    """Refuse before the replay, not after it, what can't be written."""
    if not html.absolute().parent.is_dir():
        fail(f"--html {html}: there is no folder {html.absolute().parent}")


def _write_page(path: Path, report: dict[str, Any]) -> None:
    if not can_plot():
        complain("The page has no pictures: they need matplotlib; pip install 'remediator[plots]'")
    try:
        path.write_text(page(report), encoding="utf-8")
    except OSError as error:
        fail(f"--html {path}: {error.strerror}")


def _prometheus(workspace: Workspace, stack: ExitStack) -> AsksPrometheus | None:
    settings = workspace.settings.prometheus
    return None if settings is None else stack.enter_context(asking(settings))


def _load(workspace: Workspace, folder: Path | None) -> PolicySet:
    if folder is None:
        return workspace.load()
    return load_policies(folder, workspace.catalog, workspace.settings, now=workspace.now)


def _collect_less() -> None:
    """Look for garbage less often: policies stay, and hardly anything that a replay makes is a cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 20)
