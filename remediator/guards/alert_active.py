"""`alert_active`: run only while an alert is active."""

from __future__ import annotations

from typing import ClassVar

from remediator.guards.base import Look, allow, deny
from remediator.guards.other_alerts import AlertsGuard, AlertsParams, active_alerts
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict


class AlertActive(AlertsGuard):
    """Denies unless at least one of the alerts is active."""

    name: ClassVar[str] = "alert_active"
    summary: ClassVar[str] = "Runs only while an alert is active."

    def evaluate(self, params: AlertsParams, look: Look, key: str) -> Verdict:
        """Look for one."""
        inputs, active = active_alerts(params, look)
        if active:
            return allow(self.name, key, f"active: {', '.join(active)}", **inputs)
        return deny(self.name, key, Reason.ALERT_NOT_ACTIVE, f"not active: {params.words()}", **inputs)
