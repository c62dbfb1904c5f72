"""Plans: a policy and an alert rendered into frozen steps, and the hash that an approval binds to."""

from __future__ import annotations

from pydantic import JsonValue

from remediator.content_hash import content_hash
from remediator.policy.document import Document
from remediator.policy.model import Revert, Step, Verify


class PlannedStep(Document):
    """One step with everything rendered that can be before it runs.

    Strings that read `steps.…` (results of earlier steps) stay templates, listed in
    `deferred` as paths into `params`, and are rendered right before the step.
    """

    action: str
    params: dict[str, JsonValue]
    deferred: tuple[tuple[str | int, ...], ...] = ()
    step: Step


class Plan(Document):
    """One option, rendered. What an approver sees and what then runs."""

    policy: str
    policy_hash: str
    target: str
    option: str
    steps: tuple[PlannedStep, ...]
    verify: Verify | None
    revert: Revert | None
    revert_steps: tuple[PlannedStep, ...] = ()

    def hash(self) -> str:
        """Return the sha256, in hex, of the plan's canonical JSON."""
        return content_hash(self.model_dump(mode="json", by_alias=True))
