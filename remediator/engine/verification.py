"""Verification: looking, after the steps, whether it worked, and whether it stays so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import ValidationError

from remediator.actions.base import Call
from remediator.clock import Clock
from remediator.engine import executor
from remediator.engine.capabilities import Capabilities
from remediator.policy.model import Check, Verify
from remediator.runs.answers import Answer


class AsksFreshPromQL(Protocol):
    """Answers PromQL, and tells how old the samples behind an answer are."""

    async def query(self, expr: str) -> Answer:
        """Answer an instant query; errors are in the answer."""
        ...

    async def scraped_after(self, expr: str, moment: datetime) -> bool:
        """Tell whether every series that `expr` reads was scraped after `moment`."""
        ...


@dataclass(frozen=True, slots=True)
class CheckLook:
    """What one look at one check saw."""

    check: str
    held: bool
    detail: str
    answered: bool = True
    """Whether what was looked at said anything; False: it could not be asked, so nobody knows."""

    def json(self) -> dict[str, Any]:
        """Return it as the JSON that records keep."""
        return {"check": self.check, "held": self.held, "detail": self.detail, "answered": self.answered}


@dataclass(frozen=True, slots=True)
class Verified:
    """How a verification ended: `ok`, or not in time; None when it was left off."""

    ok: bool | None
    seconds: float
    looks: tuple[CheckLook, ...]


class Verifier:
    """Looks at checks until they hold for long enough, or time is up."""

    def __init__(self, capabilities: Capabilities, clock: Clock, promql: AsksFreshPromQL) -> None:
        self._capabilities = capabilities
        self._clock = clock
        self._promql = promql

    async def verify(
        self, verify: Verify, since: datetime, until: datetime, leave_off: Callable[[], Awaitable[bool]]
    ) -> Verified:
        """Look every `every` until the checks held without a break for `stable_for`.

        They must begin to hold by `until` at the latest; one last look is taken then. `since` is
        when the last step ended: samples scraped before it prove nothing. `leave_off` says that
        nobody waits any more.
        """
        began, waited = self._clock.now(), timedelta(0)
        longest = until - began
        held_after: timedelta | None = None
        while True:
            looks = await self.look(verify, since)
            # A clock that is set back meanwhile must not have it wait for the same hour twice.
            passed = max(self._clock.now() - began, waited)
            seconds = round(passed.total_seconds(), 3)
            if all(look.held for look in looks):
                held_after = passed if held_after is None else held_after
                if passed - held_after >= verify.stable_for:
                    return Verified(ok=True, seconds=seconds, looks=looks)
            else:
                held_after = None
                if passed >= longest:
                    return Verified(ok=False, seconds=seconds, looks=looks)
            if await leave_off():
                return Verified(ok=None, seconds=seconds, looks=looks)
            pause = _pause(verify, passed, longest, held_after)
            await self._clock.sleep(pause)
            waited += pause

    async def look(self, verify: Verify, since: datetime | None) -> tuple[CheckLook, ...]:
        """Look once at every check; without `since`, however old the samples are."""
        return tuple([await self._look_at(check, since) for check in verify.all_])

    async def _look_at(self, check: Check, since: datetime | None) -> CheckLook:
        if check.promql is not None:
            return await self._look_promql(check.promql, since)
        if check.http is not None:
            params = check.http.model_dump(mode="json", by_alias=True, exclude_unset=True)
            return await self._look_action("http.probe", params)
        return await self._look_action(check.uses or "", dict(check.with_))

    async def _look_promql(self, expr: str, since: datetime | None) -> CheckLook:
        answer = await self._promql.query(expr)
        if answer.error is not None:
            return CheckLook(expr, held=False, detail=answer.error, answered=False)
        if not answer.holds:
            return CheckLook(expr, held=False, detail="does not hold")
        if since is not None and not await self._promql.scraped_after(expr, since):
            return CheckLook(expr, held=False, detail="holds, but was scraped before the last step")
        return CheckLook(expr, held=True, detail="holds")

    async def _look_action(self, name: str, params_json: dict[str, object]) -> CheckLook:
        action = self._capabilities.actions.get(name)
        if action is None:
            return CheckLook(name, held=False, detail="is not configured in remediator.yaml", answered=False)
        try:
            params = action.params.model_validate(params_json)
        except ValidationError as error:
            what = error.errors(include_url=False)[0]["msg"]
            return CheckLook(name, held=False, detail=what, answered=False)
        refusal = action.refuse(params)
        if refusal is not None or not action.read_only_for(params):
            return CheckLook(name, held=False, detail=refusal or "is not read-only", answered=False)
        call = Call(key=f"verify/{name}", timeout=timedelta(seconds=15), started_at=self._clock.now())
        outcome = await executor.attempt(action, params, call)
        held = outcome.ok and outcome.fact is not False
        answered = outcome.ok or outcome.fact is not None
        detail = outcome.detail or ("holds" if held else "does not hold")
        return CheckLook(name, held=held, detail=detail, answered=answered)


def _pause(verify: Verify, passed: timedelta, longest: timedelta, held_after: timedelta | None) -> timedelta:
    """Until the next look: `every`, but no later than the moment that decides."""
    decides_after = held_after + verify.stable_for if held_after is not None else longest
    rest = max(decides_after - passed, timedelta(milliseconds=10))
    return min(verify.every, rest)
