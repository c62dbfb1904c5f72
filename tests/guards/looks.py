"""Looks to evaluate guards with: a calm world, in which a test changes what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from remediator.guards.base import Look, LookPhase
from remediator.guards.catalog import configurable_guards
from remediator.guards.evaluate import GuardUse, evaluate_guards
from remediator.policy.expressions import Scope
from remediator.runs.history import Finish, History, Start
from remediator.runs.states import RunState
from remediator.runs.verdicts import Verdict

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)  # a Monday


def ago(**duration: float) -> datetime:
    return NOW - timedelta(**duration)


def look(history: History | None = None, **changed: Any) -> Look:
    """A look at policy `fix` on target `pms` that is free to act, unless changed."""
    given: dict[str, Any] = {
        "phase": LookPhase.ENTRY,
        "now": NOW,
        "policy": "fix",
        "priority": 50,
        "target": "pms",
        "resources": (),
        "admission_id": 1,
        "run_id": None,
        "scope": Scope(),
        "history": history or History(),
        "approvers": None,
        "answers": {},
        **changed,
    }
    return Look(**given)


def use(name: str, **params: Any) -> GuardUse:
    """A use of a guard as a policy writes it; `for_` and `from_` stand for Python's words."""
    guard = configurable_guards()[name]
    written = {key.rstrip("_"): value for key, value in params.items()}
    return GuardUse(guard, guard.params.model_validate(written), f"0:{name}")


def judge(use: GuardUse, seen: Look) -> Verdict:
    """Evaluate one guard."""
    (verdict,) = evaluate_guards((use,), seen)
    return verdict


def start(at: datetime, *, policy: str = "fix", target: str = "pms", run_id: int = 7) -> Start:
    return Start(at=at, policy=policy, target=target, run_id=run_id)


def finish(at: datetime, state: RunState = RunState.FAILED, **changed: Any) -> Finish:
    given: Mapping[str, Any] = {"policy": "fix", "target": "pms", "run_id": 7, **changed}
    return Finish(at=at, state=state, **given)
