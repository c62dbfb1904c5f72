"""`approval`: people have to agree before the first step."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel

from remediator.durations import format_duration
from remediator.guards.base import BaseGuard, Look
from remediator.policy.model import Approval
from remediator.runs.verdicts import Verdict, VerdictKind


class ApprovalGuard(BaseGuard):
    """Always asks; whether it has been granted is the run's business, not the guard's."""

    name: ClassVar[str] = "approval"
    summary: ClassVar[str] = "Asks people before the first step."
    params: ClassVar[type[BaseModel]] = Approval
    by_hand: ClassVar[bool] = True

    def evaluate(self, params: Approval, look: Look, key: str) -> Verdict:  # noqa: ARG002
        """Ask."""
        return ask(self.name, key, params, f"needs {asked_of(params)}")


def ask(guard: str, key: str, approval: Approval, detail: str, **inputs: Any) -> Verdict:
    """Return a verdict that allows once people agree."""
    return Verdict(
        guard=guard,
        key=key,
        kind=VerdictKind.ASK,
        approval=approval,
        detail=detail,
        inputs={"from": list(approval.from_), "count": approval.count, **inputs},
    )


def asked_of(approval: Approval) -> str:
    """Say who is asked: `1 of oncall, leads within 30m`."""
    return f"{approval.count} of {', '.join(approval.from_)} within {format_duration(approval.expires)}"
