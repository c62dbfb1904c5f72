"""Facts: what a policy's `diagnose` looks at, gathered in parallel, bounded, never acting."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from remediator.actions.base import Call, FailureReason, Outcome, failed
from remediator.clock import Clock
from remediator.engine.capabilities import Capabilities, PreparedPolicy
from remediator.engine.scopes import Facts
from remediator.policy.expressions import RenderError, Scope
from remediator.policy.model import Fact
from remediator.policy.rendering import render_params
from remediator.secret_refs import Redactor

# A diagnosis stands between an alert and its remedy: no single look may hold it up for long.
_LONGEST_LOOK = timedelta(seconds=15)
_AT_ONCE = 8


class FactGatherer:
    """Runs the read-only actions of `diagnose`."""

    def __init__(self, capabilities: Capabilities, clock: Clock, redactor: Redactor) -> None:
        self._capabilities = capabilities
        self._clock = clock
        self._redactor = redactor

    async def gather(self, prepared: PreparedPolicy, scope: Scope) -> Facts:
        """Return every fact; one that could not be attempted is None, with its error beside."""
        wanted = prepared.policy.document.diagnose
        gate = asyncio.Semaphore(_AT_ONCE)
        outcomes = await asyncio.gather(*(self._look(fact, scope, gate) for fact in wanted))
        found = list(zip(wanted, outcomes, strict=True))
        return Facts(
            values={fact.fact: self._redactor.json(outcome.fact) for fact, outcome in found},
            details={fact.fact: self._detail(outcome) for fact, outcome in found},
        )

    async def _look(self, fact: Fact, scope: Scope, gate: asyncio.Semaphore) -> Outcome:
        action = self._capabilities.actions.get(fact.uses)
        if action is None:
            return failed(FailureReason.REFUSED, f"{fact.uses} is not configured in remediator.yaml")
        try:
            rendered, _ = render_params(action.params, fact.with_, scope, defer=())
            params = action.params.model_validate(rendered)
        except (RenderError, ValidationError) as error:
            return failed(FailureReason.REFUSED, str(error))
        if not action.read_only_for(params):
            # The loader refuses such a policy; nothing but a look may come out of rendering either.
            return failed(FailureReason.REFUSED, f"{fact.uses} with these parameters changes things")
        refusal = action.refuse(params)
        if refusal is not None:
            return failed(FailureReason.REFUSED, refusal)
        call = Call(key=f"fact/{fact.fact}", timeout=_LONGEST_LOOK, started_at=self._clock.now())
        async with gate:
            try:
                return await asyncio.wait_for(action.act(params, call), _LONGEST_LOOK.total_seconds() + 1)
            except TimeoutError:
                return failed(FailureReason.TIMED_OUT, "the look took too long")

    def _detail(self, outcome: Outcome) -> dict[str, Any]:
        detail: dict[str, Any] = self._redactor.json(dict(outcome.result))
        if outcome.fact is None:
            detail["error"] = self._redactor.text(outcome.detail or "no value")
        return detail
