"""`silenced`: an alert that people silenced is theirs."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from remediator.guards.base import BaseGuard, Look, NoParams, allow, deny
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict


class Silenced(BaseGuard):
    """Denies while Alertmanager silences or inhibits the alert, or can't say whether it does."""

    name: ClassVar[str] = "silenced"
    summary: ClassVar[str] = "Nothing runs for an alert that Alertmanager silences or inhibits."
    params: ClassVar[type[BaseModel]] = NoParams

    def evaluate(self, params: NoParams, look: Look, key: str) -> Verdict:  # noqa: ARG002
        """Look at what Alertmanager said."""
        if look.suppressed is None:
            detail = "Alertmanager could not be asked whether the alert is silenced"
            return deny(self.name, key, Reason.GUARD_ERROR, detail, suppressed=None)
        if look.suppressed:
            detail = "Alertmanager silences or inhibits the alert"
            return deny(self.name, key, Reason.SILENCED, detail, suppressed=True)
        return allow(self.name, key, "not silenced", suppressed=False)
