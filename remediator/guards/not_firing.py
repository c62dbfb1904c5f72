"""`not_firing`: do not run while an alert is active, such as the cause behind this symptom."""

from __future__ import annotations

from typing import ClassVar

from remediator.guards.base import Look, allow, deny
from remediator.guards.other_alerts import AlertsGuard, AlertsParams, active_alerts
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict


class NotFiring(AlertsGuard):
    """Denies while any of the alerts is active, silenced or not."""

    name: ClassVar[str] = "not_firing"
    summary: ClassVar[str] = "Does not run while an alert is active."

    def evaluate(self, params: AlertsParams, look: Look, key: str) -> Verdict:
        """Look for one."""
        inputs, active = active_alerts(params, look)
        if not active:
            return allow(self.name, key, f"not active: {params.words()}", **inputs)
        return deny(self.name, key, Reason.OTHER_ALERT_FIRING, f"active: {', '.join(active)}", **inputs)
