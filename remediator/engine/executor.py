"""One attempt of one step becomes an Outcome, whatever happens: a boundary, it never raises."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from remediator.actions.base import (
    Action,
    Call,
    FailureReason,
    Outcome,
    ProbeAnswer,
    ambiguous,
    failed,
)

_LOG = logging.getLogger("remediator.executor")

# Actions keep to their own deadline; this much later they are cut, so that a stuck one stops nothing else.
_GRACE = timedelta(seconds=5)


async def attempt(action: Action[Any], params: BaseModel, call: Call) -> Outcome:
    """Make one attempt, cut at its deadline."""
    deadline = call.timeout + action.lasts(params) + _GRACE
    try:
        return await asyncio.wait_for(action.act(params, call), deadline.total_seconds())
    except TimeoutError:
        return _unknown(action, params, FailureReason.TIMED_OUT, f"no answer within {deadline}")
    except Exception as error:  # noqa: BLE001  the boundary to actions, third parties' among them
        _LOG.exception("%s raised", action.name)
        return _unknown(action, params, FailureReason.INTERNAL, f"{type(error).__name__}")


def _unknown(action: Action[Any], params: BaseModel, reason: FailureReason, detail: str) -> Outcome:
    if action.read_only_for(params):
        return failed(reason, detail)
    return ambiguous(reason, detail)


async def probe(action: Action[Any], params: BaseModel, call: Call, captured: Any) -> ProbeAnswer:
    """Look whether an attempt happened; a look that fails says that nobody knows."""
    try:
        return await asyncio.wait_for(
            action.probe(params, call, captured or {}), (call.timeout + _GRACE).total_seconds()
        )
    except Exception:  # noqa: BLE001  the same boundary
        _LOG.warning("%s could not be probed", action.name, exc_info=True)
        return ProbeAnswer.UNKNOWN


async def undo(action: Action[Any], params: BaseModel, call: Call, original: Any, applied: Any) -> Outcome:
    """Put captured state back, cut at its deadline."""
    deadline = call.timeout + action.lasts(params) + _GRACE
    try:
        return await asyncio.wait_for(action.undo(params, call, original, applied), deadline.total_seconds())
    except TimeoutError:
        return ambiguous(FailureReason.TIMED_OUT, f"no answer within {deadline}")
    except Exception as error:  # noqa: BLE001  the same boundary
        _LOG.exception("%s raised while undoing", action.name)
        return ambiguous(FailureReason.INTERNAL, f"{type(error).__name__}")
