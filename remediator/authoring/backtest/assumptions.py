"""What a backtest takes for granted where nothing was recorded. All of it is said in the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from remediator.durations import format_duration
from remediator.engine.capabilities import Capabilities
from remediator.policy.model import Verify
from remediator.runs.plan import Plan, PlannedStep

_DEFAULT_APPROVAL = timedelta(minutes=10)
_DEFAULT_STEP = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What stands in for what nobody recorded.

    `approved_after` None means the recorded delay where there is one, else ten minutes.
    """

    step_takes: timedelta = _DEFAULT_STEP
    approved_after: timedelta | None = None
    promql_holds: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def approval_delay(self) -> timedelta:
        """After how long an approval comes of which nothing is recorded."""
        return _DEFAULT_APPROVAL if self.approved_after is None else self.approved_after

    def words(self) -> list[str]:
        """Say them."""
        facts = ", ".join(f"{name}={value!r}" for name, value in sorted(self.facts.items()))
        return [
            f"A run that was not recorded succeeds with its first option; each step takes "
            f"{format_duration(self.step_takes)}, a wait as long as it says, and a verification as long as "
            f"`stable_for`, with one `every` before it where it asks Prometheus.",
            f"An approval that was not recorded is given {format_duration(self.approval_delay)} after it is "
            f"asked for; one that expires sooner is not.",
            f"A PromQL condition without a recorded answer or Prometheus history "
            f"{'holds, and a count is large' if self.promql_holds else 'does not hold'}.",
            "Whether another alert is active is answered from the alerts that are replayed.",
            "No alert was silenced, except where a recorded decision says so.",
            "No storm of alerts is known: `limits.storm` blocks nothing, and whoever waits looks again every "
            "`recheck`, however long the line.",
            f"Facts that were not recorded are {'assumed as ' + facts if facts else 'unknown'}; an option "
            "whose `when` reads an unknown fact is shown as unknown.",
            "A temporary change goes back as soon as its policy lets it, and going back works.",
            "Runs that people started by hand, and policies that start on a schedule, are left out.",
        ]


def run_takes(plan: Plan, capabilities: Capabilities, assumed: Assumptions) -> timedelta:
    """Return how long a run of a plan is supposed to take, from its first step to its end."""
    steps = steps_take(plan.steps, capabilities, assumed)
    return steps + (_verify_takes(plan.verify) if plan.verify else timedelta(0))


def revert_takes(plan: Plan, capabilities: Capabilities, assumed: Assumptions) -> timedelta:
    """Return how long undoing a plan is supposed to take."""
    if plan.revert is None:
        return timedelta(0)
    undoing = plan.revert_steps or plan.steps
    verify = _verify_takes(plan.revert.verify) if plan.revert.verify else timedelta(0)
    return steps_take(undoing, capabilities, assumed) + verify


def steps_take(steps: tuple[PlannedStep, ...], capabilities: Capabilities, assumed: Assumptions) -> timedelta:
    """Return how long steps are supposed to take."""
    return sum((_step_takes(step, capabilities, assumed) for step in steps), timedelta(0))


def _step_takes(step: PlannedStep, capabilities: Capabilities, assumed: Assumptions) -> timedelta:
    if step.deferred:
        return assumed.step_takes  # what it will be given is not known before the steps before it
    action = capabilities.action(step.action)
    try:
        params = capabilities.typed(step)
    except ValidationError:
        return assumed.step_takes
    waits = action.lasts(params) if action.read_only_for(params) else timedelta(0)
    return waits or assumed.step_takes


def _verify_takes(verify: Verify) -> timedelta:
    # What Prometheus says at once was scraped before the last step, and proves nothing.
    asks_prometheus = any(check.promql is not None for check in verify.all_)
    return verify.stable_for + (verify.every if asks_prometheus else timedelta(0))
