"""`remediator policies import-alerts`: which alerts of a rule file nobody remedies, and policies for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from remediator.authoring.alert_rules import AlertRule, Covered, covered, read_alert_rules
from remediator.authoring.scaffold import Wanted, policy_name
from remediator.cli.options import Config, JsonOutput
from remediator.cli.output import fail, print_json, print_table, say
from remediator.cli.scaffolding import begin, taken
from remediator.cli.workspace import Workspace, open_workspace
from remediator.plain_text import one_line

_SEVERITY = "severity"
# By convention for alerts that are meant for machines, such as one that always fires.
_NO_SEVERITY = "none"


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of one alert that no policy matches."""

    alert: str
    policy: Path | None
    words: str


def import_alerts(
    rules: Annotated[Path, typer.Argument(help="A rule file of Prometheus.", show_default=False)],
    alert: Annotated[
        list[str] | None, typer.Option("--alert", help="Only alerts of this name; repeatable.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Begin a policy for each that no policy matches.")
    ] = False,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """List a rule file's alerts that no policy matches, and begin policies for them if told to."""
    workspace = open_workspace(config)
    policies = workspace.load()
    found = read_alert_rules(rules)
    for name in alert or ():
        if name not in {rule.name for rule in found}:
            fail(f"{rules} has no alert {name!r}")
    looked = [covered(rule, policies) for rule in found if not alert or rule.name in alert]
    results = _begin(looked, workspace, named=bool(alert)) if write else []
    if as_json:
        began = {result.alert: str(result.policy) for result in results if result.policy}
        print_json({"alerts": [_entry(one, began.get(one.rule.name)) for one in looked]})
        return
    _print(looked, rules)
    for result in results:
        say(one_line(result.words), style="green" if result.policy else "yellow")


def _entry(one: Covered, written: str | None) -> dict[str, Any]:
    return {
        "alert": one.rule.name,
        "group": one.rule.group,
        "file": one.rule.file,
        "line": one.rule.line,
        "labels": one.rule.labels,
        "matched_by": one.by,
        "may_be_matched_by": {name: list(labels) for name, labels in one.maybe.items()},
        "written": written if one.nobody else None,
    }


def _print(looked: Sequence[Covered], rules: Path) -> None:
    if not looked:
        say(f"{rules} has no alerts")
        return
    nobody = [one for one in looked if one.nobody]
    rows = [
        (one.rule.name, one.rule.labels.get(_SEVERITY), one.rule.group, f"{one.rule.file}:{one.rule.line}")
        for one in nobody
    ]
    if rows:
        say("No policy matches:", style="bold")
        print_table(("alert", "severity", "group", "place"), rows, empty="")
    maybe = [one for one in looked if not one.by and one.maybe]
    for one in maybe:
        by = "; ".join(f"{name} (by its {', '.join(labels)})" for name, labels in one.maybe.items())
        say(one_line(f"{one.rule.name} may be matched by {by}"), style="yellow")
    certain = len(looked) - len(nobody) - len(maybe)
    say(f"{len(looked)} alerts in {rules}: {certain} matched, {len(maybe)} perhaps, {len(nobody)} not")


def _begin(looked: Sequence[Covered], workspace: Workspace, *, named: bool) -> list[_Result]:
    """Begin a policy for each alert that nobody matches; rules of one name share one."""
    by_name: dict[str, list[AlertRule]] = {}
    for one in looked:
        if one.nobody:
            by_name.setdefault(one.rule.name, []).append(one.rule)
    return [_begin_one(_wanted(name, rules), workspace, named=named) for name, rules in by_name.items()]


def _begin_one(wanted: Wanted, workspace: Workspace, *, named: bool) -> _Result:
    name = wanted.alertname
    there = taken(wanted.name, workspace)
    if there is not None:
        return _Result(name, None, f"{name}: {there} is there already, and is left as it is")
    if wanted.labels.get(_SEVERITY) == _NO_SEVERITY and not named:
        words = f"{name}: has severity none, so it gets no policy; `--alert {name} --write` begins one"
        return _Result(name, None, words)
    begun = begin(wanted, workspace)
    return _Result(name, begun.policy, f"wrote {begun.policy} and {begun.test}")


def _wanted(name: str, rules: Sequence[AlertRule]) -> Wanted:
    """Take over what all rules of this name have in common."""
    first = rules[0]
    alone = len(rules) == 1
    severities = {rule.labels.get(_SEVERITY) for rule in rules}
    severity = severities.pop() if len(severities) == 1 else None
    return Wanted(
        name=policy_name(name),
        alertname=name,
        labels={_SEVERITY: severity} if severity else {},
        expr=first.expr if alone else None,
        runbook_url=first.annotations.get("runbook_url"),
    )
