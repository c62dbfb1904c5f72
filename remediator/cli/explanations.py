"""Shows what `remediator explain` found out, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from remediator.cli.output import print_line, when
from remediator.cli.plans import print_steps

_MARKS = {"allow": ("✓", "green"), "deny": ("✗", "red"), "ask": ("?", "yellow"), "pending": ("…", "dim")}
_OUTCOMES = {
    "run": "would run",
    "awaiting_approval": "would ask for approval",
    "shadow": "would only write down",
    "joined": "would join",
    "blocked": "blocked",
    "planned": "guards that need no live answer allow it",
}
_STYLES = {"run": "bold green", "awaiting_approval": "bold yellow", "shadow": "bold magenta"}
# Of a hundred labels in a sample, nobody reads the last.
_LONGEST_VALUE = 160


def print_heading(report: Mapping[str, Any]) -> None:
    """Print what the explanation goes by, and what could not be read."""
    asked = "Prometheus, Alertmanager and facts are asked now" if report["live"] else "nothing live is asked"
    print_line(f"as of {when(report['at'])}; {asked}; {report['history']['note']}", style="dim")
    for one in report["bad_alerts"]:
        print_line(f"alert {one['index']} would be quarantined: {one['reason']}", style="red")
    if not report["alerts"] and not report["bad_alerts"]:
        print_line("there is no alert in it")


def print_alert(report: Mapping[str, Any], *, live: bool) -> None:
    """Print one alert, and what each policy says to it."""
    labels = ", ".join(f"{name}={value}" for name, value in report["labels"].items())
    print_line("")
    print_line(f"{report['alertname']} ({report['status']})  {labels}", style="bold")
    print_line(_HANDLINGS[report["handling"]], indent=2)
    if report["handling"] not in ("opened", "repeated"):
        return
    for policy in report["policies"]:
        if policy["matched"]:
            _print_matched(policy, live=live)
    others = [policy for policy in report["policies"] if not policy["matched"]]
    if len(others) == len(report["policies"]):
        print_line("no policy matches: nothing would be done", indent=2, style="yellow")
    for policy in others:
        print_line(f"{policy['policy']}: {_why_not(policy)}", indent=2, style="dim")


def _why_not(policy: Mapping[str, Any]) -> str:
    failed = next((one for one in policy["matchers"] if not one["holds"]), None)
    if failed is None:
        return "starts on a schedule, not by alerts"
    value = json.dumps(failed["value"], ensure_ascii=False)
    return f"no match, {failed['matcher']} (it is {value})"


_HANDLINGS = {
    "opened": "would open an episode",
    "repeated": "repeats an open episode",
    "closed": "would close its episode: what waits is cancelled, what is leased is given back",
    "not_open": "is over, and no episode of it is known to be open: nothing would be done",
    "late": "overtook its own end: it opens an episode only when it comes again, or a poll confirms it",
}


def _print_matched(policy: Mapping[str, Any], *, live: bool) -> None:
    outcome = policy["outcome"]
    if policy["decided_before"]:
        said = f"{outcome}{_reason(policy)}: {policy['detail']}"
    else:
        said = f"{_OUTCOMES[outcome]}{_reason(policy)}"
        said += f": {policy['detail']}" if policy["detail"] else ""
    on = f" on {policy['target']}" if policy["target"] else ""
    print_line("")
    print_line(
        f"{policy['policy']}{on}: {said}",
        indent=2,
        style=_STYLES.get(outcome, "bold"),
    )
    if policy["mode"] != "enforce":
        print_line(
            f"mode is {policy['mode']}: nothing would be done, only written down", indent=4, style="magenta"
        )
    for ask in policy["asks"]:
        people = f"{ask['count']} of {', '.join(ask['from'])}"
        print_line(f"{people} would be asked first ({ask['level']})", indent=4, style="yellow")
    if policy["next_look_at"] and outcome == "blocked":
        print_line(f"looked at again at {when(policy['next_look_at'])}", indent=4)
    if policy["verdicts"]:
        print_line("guards", indent=4, style="bold")
    for verdict in policy["verdicts"]:
        _print_verdict(verdict)
    if policy["facts"]:
        print_line("facts", indent=4, style="bold")
    for fact in policy["facts"]:
        _print_fact(fact)
    print_line("options", indent=4, style="bold")
    for option in policy["options"]:
        _print_option(option, chosen=option["option"] == policy["option"], live=live)


def _reason(policy: Mapping[str, Any]) -> str:
    return f", {policy['reason']}" if policy["reason"] else ""


def _print_verdict(verdict: Mapping[str, Any]) -> None:
    mark, style = _MARKS[verdict["kind"]]
    text = verdict["detail"] or verdict["reason"] or "allows"
    if verdict["kind"] == "pending":
        text = "asks a live system when it comes to it"
    print_line(f"{mark} {verdict['guard']}: {text}", indent=6, style=style)
    # Why a question failed is in the detail already.
    inputs = {name: value for name, value in verdict["inputs"].items() if name != "failed"}
    if inputs:
        written = "  ".join(f"{name}={_short(value)}" for name, value in inputs.items())
        print_line(written, indent=10, style="dim")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _print_fact(fact: Mapping[str, Any]) -> None:
    if fact["given"]:
        print_line(f"{fact['fact']} = {_short(fact['value'])}, as given", indent=6)
    elif not fact["known"]:
        print_line(f"{fact['fact']}: found out by {fact['uses']} when it comes to it", indent=6, style="dim")
    elif fact["error"]:
        print_line(
            f"{fact['fact']}: none, {fact['uses']} could not tell: {_short(fact['error'])}",
            indent=6,
            style="yellow",
        )
    else:
        print_line(f"{fact['fact']} = {_short(fact['value'])}, by {fact['uses']}", indent=6)


def _print_option(option: Mapping[str, Any], *, chosen: bool, live: bool) -> None:
    applies = {True: "applies", False: "does not apply", None: "may apply"}[option["applies"]]
    if chosen:
        applies = "this one"
    elif option["applies"] and live:
        applies = "applies, in its turn"
    why = f": {option['why_not']}" if option["why_not"] else ""
    print_line(f"{option['option']}: {applies}{why}", indent=6, style="bold cyan" if chosen else "cyan")
    if option["when"]:
        print_line(f"when {option['when']}", indent=8, style="dim")
    if option["applies"] is False:
        return
    if option.get("approval"):
        print_line(f"asks {', '.join(option['approval']['from'])} first", indent=8, style="yellow")
    if option["plan"] is None:
        print_line(f"can't be rendered: {option['plan_problem']}", indent=8, style="red")
    else:
        print_steps(option["plan"], indent=8)
