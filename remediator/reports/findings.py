"""What can be said of an incident from its records: the root cause, the logs, what is left to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from remediator.reports.incident import Incident
from remediator.runs.reasons import Reason
from remediator.runs.states import LeaseState, RunState, StepState

_MOST_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Counted:
    """How often a pattern was found in logs, as a fact counted it."""

    fact: str
    pattern: str
    count: int
    samples: tuple[str, ...]


def root_cause(incident: Incident) -> str:
    """Return the branch that was taken, or that the cause is unknown."""
    run = incident.run
    if run.reason is Reason.NO_OPTION_APPLIES or run.option is None:
        return "Unknown: no option of the policy applied."
    option = next((one for one in incident.policy.options if one.name == run.option), None)
    condition = f", whose condition held: {option.when}" if option is not None and option.when else ""
    if run.state is RunState.SUCCEEDED:
        tried = f", after {', '.join(run.tried)} had not helped" if run.tried else ""
        return f"As found by the branch that worked: {run.option}{condition}{tried}."
    return f"Unknown: the branch {run.option}{condition} did not end it ({run.state})."


def counted_logs(incident: Incident) -> tuple[Counted, ...]:
    """Return what facts counted in logs, by pattern, the most frequent first."""
    details: Mapping[str, Any] = (incident.run.facts or {}).get("details", {})
    found = [one for name in sorted(details) for one in _counted(incident, name, details[name] or {})]
    return tuple(sorted(found, key=lambda one: (-one.count, one.fact, one.pattern)))


def _counted(incident: Incident, fact: str, detail: Mapping[str, Any]) -> Iterator[Counted]:
    use = next((one for one in incident.policy.diagnose if one.fact == fact), None)
    if use is None or not use.uses.endswith(".logs"):
        return
    counts = detail.get("counts")
    lines = tuple(str(line) for line in detail.get("lines") or ())[-_MOST_SAMPLES:]
    if isinstance(counts, Mapping) and counts:
        for at, (pattern, count) in enumerate(sorted(counts.items())):
            yield Counted(fact, str(pattern), int(count), lines if at == 0 else ())
    elif isinstance(detail.get("count"), int):
        wanted = use.with_.get("count") or use.with_.get("pattern") or "any line"
        yield Counted(fact, str(wanted), detail["count"], lines)


def action_items(incident: Incident) -> tuple[str, ...]:
    """Return what is left to do: what the policy says, and what the records show as unfinished."""
    return (*_unfinished(incident), *_of_policy(incident))


def _unfinished(incident: Incident) -> Iterator[str]:
    run = incident.run
    if run.state in (RunState.NEEDS_HUMAN, RunState.EXPIRED):
        yield f"Decide about run {run.id}, which is {run.state} ({run.detail or 'see its timeline'})"
    for revert in incident.reverts:
        if revert.state is RunState.REVERT_FAILED:
            yield f"Undo by hand what run {revert.id} could not: {revert.detail}"
    yield from _still_changed(incident)
    for step in incident.steps:
        if step.state is StepState.AMBIGUOUS:
            yield f"Find out whether step {step.position} ({step.action}) of {step.option} happened"
    if run.state is not RunState.SUCCEEDED or run.reason is Reason.NO_OPTION_APPLIES:
        yield "Find the root cause"
    if run.relapsed_at is not None:
        yield "Find out why it came back"


def _still_changed(incident: Incident) -> Iterator[str]:
    for lease in incident.leases:
        if lease.state in (LeaseState.OPEN, LeaseState.OVERDUE):
            yield f"See that {lease.resource} {lease.attribute} goes back; its lease is {lease.state}"
    if any(not lease.ends_with_run for lease in incident.leases):
        yield "Reconcile what was done while temporary changes stood"


def _of_policy(incident: Incident) -> tuple[str, ...]:
    report = incident.policy.report
    return report.action_items if report is not None else ()
