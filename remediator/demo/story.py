"""Tells rows of the audit log as lines for a person. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from remediator.runs.audit import AuditAction

Row = Mapping[str, Any]


class Stage(StrEnum):
    """How far the story is."""

    BROKEN = "broken"
    RECEIVED = "received"
    DECIDED = "decided"
    ACTED = "acted"
    VERIFIED = "verified"
    RESOLVED = "resolved"
    REVERTED = "reverted"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: which stage it belongs to, how it looks, and whether the stage is reached with it.

    Without a stage it tells what goes on in the world meanwhile.
    """

    stage: Stage | None
    text: str
    style: str = ""
    reached: bool = False


def tell(row: Row, decision: Mapping[str, Any] | None = None) -> list[Line]:
    """Return the lines for one row; `decision` is the whole decision that the row names, if it names one."""
    if row["action"] == AuditAction.DECISION:
        return list(_decision(decision or {}))
    teller = _TELLERS.get(AuditAction(row["action"]))
    return [] if teller is None else list(teller(row, row["detail"]))


def _decision(decision: Mapping[str, Any]) -> Iterator[Line]:
    if decision.get("phase") == "admission" or not decision:
        return
    outcome, option = decision["outcome"], decision["option"]
    going = outcome in ("run", "awaiting_approval")
    why = f" ({decision['reason']})" if decision["reason"] else ""
    chosen = f": {option}" if option else ""
    style = "bold green" if going else "yellow"
    if going and decision["phase"] == "acting":
        yield Line(Stage.DECIDED, "looked at again right before acting: every guard still allows", "green")
        return
    yield Line(Stage.DECIDED, f"decision: {outcome}{chosen}{why}", style, reached=going)
    for verdict in decision["verdicts"] or ():
        if going or verdict["kind"] == "deny":
            allowed = verdict["kind"] in ("allow", "ask")
            mark, style = ("+", "green") if allowed else ("-", "yellow")
            yield Line(Stage.DECIDED, f"  {mark} {verdict['guard']}: {verdict['detail']}", style)
    facts = decision["facts"] or {"values": {}, "details": {}}
    for name, value in facts["values"].items():
        shown = f"none, {facts['details'][name]['error']}" if value is None else json.dumps(value)
        yield Line(Stage.DECIDED, f"  fact {name}: {shown}", "dim")


def _opened(row: Row, _detail: Any) -> Iterator[Line]:
    yield Line(
        Stage.RECEIVED, f"{row['alertname']} fires; stored before Alertmanager got its 200", reached=True
    )


def _closed(row: Row, detail: Any) -> Iterator[Line]:
    why = detail.get("reason", "closed")
    yield Line(Stage.RESOLVED, f"{row['alertname']}: {why}", "bold green", reached=True)


def _intent(_row: Row, detail: Any) -> Iterator[Line]:
    undo = detail["phase"] == "undo"
    stage = Stage.REVERTED if undo else Stage.ACTED
    params = json.dumps(detail.get("params", {}))
    again = f", attempt {detail['attempt']}" if detail["attempt"] > 1 else ""
    yield Line(stage, f"{detail['option']}, {'undo ' if undo else ''}step {detail['position']}{again}")
    yield Line(stage, f"  {detail['action']} {params}", "dim")


def _result(_row: Row, detail: Any) -> Iterator[Line]:
    undo = detail["phase"] == "undo"
    good = detail["status"] in ("succeeded", "already")
    text = f"  {detail['status']} after {detail['duration_seconds']} s"
    if detail.get("text"):
        text += f": {detail['text']}"
    yield Line(Stage.REVERTED if undo else Stage.ACTED, text, "green" if good else "red", reached=not undo)


def _verification(_row: Row, detail: Any) -> Iterator[Line]:
    words = "verified" if detail["ok"] else "did not work"
    style = "bold green" if detail["ok"] else "yellow"
    text = f"{detail['option']}: {words}, after {detail['seconds']} s of looking"
    yield Line(Stage.VERIFIED, text, style, reached=bool(detail["ok"]))
    for look in detail["checks"]:
        yield Line(Stage.VERIFIED, f"  {look['check']}: {look['text']}", "dim")


def _state(_row: Row, detail: Any) -> Iterator[Line]:
    match detail["to"]:
        case "reverted":
            yield Line(Stage.REVERTED, "reverted: everything is as it was", "bold green", reached=True)
        case "succeeded":
            yield Line(Stage.VERIFIED, f"run succeeded ({detail['reason']}) with {detail['option']}", "green")
        case "running" if detail["event"] == "next_option":
            yield Line(Stage.DECIDED, f"next option of the ladder: {detail['option']}", "bold")
        case "failed" | "ineffective" | "needs_human" | "cancelled" | "expired" | "denied" | "revert_failed":
            yield Line(Stage.ACTED, f"run {detail['to']} ({detail['reason']}): {detail['text']}", "bold red")
        case _:
            return


def _lease_opened(_row: Row, detail: Any) -> Iterator[Line]:
    yield Line(Stage.ACTED, f"  a lease, until {detail['expires_at']} at most", "cyan")


def _reverting(_row: Row, detail: Any) -> Iterator[Line]:
    if "trigger" in detail:
        yield Line(Stage.REVERTED, f"revert of run {detail['reverts']} begins: {detail['trigger']}", "bold")


_TELLERS: Mapping[AuditAction, Callable[[Row, Any], Iterator[Line]]] = {
    AuditAction.EPISODE_OPENED: _opened,
    AuditAction.EPISODE_CLOSED: _closed,
    AuditAction.STEP_INTENT: _intent,
    AuditAction.STEP_RESULT: _result,
    AuditAction.VERIFICATION: _verification,
    AuditAction.RUN_STATE: _state,
    AuditAction.RUN_CREATED: _reverting,
    AuditAction.LEASE_OPENED: _lease_opened,
}
