"""`remediator policies shadow-report`: is a policy that was in shadow ready to enforce?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from remediator.authoring.shadow_history import read_history
from remediator.authoring.shadow_report import Act, Line, Summary, lines_of, summarize
from remediator.authoring.shadow_verdict import Bounds, Criterion, ShadowVerdict, judge, verdict_of
from remediator.cli.database import Database, database_path
from remediator.cli.options import Config, JsonOutput, config_path
from remediator.cli.output import ExitCode, fail, print_fields, print_json, print_table, say, when
from remediator.clock import SystemClock
from remediator.durations import format_duration, parse_duration
from remediator.settings_file import load_settings
from remediator.store.sqlite.snapshot import snapshot

_STYLES = {
    ShadowVerdict.READY: "bold green",
    ShadowVerdict.NOT_READY: "bold red",
    ShadowVerdict.NOT_ENOUGH: "bold yellow",
}


def _most(name: str, what: str) -> Any:
    return typer.Option(f"--max-{name}", metavar="PERCENT", help=f"Most {what}.")


def report_on_shadow(
    policy: Annotated[str, typer.Argument(help="The policy's name.", show_default=False)],
    since: Annotated[str, typer.Option(metavar="DURATION", help="How far back, like 12h or 30d.")] = "30d",
    min_decisions: Annotated[int, typer.Option(min=1, help="Fewest plans looked at to the end.")] = 5,
    min_days: Annotated[float, typer.Option(min=0, help="Fewest days since its first decision.")] = 3.0,
    needless: Annotated[str, _most("needless", "alerts that resolved by themselves sooner")] = "20%",
    otherwise: Annotated[str, _most("otherwise", "alerts for which people did something else")] = "20%",
    contention: Annotated[str, _most("contention", "alerts at which another policy ran")] = "20%",
    unknown: Annotated[str, _most("unknown", "verifications that could not be looked at")] = "20%",
    held_before: Annotated[str, _most("held-before", "checks that held before anything was done")] = "20%",
    no_option: Annotated[str, _most("no-option", "decisions to which no option applied")] = "20%",
    faults: Annotated[str, _most("faults", "alerts with template errors or refused plans")] = "0%",
    load: Annotated[str, _most("load", "of the configuration's limits, at the worst moment")] = "50%",
    limit: Annotated[int, typer.Option(min=0, help="Most decisions to show, the newest.")] = 50,
    gate: Annotated[bool, typer.Option("--gate", help="End with 1 unless it is ready.")] = False,
    db: Database = None,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """Compare what a policy would have done in shadow with what happened, and say if it is ready."""
    bounds = Bounds(
        min_decisions=min_decisions,
        min_days=min_days,
        max_needless=_share("needless", needless),
        max_otherwise=_share("otherwise", otherwise),
        max_contention=_share("contention", contention),
        max_unknown=_share("unknown", unknown),
        max_held_before=_share("held-before", held_before),
        max_no_option=_share("no-option", no_option),
        max_faults=_share("faults", faults),
        max_load=_share("load", load),
    )
    until = SystemClock().now()
    with snapshot(database_path(db, config)) as reads:
        history = read_history(reads, policy, _begin(since, until), until)
    lines = lines_of(history)
    summary = summarize(history, lines)
    criteria = judge(summary, bounds, load_settings(config_path(config)).limits)
    verdict = verdict_of(criteria)
    if as_json:
        print_json(
            {
                "policy": policy,
                "since": history.since.isoformat(),
                "until": history.until.isoformat(),
                "verdict": verdict,
                "criteria": [criterion.model_dump(mode="json") for criterion in criteria],
                "summary": summary.model_dump(mode="json"),
                "decisions": [line.model_dump(mode="json") for line in lines],
            }
        )
    else:
        _print(policy, lines[len(lines) - min(limit, len(lines)) :], summary, criteria, verdict)
    if gate and verdict is not ShadowVerdict.READY:
        raise typer.Exit(ExitCode.WRONG)


def _print(
    policy: str,
    lines: Sequence[Line],
    summary: Summary,
    criteria: Sequence[Criterion],
    verdict: ShadowVerdict,
) -> None:
    columns = (
        "at",
        "alert",
        "target",
        "would run",
        "would ask",
        "checks held",
        "resolved",
        "ending",
        "by hand",
        "others",
    )
    if lines:
        print_table(columns, [_row(line) for line in lines], empty="")
        say("")
    print_fields(_fields(summary))
    say("")
    print_table(
        ("criterion", "seen", "bound", "met", "meaning"), [_judged(one) for one in criteria], empty=""
    )
    say("")
    if summary.decisions == 0:
        say(
            f"No shadow decision of a policy {policy!r} is recorded in this time; "
            "see `remediator policies list` for names.",
            style="dim",
        )
    else:
        say("What people did outside of remediator is not recorded, and not in this.", style="dim")
    say(f"{policy}: {verdict}", style=_STYLES[verdict])


def _row(line: Line) -> tuple[Any, ...]:
    return (
        when(line.at.isoformat()),
        f"{line.alertname} #{line.episode_id}",
        line.target,
        line.option or line.reason,
        _asked(line),
        _checks(line),
        _resolved(line),
        line.ending,
        ", ".join(_act(act) for act in line.by_hand) or None,
        ", ".join(_act(act) for act in line.other_policies) or None,
    )


def _asked(line: Line) -> str | None:
    asks = [f"{ask['count']} of {', '.join(ask['from'])}" for ask in line.would_have_asked]
    denied = [f"then denied: {text}" for text in line.guards_later or ()]
    return "; ".join([*asks, *denied]) or None


def _checks(line: Line) -> str | None:
    if line.option is None:
        return None
    text = str(line.would_verify or "pending")
    if line.held_at_decision:
        return f"{text}, before already"
    if line.first_held_after_seconds is not None:
        return f"{text}, after {_seconds(line.first_held_after_seconds)}"
    return f"{text} ({line.verification_reason})" if line.verification_reason else text


def _resolved(line: Line) -> str:
    if line.resolved_after_seconds is None:
        return "open"
    how = "" if line.close_reason == "resolved" else f" ({line.close_reason})"
    return f"after {_seconds(line.resolved_after_seconds)}{how}"


def _act(act: Act) -> str:
    run = f"run {act.run_id}" if act.run_id is not None else "asked for"
    same = "same" if act.same else "another"
    return (
        f"{run}: {act.policy}/{act.option or '-'} by {act.actor} after {_seconds(act.after_seconds)} ({same})"
    )


def _fields(summary: Summary) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "decisions": f"{summary.decisions} on {summary.targets} targets, {summary.planned} with a plan",
        "endings": _counts(summary.endings),
        "checks would have held": _counts(summary.verification),
        "stayed open longer": _longer(summary),
        "would have asked": summary.asked,
        "guards denied later": summary.denied_later,
        "same by hand": summary.same_by_hand,
        "else by hand": summary.otherwise_by_hand,
        "busiest": f"{summary.busiest_day} a day, {summary.busiest_minute} a minute, "
        f"{summary.most_at_once} at once",
        "blocked": _counts(summary.blocked),
    }
    return fields


def _longer(summary: Summary) -> str | None:
    median, p90 = summary.open_longer_median_seconds, summary.open_longer_p90_seconds
    if median is None or p90 is None:
        return None
    return f"median {_seconds(median)}, p90 {_seconds(p90)}: acting could have saved at most this"


def _judged(criterion: Criterion) -> tuple[Any, ...]:
    sign = "at least" if criterion.at_least else "at most"
    return (
        criterion.name,
        _value(criterion, criterion.value),
        f"{sign} {_value(criterion, criterion.bound)}",
        "yes" if criterion.met else "NO",
        criterion.meaning,
    )


def _value(criterion: Criterion, value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value * 100:.4g}%" if criterion.share else f"{value:g}"


def _counts(counts: Any) -> str | None:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or None


def _seconds(seconds: float) -> str:
    return format_duration(timedelta(seconds=round(seconds)))


def _share(name: str, text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        fail(f"--max-{name} {text!r} is not a share; write it like 20%")
    return share


def _begin(text: str, until: datetime) -> datetime:
    try:
        return until - parse_duration(text)
    except ValueError as error:
        fail(f"--since: {error}")
    except OverflowError:
        fail(f"--since {text} is before the calendar's first day")
