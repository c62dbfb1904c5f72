"""Who was woken and what it found: whether the next in its line has a chance as well."""

from __future__ import annotations

from collections.abc import Mapping

from remediator.engine.capabilities import PreparedPolicy
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.verdicts import Decision, Verdict, VerdictKind
from remediator.runs.waiting import IN_LINE, ONE_LINE

# What denies one under a policy denies the next one too.
_OF_POLICY = frozenset(
    {Reason.GLOBAL_LIMIT, Reason.HELD, Reason.CONCURRENCY, Reason.MAX_TARGETS, Reason.HEALTHY_FLOOR}
)


def lets_pass(before: Reason | None, decision: Decision, prepared: PreparedPolicy) -> bool:
    """Tell whether the next in the line for `before` is to look now that this one has.

    It is, when this one was let in, for there may be more room; and when it was denied for what is
    its own. What it shares with its line would only deny them all: whoever holds that wakes the line.
    """
    if before not in IN_LINE:
        return False
    if decision.outcome is not Outcome.BLOCKED:
        return True
    denials = [verdict for verdict in decision.verdicts if verdict.kind is VerdictKind.DENY]
    if before in ONE_LINE:
        return not any(verdict.reason is before for verdict in denials)
    return not any(verdict.reason in _OF_POLICY or _locked(verdict, prepared) for verdict in denials)


def _locked(verdict: Verdict, prepared: PreparedPolicy) -> bool:
    """Tell whether it is a resource of the policy that is locked, and not the target alone."""
    taken = verdict.inputs.get("taken")
    if verdict.reason is not Reason.TARGET_BUSY or not isinstance(taken, Mapping):
        return False
    # Without a resource that all lock, each waits for a target of its own, and its end wakes it.
    return not prepared.resources or not taken.keys().isdisjoint(prepared.resources)
