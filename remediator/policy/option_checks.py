"""Finds options that can never be reached, and conditions that can never hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remediator.policy.checking import Checking
from remediator.policy.expression_logic import never_holds
from remediator.policy.matcher_logic import contradiction
from remediator.policy.matchers import Matcher
from remediator.policy.model import Policy, Revert
from remediator.yaml_source import NodePath


def check_reach(
    checking: Checking, policy: Policy, matchers: Sequence[Matcher], unavailable: Mapping[str, str]
) -> None:
    """Check every condition. An option after one that always applies is reached when that one fails."""
    # Matchers that contradict each other have been refused; nothing more follows from them.
    known = () if contradiction(matchers) else tuple(matchers)
    for at, option in enumerate(policy.options):
        what = f"option {option.name!r} can never be reached: its when"
        _check(checking, ("options", at, "when"), option.when, known, what, refuse=True)
    for at, escalation in enumerate(policy.escalate):
        _check(checking, ("escalate", at, "when"), escalation.when, known, "nobody is ever told: this")
    reverts: list[tuple[NodePath, Revert | None]] = [(("revert",), policy.revert)]
    reverts += [(("options", at, "revert"), option.revert) for at, option in enumerate(policy.options)]
    for path, revert in reverts:
        if revert is not None:
            what = "an alert that resolves never gives it back: this"
            _check(checking, (*path, "when"), revert.when, known, what)
    _check_twins(checking, policy)
    if policy.options and all(option.name in unavailable for option in policy.options):
        sections = ", ".join(sorted(set(unavailable.values())))
        what = "not_configured: no option is available, so this policy can do nothing here"
        checking.warning(("options",), what, f"add {sections} to remediator.yaml", at_key=True)


def _check(
    checking: Checking,
    path: NodePath,
    when: str | None,
    matchers: Sequence[Matcher],
    what: str,
    *,
    refuse: bool = False,
) -> None:
    expression = checking.expressions.get(when) if when is not None else None
    if expression is None:
        return
    if never_holds(expression):
        # A bare `false` is how somebody switches an option off for a while: no slip.
        note = checking.error if refuse and expression.reads else checking.warning
        note(path, f"{what} holds for no labels and no facts", "correct it, or remove it")
    elif (
        matchers
        and any(root == "labels" for root, _ in expression.reads)
        and never_holds(expression, matchers)
    ):
        checking.warning(
            path, f"{what} holds for no alert that the policy matches", "correct it, or the matchers"
        )


def _check_twins(checking: Checking, policy: Policy) -> None:
    for at, option in enumerate(policy.options):
        for earlier in policy.options[:at]:
            if (option.when, option.steps) == (earlier.when, earlier.steps):
                what = (
                    f"option {option.name!r} does once more what {earlier.name!r} has done when it is reached"
                )
                checking.warning(("options", at, "name"), what, "change it, or remove it")
                break
