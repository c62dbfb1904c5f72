"""Shows a rendered plan: what would run, what is checked after, and how it would be undone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from remediator.cli.output import print_line


def print_plan(plan: Mapping[str, Any], *, to: Console | None = None) -> None:
    """Print a plan as the API and `Plan.model_dump` give it."""
    title = f"{plan.get('policy')} on {plan.get('target')}: option {plan.get('option')}"
    print_line(title, style="bold", to=to)
    print_steps(plan, to=to, indent=2)


def print_steps(plan: Mapping[str, Any], *, to: Console | None = None, indent: int = 0) -> None:
    """Print what a plan does, without its name."""

    def line(text: str) -> None:
        print_line(text, indent=indent, to=to)

    for at, step in enumerate(plan.get("steps", ()), 1):
        line(f"{at}. {_step(step)}")
    verify = plan.get("verify")
    if verify:
        checks = " and ".join(_check(check) for check in verify.get("all", ()))
        line(f"then verify within {verify.get('within')}: {checks}")
    else:
        line("then nothing is verified")
    revert = plan.get("revert")
    if revert:
        line(f"undone on {', '.join(revert.get('on', ()))}, at the latest after {revert.get('after')}")
        for at, step in enumerate(plan.get("revert_steps", ()), 1):
            line(f"undo {at}. {_step(step)}")


def _step(step: Mapping[str, Any]) -> str:
    params = json.dumps(step.get("params", {}), ensure_ascii=False)
    later = " (filled in from earlier steps when it runs)" if step.get("deferred") else ""
    return f"{step.get('action')} {params}{later}"


def _check(check: Mapping[str, Any]) -> str:
    if check.get("promql"):
        return f"PromQL {check['promql']}"
    if check.get("http"):
        http = check["http"]
        expect = json.dumps({name: value for name, value in http.get("expect", {}).items() if value})
        return f"{http.get('method')} {http.get('path')} of {http.get('service')} gives {expect}"
    return f"{check.get('uses')} {json.dumps(check.get('with', {}), ensure_ascii=False)}"
