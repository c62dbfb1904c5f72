"""What guards said, kept for as long as they would say it again: to the same policy, whatever the target."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from remediator.authoring.backtest.dormancy import flips, keys_of_guard
from remediator.authoring.backtest.keys import Key
from remediator.authoring.backtest.ledger import Ledger
from remediator.engine.capabilities import PreparedPolicy
from remediator.guards.concurrency import ConcurrencyParams
from remediator.guards.cooldown import CooldownParams
from remediator.guards.evaluate import GuardUse
from remediator.guards.rate_limit import RateLimitParams
from remediator.runs.verdicts import Verdict, VerdictKind

_ALIKE_FOR_ALL_TARGETS = frozenset(
    {"hold", "silenced", "storm", "global_limits", "approval", "failure_breaker", "time_window"}
)
"""Guards that see no more of an alert than whether it is silenced; `hold`, while there is none."""


class _Kept(NamedTuple):
    state: tuple[object, ...]
    until: datetime | None
    verdicts: Mapping[str, Verdict]


class Verdicts:
    """The verdicts of one world's guards that are the same for every target, by policy.

    Which of them those are, and what changes them, is said by what they look at: their own policy's
    past, the caps, the holds, the clock.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._kept: dict[str, _Kept] = {}
        self._alike: dict[str, tuple[frozenset[str], tuple[Key, ...]]] = {}

    def known(
        self, prepared: PreparedPolicy, now: datetime, *, suppressed: bool | None, shadow: bool
    ) -> Mapping[str, Verdict] | None:
        """Return what a policy's guards would say once more."""
        kept = self._kept.get(prepared.policy.name)
        if kept is None or (kept.until is not None and now >= kept.until):
            return None
        return (
            kept.verdicts
            if kept.state == self._state(prepared, now, suppressed=suppressed, shadow=shadow)
            else None
        )

    def keep(
        self,
        prepared: PreparedPolicy,
        verdicts: tuple[Verdict, ...],
        now: datetime,
        *,
        suppressed: bool | None,
        shadow: bool,
    ) -> None:
        """Keep what a policy's guards just said."""
        alike, _ = self._alike_of(prepared)
        kept: dict[str, Verdict] = {}
        turns: list[datetime] = []
        for use, verdict in zip(prepared.uses, verdicts, strict=False):
            if use.key in alike and self._lasts(use, verdict):
                kept[use.key] = verdict
                turns += flips(use, verdict, now)
        state = self._state(prepared, now, suppressed=suppressed, shadow=shadow)
        self._kept[prepared.policy.name] = _Kept(state, min(turns, default=None), kept)

    def _alike_of(self, prepared: PreparedPolicy) -> tuple[frozenset[str], tuple[Key, ...]]:
        """Return which of a policy's uses say the same of every target, and what they look at."""
        known = self._alike.get(prepared.policy.name)
        if known is None:
            alike = [use for use in prepared.uses if _is_alike(use)]
            keys = dict.fromkeys(key for use in alike for key in keys_of_guard(use, prepared, ""))
            known = (frozenset(use.key for use in alike), tuple(keys))
            self._alike[prepared.policy.name] = known
        return known

    def _lasts(self, use: GuardUse, verdict: Verdict) -> bool:
        if use.guard.name == "hold":
            return not self._ledger.holds
        # While the caps bind, each start and each end moves what it says.
        return use.guard.name != "global_limits" or verdict.kind is VerdictKind.ALLOW

    def _state(
        self, prepared: PreparedPolicy, now: datetime, *, suppressed: bool | None, shadow: bool
    ) -> tuple[object, ...]:
        state = self._ledger.state
        _, keys = self._alike_of(prepared)
        return (suppressed, *[state(key, now, shadow=shadow) for key in keys])


def _is_alike(use: GuardUse) -> bool:
    if isinstance(use.params, CooldownParams | RateLimitParams | ConcurrencyParams):
        return use.params.scope == "policy"
    return use.guard.name in _ALIKE_FOR_ALL_TARGETS
