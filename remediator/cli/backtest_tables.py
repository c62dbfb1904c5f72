"""A backtest's report as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediator.cli.output import print_fields, print_table, say, when
from remediator.plain_text import one_line

_ROWS = 20

Json = Mapping[str, Any]


def print_report(report: Json) -> None:
    """Print what matters of a report; all of it is in `--json`."""
    _print_input(report)
    _print_policies(report)
    _print_blocks(report)
    _print_approvals(report)
    _print_contention(report)
    if "difference" in report:
        _print_difference(report["difference"])
    _print_grounds(report)


def _print_input(report: Json) -> None:
    read, totals, worst = report["input"], report["totals"], report["worst_hour"]
    fields = {
        "period": f"{when(read['from']) or '-'} to {when(read['to']) or '-'}",
        "replayed": f"{read['receipts']} receipts in {read['deliveries']} deliveries: "
        f"{read['episodes']} episodes, {totals['unmatched_episodes']} of them without a policy",
        "would run": totals["would_run"],
        "would ask": totals["would_ask"],
    }
    if report["mode"] != "enforce":
        fields["mode"] = f"{report['mode']}: nothing would be done, only written down"
    if worst is not None:
        fields["worst hour"] = (
            f"{when(worst['hour'])}: {worst['runs']} runs, {worst['asks']} requests, "
            f"{worst['episodes']} episodes"
        )
    print_fields(fields)
    if read["skipped"]:
        say(f"{read['skipped']} of the input could not be used as it is:", style="yellow")
        for fault in read["faults"]:
            say(f"  {one_line(fault)}", style="yellow")
    for note in read["differs"]:
        say(f"Note: {one_line(note)}", style="yellow")


def _print_policies(report: Json) -> None:
    most = sorted(report["policies"], key=lambda policy: (-policy["episodes"], policy["policy"]))
    rows = [
        (
            policy["policy"],
            policy["episodes"],
            policy["would_run"],
            policy["would_ask"],
            policy["came"].get("joined", 0),
            policy["came"].get("blocked", 0),
            _counts(policy["kept_by"]),
            _counts(policy["options"]),
        )
        for policy in most[:_ROWS]
    ]
    say("")
    columns = ("policy", "episodes", "runs", "asks", "joined", "never ran", "because of", "options")
    print_table(columns, rows, empty="There are no policies.")
    _say_rest(len(most))


def _print_blocks(report: Json) -> None:
    totals = report["totals"]
    rows = [
        (reason, count, totals["kept_by"].get(reason, 0))
        for reason, count in sorted(totals["blocked_by"].items(), key=lambda item: (-item[1], item[0]))
    ]
    say("")
    print_table(("blocked by", "at some time", "to the end"), rows, empty="Nothing was blocked.")


def _print_approvals(report: Json) -> None:
    approvals = report["approvals"]
    if not approvals["by_day"]:
        return
    busiest = sorted(approvals["by_day"], key=lambda day: (-sum(day["asked"].values()), day["day"]))
    rows = [(day["day"], sum(day["asked"].values()), _counts(day["asked"])) for day in busiest[:_ROWS]]
    say("")
    say(f"Requests for approval: {_counts(approvals['by_approver'])}; {_counts(approvals['answers'])}")
    print_table(("day", "requests", "asked"), rows, empty="")
    _say_rest(len(busiest))


def _print_contention(report: Json) -> None:
    rows = [
        (
            one["policy"],
            one["waits_for"],
            one["at"],
            one["times"],
            one["waited_seconds"],
            one["longest_seconds"],
        )
        for one in report["contention"][:_ROWS]
    ]
    if not rows:
        return
    say("")
    columns = ("policy", "waited for", "at", "times", "seconds in all", "at most")
    print_table(columns, rows, empty="")
    _say_rest(len(report["contention"]))


def _print_difference(difference: Json) -> None:
    say("")
    say(
        f"Compared with the other policies: {difference['changed']} decisions change, "
        f"{difference['same']} stay as they are."
    )
    for word, names in (
        ("new", difference["policies_added"]),
        ("gone", difference["policies_removed"]),
    ):
        if names:
            say(f"  {word}: {one_line(', '.join(names))}")
    rows = [
        (change["policy"], change["before"], change["after"], change["episodes"])
        for change in difference["changes"][:_ROWS]
    ]
    print_table(("policy", "before", "after", "episodes"), rows, empty="No decision changes.")
    _say_rest(len(difference["changes"]))


def _print_grounds(report: Json) -> None:
    say("")
    say(f"Answers to queries: {_counts(report['answers']['counts']) or 'none were asked'}", style="bold")
    if report["answers"]["trouble"]:
        say(f"  Prometheus could not be asked: {one_line(report['answers']['trouble'])}", style="yellow")
    for policy, count in report["unknown_options"].items():
        say(
            f"  {policy}: of {count} decisions the option can't be known, for a fact is; see --assume-fact",
            style="yellow",
        )
    say("Assumed:", style="bold")
    for assumption in report["assumptions"]:
        say(f"  {one_line(assumption)}")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _say_rest(count: int) -> None:
    if count > _ROWS:
        say(f"… and {count - _ROWS} more; --json has them", style="dim")
