"""`global_limits`: caps over all policies together, from `limits:` in remediator.yaml."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from pydantic import BaseModel

from remediator.guards.base import BaseGuard, Look, allow, deny
from remediator.guards.past_starts import frees_at, is_own
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict
from remediator.settings import Limits

_MINUTE = timedelta(minutes=1)


class GlobalLimits(BaseGuard):
    """Counts the runs of all policies: those under way, and those started in the last minute."""

    name: ClassVar[str] = "global_limits"
    summary: ClassVar[str] = "Caps over all policies: runs at once, and runs a minute."
    params: ClassVar[type[BaseModel]] = Limits

    def window(self, params: Limits) -> timedelta:  # noqa: ARG002
        """One minute."""
        return _MINUTE

    def others_window(self, params: Limits) -> timedelta:
        """One minute, whoever started."""
        return self.window(params)

    def evaluate(self, params: Limits, look: Look, key: str) -> Verdict:
        """Count the others."""
        live = sum(not is_own(look, run.run_id) for run in look.history.live)
        begins = look.now - _MINUTE
        started = [
            start for start in look.history.starts if start.at > begins and not is_own(look, start.run_id)
        ]
        inputs: dict[str, Any] = {"concurrent_runs": live, "runs_in_last_minute": len(started)}
        if live >= params.concurrent_runs:
            detail = f"{live} of {params.concurrent_runs} runs are under way"
            return deny(self.name, key, Reason.GLOBAL_LIMIT, detail, **inputs)
        leaver = frees_at(started, params.runs_per_minute)
        detail = f"{len(started)} of {params.runs_per_minute} runs in the last minute"
        if leaver is None:
            return allow(self.name, key, detail, **inputs)
        return deny(self.name, key, Reason.GLOBAL_LIMIT, detail, until=leaver.at + _MINUTE, **inputs)
