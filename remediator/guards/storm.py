"""`storm`: while very many alerts come, only what matters most is acted on."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel

from remediator.guards.base import BaseGuard, Look, LookPhase, allow, deny, iso
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict
from remediator.runs.waiting import severity_of
from remediator.settings_storm import StormLimits

_BEGINNING = (LookPhase.ADMISSION, LookPhase.ENTRY)


class StormGuard(BaseGuard):
    """Denies what is neither severe nor of an important policy. What was begun, or approved, goes on."""

    name: ClassVar[str] = "storm"
    summary: ClassVar[str] = (
        "In a storm of alerts only severe ones are acted on, or those of important policies."
    )
    params: ClassVar[type[BaseModel]] = StormLimits

    def evaluate(self, params: StormLimits, look: Look, key: str) -> Verdict:
        """Look whether there is one, and what this alert is in it."""
        since = look.history.storm_since
        if since is None:
            return allow(self.name, key, "no storm")
        severity = severity_of(look.scope.labels)
        inputs: dict[str, Any] = {"since": iso(since), "severity": severity, "priority": look.priority}
        if look.phase not in _BEGINNING:
            return allow(self.name, key, "it was begun before, by a person, or approved", **inputs)
        if severity <= severity_of({"severity": params.acts_on}) or look.priority <= params.priority:
            return allow(self.name, key, "important enough to be acted on in a storm", **inputs)
        detail = (
            f"a storm of alerts since {since:%H:%M:%S} UTC: only {params.acts_on} ones are acted on, "
            f"and policies of priority {params.priority} or lower"
        )
        return deny(self.name, key, Reason.STORM, detail, **inputs)
