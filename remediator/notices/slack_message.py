"""A request for approval as Slack shows it, with two buttons that name the run and the hash of its plan."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from remediator.notices.wording import Wording
from remediator.runs.news import Language

_VALUE = re.compile(r"([0-9]{1,18}):([0-9a-f]{1,128})")
_LONGEST_SECTION = 3000
_WORDS = {Language.EN: ("Approve", "Deny"), Language.ES: ("Aprobar", "Denegar")}


class Verdict(StrEnum):
    """What a button says."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class AskedPlan:
    """The plan that a button decides on."""

    run_id: int
    plan_hash: str


def plan_of_value(value: str) -> AskedPlan | None:
    """Return the plan that a button's value names, or None."""
    found = _VALUE.fullmatch(value)
    return AskedPlan(int(found[1]), found[2]) if found else None


def asking_message(wording: Wording, plan: AskedPlan, language: Language) -> dict[str, Any]:
    """Return the message, in Slack's blocks. What of its text came from outside was made inert before."""
    approve, deny = _WORDS[language]
    value = f"{plan.run_id}:{plan.plan_hash}"
    return {
        "text": wording.title,
        "blocks": [
            {"type": "header", "text": _plain(wording.title)},
            {"type": "section", "text": {"type": "mrkdwn", "text": wording.body[:_LONGEST_SECTION]}},
            {
                "type": "actions",
                "elements": [
                    _button(Verdict.APPROVE, approve, value, "primary"),
                    _button(Verdict.DENY, deny, value, "danger"),
                ],
            },
        ],
    }


def _button(verdict: Verdict, word: str, value: str, style: str) -> dict[str, Any]:
    return {"type": "button", "action_id": verdict, "text": _plain(word), "value": value, "style": style}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text[:150], "emoji": False}
