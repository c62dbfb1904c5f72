"""The options of `remediator backtest`, and how their values are read."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from remediator.authoring.backtest.assumptions import Assumptions
from remediator.authoring.backtest.from_file import Span
from remediator.cli.options import fact_of, moment_of
from remediator.cli.output import fail
from remediator.durations import parse_duration
from remediator.settings import Mode

_SOURCES = "audit, prometheus, or a file of captured payloads, one a line (.gz too)"

Source = Annotated[str, typer.Option("--from", help=f"What is replayed: {_SOURCES}.", show_default=False)]
Since = Annotated[
    str | None,
    typer.Option("--since", help="From when on: a duration before --until (30d), or an RFC 3339 time."),
]
Until = Annotated[str | None, typer.Option("--until", help="Until when (RFC 3339); now by default.")]
Folder = Annotated[
    Path | None, typer.Option("--policies", help="Folder of policies; by default the configuration's.")
]
Against = Annotated[
    Path | None,
    typer.Option("--against", help="Folder of policies to compare with: what they would have decided."),
]
ReplayMode = Annotated[
    Mode | None, typer.Option("--mode", help="enforce or shadow; by default the configuration's.")
]
AssumedFacts = Annotated[
    list[str] | None,
    typer.Option("--assume-fact", help="A fact as NAME=JSON, such as pms_up=false; repeatable."),
]
AssumedPromQL = Annotated[
    str, typer.Option("--assume-promql", help="What an unanswered PromQL condition does: holds, fails.")
]
ApprovedAfter = Annotated[
    str | None,
    typer.Option("--approved-after", help="How soon approvals come; by default as recorded, else after 10m."),
]
StepTakes = Annotated[
    str, typer.Option("--step-takes", help="How long a step takes of which nothing is recorded.")
]
WithoutPrometheus = Annotated[
    bool, typer.Option("--without-prometheus", help="Assume the answers that were not recorded.")
]
PastStep = Annotated[str, typer.Option("--step", help="How far apart Prometheus's past is looked at.")]
Samples = Annotated[int, typer.Option("--samples", min=0, help="Most episodes shown one by one.")]
Db = Annotated[
    Path | None,
    typer.Option("--db", help="With --from audit, the database; by default the configuration's."),
]
Html = Annotated[Path | None, typer.Option("--html", help="Write the report there as a page, with pictures.")]
Record = Annotated[
    bool,
    typer.Option("--record", help="Keep what came out for the pages, where remediator.yaml says."),
]


def read_span(since: str | None, until: str | None, now: datetime) -> Span:
    """Read the stretch of time to replay; `--since` may be a duration before its end."""
    end = moment_of("--until", until) if until else None
    return Span(_since(since, end or now) if since else None, end)


def read_assumptions(
    step_takes: str, approved_after: str | None, promql: str, facts: list[str] | None
) -> Assumptions:
    """Read what stands in for what nobody recorded."""
    return Assumptions(
        step_takes=read_duration("--step-takes", step_takes),
        approved_after=read_duration("--approved-after", approved_after) if approved_after else None,
        promql_holds=_holds(promql),
        facts=dict(fact_of("--assume-fact", text) for text in facts or ()),
    )


def read_duration(option: str, text: str) -> timedelta:
    """Read a duration."""
    try:
        return parse_duration(text)
    except ValueError as error:
        fail(f"{option}: {error}")


def _since(text: str, until: datetime) -> datetime:
    try:
        return until - parse_duration(text)
    except ValueError:
        return moment_of("--since", text, ", or a duration like 30d")
    except OverflowError:
        fail(f"--since {text!r} is longer ago than there are dates")


def _holds(text: str) -> bool:
    if text not in ("holds", "fails"):
        fail(f"--assume-promql {text!r} is neither; write holds or fails")
    return text == "holds"
