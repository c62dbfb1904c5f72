"""The timeline: what each audit row says, for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from remediator.runs.audit import AuditAction, AuditRow

Detail = Mapping[str, Any]


def told_of(row: AuditRow) -> str:
    """Return what a row says, in one line that is not yet made inert."""
    detail = json.loads(row.detail)
    teller = _TELLERS.get(row.action)
    if teller is not None:
        return teller(detail)
    return row.action.replace(".", ": ").replace("_", " ")


def _decision(detail: Detail) -> str:
    reason = f" ({detail['reason']})" if detail.get("reason") else ""
    option = f", option {detail['option']}" if detail.get("option") else ""
    text = f": {detail['text']}" if detail.get("text") else ""
    return f"decided ({detail['phase']}): {detail['outcome']}{reason}{option}{text}"


def _state(detail: Detail) -> str:
    reason = f" ({detail['reason']})" if detail.get("reason") else ""
    option = f", option {detail['option']}" if detail.get("option") else ""
    text = f": {detail['text']}" if detail.get("text") else ""
    what = "revert" if detail.get("kind") == "revert" else "run"
    return f"{what}: {detail['from']} → {detail['to']}{reason}{option}{text}"


def _result(detail: Detail) -> str:
    text = f": {detail['text']}" if detail.get("text") else ""
    took = f" in {detail['duration_seconds']:g} s" if "duration_seconds" in detail else ""
    return f"step {detail['position']} {detail['action']}: {detail['status']}{took}{text}"


def _verification(detail: Detail) -> str:
    held = "held" if detail["ok"] else "did not hold"
    checks = "; ".join(f"{one['check']}: {one['text']}" for one in detail.get("checks", ()))
    return f"verification {held}{': ' + checks if checks else ''}"


def _lease(verb: str) -> Callable[[Detail], str]:
    return lambda detail: (
        f"temporary change {verb}: {detail['resource']} {detail['attribute']}"
        + (f" ({detail['why']})" if detail.get("why") else f", until {detail['expires_at']}")
    )


def _escalation(verb: str) -> Callable[[Detail], str]:
    return lambda detail: f"{verb} {detail['to']} ({detail['cause']})"


def _notice(verb: str) -> Callable[[Detail], str]:
    return lambda detail: (
        f"notice {verb}: {detail['kind']} to {detail['channel']}"
        + (f": {detail['error']}" if detail.get("error") else "")
    )


def _commented(text: str) -> Callable[[Detail], str]:
    return lambda detail: text + (f": {detail['comment']}" if detail.get("comment") else "")


_TELLERS: Mapping[str, Callable[[Detail], str]] = {
    AuditAction.EPISODE_OPENED: lambda _: "the alert fires",
    AuditAction.EPISODE_CLOSED: lambda detail: f"the alert is over ({detail['reason']})",
    AuditAction.EPISODE_ACKNOWLEDGED: _commented("acknowledged"),
    AuditAction.DECISION: _decision,
    AuditAction.RUN_CREATED: lambda detail: (
        f"revert created, of run {detail['reverts']}"
        if "reverts" in detail
        else f"run created, option {detail.get('option') or 'none'}"
    ),
    AuditAction.RUN_JOINED: lambda detail: f"episode {detail['joined_episode']} joined the run",
    AuditAction.RUN_STATE: _state,
    AuditAction.RUN_STOP: _commented("stop asked for"),
    AuditAction.RUN_RESUMED: _commented("resumed"),
    AuditAction.RUN_RELAPSED: lambda detail: (
        f"the alert came back {detail['seconds_after_success']:g} s after it had worked"
    ),
    AuditAction.STEP_INTENT: lambda detail: f"step {detail['position']} {detail['action']}: begun",
    AuditAction.STEP_RESULT: _result,
    AuditAction.STEP_AMBIGUOUS: _result,
    AuditAction.VERIFICATION: _verification,
    AuditAction.APPROVAL_REQUESTED: lambda detail: (
        f"approval asked of {', '.join(detail['asked'])} for {detail['option']}, until {detail['expires_at']}"
    ),
    AuditAction.APPROVAL_VOTED: lambda detail: (
        f"voted: {detail['verdict']}" + (f": {detail['comment']}" if detail.get("comment") else "")
    ),
    AuditAction.APPROVAL_GRANTED: lambda _: "approved",
    AuditAction.APPROVAL_DENIED: lambda _: "denied",
    AuditAction.APPROVAL_EXPIRED: lambda _: "the request for approval expired",
    AuditAction.APPROVAL_CANCELLED: lambda detail: f"the request was withdrawn ({detail['reason']})",
    AuditAction.LEASE_OPENED: _lease("opened"),
    AuditAction.LEASE_RENEWED: _lease("renewed"),
    AuditAction.LEASE_CLOSED: _lease("closed"),
    AuditAction.LEASE_ENDING: lambda detail: f"temporary change: {detail['why']}",
    AuditAction.ESCALATION_TOLD: _escalation("escalated to"),
    AuditAction.ESCALATION_WOULD_TELL: _escalation("would have escalated to"),
    AuditAction.ESCALATION_ENDED: lambda detail: (
        f"escalation ended ({detail['reason']}), not told: {', '.join(detail['not_told'])}"
    ),
    AuditAction.NOTICE_DELAYED: _notice("delayed"),
    AuditAction.NOTICE_FAILED: _notice("given up"),
}
