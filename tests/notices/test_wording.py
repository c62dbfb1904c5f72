"""Every kind of news reads well for every audience in every language, and says what its runbook says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from remediator.notices.wording import AUDIENCES, KINDS, LANGUAGES, WordingError, Wordings
from remediator.runs.news import Audience, Language, NewsKind, Notice

WORDS = {
    "issue": "Technical issue affecting the reservation system",
    "impact": "New reservations temporarily unavailable",
    "workaround": "Manual reservation process activated",
    "eta": "Working to resolve within 1 hour",
    "degraded": None,
    "prevention": None,
}
RUN = {
    "id": 3,
    "state": "running",
    "reason": None,
    "detail": "",
    "option": "restart-pms",
    "actor": "remediator",
}
CONTENT: dict[str, Any] = {
    "policy": "pms",
    "description": "",
    "owner": "integrations",
    "runbook_url": "https://runbooks.example/pms",
    "target": "pms/qloapps",
    "alertname": "PMSCircuitBreakerOpen",
    "severity": "critical",
    "summary": "<!channel> see https://evil.example",
    "episode_id": 4,
    "opened_at": "2026-01-05T12:00:00Z",
    "seconds_open": 5460.0,
    "run": RUN,
    "url": "https://remediator.example/runs/3",
    "steps": [{"action": "docker.restart", "params": {"container": "qloapps"}}],
    "plan_hash": "ab12",
    "facts": {"pms_up": False, "errors": 12, "cause": None},
    "approval": {"from": ["oncall"], "count": 1, "expires_at": "2026-01-05T12:30:00Z"},
    "changes": [],
    "words": WORDS,
    "links": [{"title": "Traces", "url": "https://jaeger.example/search?service=pms"}],
    "escalation": {"to": "pms-lead", "cause": "after", "again": False},
    "decision": None,
    "every_seconds": 900.0,
}
PUT = Wordings()


def notice(kind: NewsKind, audience: Audience, language: Language, **changed: Any) -> Notice:
    return Notice(
        channel="c",
        kind=kind,
        audience=audience,
        language=language,
        content={**CONTENT, **changed},
        created_at=datetime(2026, 1, 5, tzinfo=UTC),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("bare", [False, True])
def test_every_kind_has_its_words(
    kind: NewsKind, audience: Audience, language: Language, *, bare: bool
) -> None:
    nothing: dict[str, Any] = {
        "words": dict.fromkeys(WORDS),
        "links": [],
        "facts": {},
        "url": None,
        "every_seconds": None,
        "severity": "",
        "summary": "",
        "owner": None,
        "runbook_url": None,
    }
    put = PUT.put(notice(kind, audience, language, **(nothing if bare else {})))
    assert put.title
    assert "\n" not in put.title
    assert "None" not in put.title + put.body
    assert "\n\n" not in put.body
    for text in ("<!channel>", "https://evil.example"):
        assert text not in put.body


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_stakeholders_read_no_technical_name(kind: NewsKind, language: Language) -> None:
    put = PUT.put(notice(kind, Audience.STAKEHOLDERS, language))
    for name in ("pms", "qloapps", "PMSCircuit", "docker", "restart", "remediator", "run", "12"):
        assert name not in put.title + put.body


def test_stakeholders_read_what_the_runbook_tells_them() -> None:
    put = PUT.put(notice(NewsKind.STARTED, Audience.STAKEHOLDERS, Language.EN))
    assert put.body.splitlines() == [
        "Issue: Technical issue affecting the reservation system",
        "Impact: New reservations temporarily unavailable",
        "Workaround: Manual reservation process activated",
        "ETA: Working to resolve within 1 hour",
        "Updates: every 15 min",
    ]


def test_spanish_reads_as_spanish() -> None:
    put = PUT.put(notice(NewsKind.AWAITING_APPROVAL, Audience.INTERNAL, Language.ES))
    assert put.title == "PMSCircuitBreakerOpen: se pide su aprobación para pms/qloapps"
    assert "- pms_up: no\n- errors: 12\n- cause: desconocido" in put.body
    resolved = PUT.put(notice(NewsKind.RESOLVED, Audience.INTERNAL, Language.ES))
    assert resolved.body.splitlines()[:2] == [
        "Duración: 1 h 31 min",
        "Causa raíz: restart-pms (la vía que se tomó)",
    ]


def test_only_links_of_the_policy_are_links() -> None:
    put = PUT.put(notice(NewsKind.STARTED, Audience.INTERNAL, Language.EN))
    assert "Traces: https://jaeger.example/search?service=pms" in put.body
    assert "Runbook: https://runbooks.example/pms" in put.body
    assert "Run 3: https://remediator.example/runs/3" in put.body


def test_a_message_is_put_as_it_was_written_and_inert() -> None:
    content = {"title": "Rate limit", "text": "raised to 300\nby @channel"}
    message = Notice(
        channel="c",
        kind=NewsKind.MESSAGE,
        content=content,
        created_at=datetime(2026, 1, 5, tzinfo=UTC),
    )
    put = PUT.put(message)
    assert (put.title, put.body) == ("Rate limit", "raised to 300\nby @\u200bchannel")


def test_content_that_lacks_something_is_a_defect_with_its_name() -> None:
    bare = notice(NewsKind.STARTED, Audience.INTERNAL, Language.EN)
    del bare.content["target"]
    with pytest.raises(WordingError, match=r"notice 0 \(started\) can't be put into words: 'target' is"):
        PUT.put(bare)
