"""A request for approval in Slack's blocks: within Slack's limits, with nothing active from outside."""

from __future__ import annotations

from typing import Any

import pytest

from remediator.notices.slack_message import AskedPlan, asking_message, plan_of_value
from remediator.notices.wording import Wordings
from remediator.runs.news import Audience, Language, NewsKind
from tests.notices.test_inert import ACTIVE, HOSTILE
from tests.notices.test_wording import notice

PLAN = AskedPlan(3, "ab" * 32)
LONGEST_SECTION, LONGEST_HEADER = 3000, 150


@pytest.mark.parametrize(
    ("language", "words"), [(Language.EN, ["Approve", "Deny"]), (Language.ES, ["Aprobar", "Denegar"])]
)
def test_the_buttons_name_the_plan_and_speak_the_language(language: Language, words: list[str]) -> None:
    put = Wordings().put(notice(NewsKind.AWAITING_APPROVAL, Audience.INTERNAL, language))
    buttons = asking_message(put, PLAN, language)["blocks"][2]["elements"]
    assert [button["text"]["text"] for button in buttons] == words
    assert [plan_of_value(button["value"]) for button in buttons] == [PLAN, PLAN]


def test_hostile_values_do_nothing_and_fit() -> None:
    facts = {f"fact{place}": value * 50 for place, value in enumerate(HOSTILE)}
    hostile: dict[str, Any] = {
        "alertname": HOSTILE[0] * 99,
        "target": HOSTILE[4],
        "facts": facts,
        "links": [],
    }
    hostile |= {"url": None, "runbook_url": None, "steps": []}
    put = Wordings().put(notice(NewsKind.AWAITING_APPROVAL, Audience.INTERNAL, Language.EN, **hostile))
    message = asking_message(put, PLAN, Language.EN)
    header, section, _ = message["blocks"]
    assert len(header["text"]["text"]) <= LONGEST_HEADER
    assert len(section["text"]["text"]) <= LONGEST_SECTION
    for text in (message["text"], header["text"]["text"], *section["text"]["text"].splitlines()):
        assert not ACTIVE.search(text), text
