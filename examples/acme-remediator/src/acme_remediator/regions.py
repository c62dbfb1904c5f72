"""`acme.regions`: act only in some regions."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, Field

from remediator.guards.base import BaseGuard, GuardParams, Look, allow, deny
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict


class RegionsParams(GuardParams):
    """Which regions."""

    only: tuple[str, ...] = Field(min_length=1, description="Values of the label `region`.")


class Regions(BaseGuard):
    """Looks at the alert's label: a pure function, as every guard."""

    name: ClassVar[str] = "acme.regions"
    summary: ClassVar[str] = "Acts only for alerts of some regions."
    params: ClassVar[type[BaseModel]] = RegionsParams
    by_hand: ClassVar[bool] = True

    def evaluate(self, params: RegionsParams, look: Look, key: str) -> Verdict:
        """Compare the label; an alert without one is of no region."""
        region = str(look.scope.labels.get("region", ""))
        detail = f"region {region or 'unknown'}, of {', '.join(params.only)}"
        if region in params.only:
            return allow(self.name, key, detail, region=region)
        return deny(self.name, key, Reason.PRECONDITION, detail, region=region)
