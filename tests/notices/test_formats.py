"""A request for approval as it arrives: in every format that apprise sends, with hostile values in it."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from aiohttp import web

from remediator.clients.apprise_sender import AppriseSender
from remediator.notices.wording import Wordings
from remediator.runs.news import Audience, Language, NewsKind
from tests.clients.test_apprise_sender import receiver
from tests.notices.test_inert import ACTIVE, HOSTILE
from tests.notices.test_wording import notice

# One of apprise's plugins imports it, to be ready for a Python that no longer has it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
LINK = "https://remediator.example/runs/3"
OWN_LINKS = (LINK, "https://runbooks.example/pms", "https://jaeger.example/search?service=pms")
LONGEST_OF_ROCKET_CHAT = 1000
ROCKET_CHAT = "rocket://" + "a" * 17 + "%2F" + "b" * 43 + "@{host}/%23room"
# Rocket.Chat takes nothing but Markdown, as Teams and Google Chat do.
FORMATS = {"text": "json://{host}/", "html": "json://{host}/?format=html", "markdown": ROCKET_CHAT}


class Elements(HTMLParser):
    """Gathers what a reader's program would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)


async def arrived(monkeypatch: pytest.MonkeyPatch, url: str, language: Language, *values: str) -> list[str]:
    """Send a request for approval whose outside values are `values`; return the bodies that came."""
    came: list[str] = []

    async def take(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        came.append(body.get("message") or body["text"])
        return web.Response(text='{"success": true}', content_type="application/json")

    hostile = {
        **dict(zip(("alertname", "severity", "summary", "target"), values * 4, strict=False)),
        "facts": {f"fact{place}": value for place, value in enumerate(values)},
        "steps": [{"action": "docker.restart", "params": {"container": value}} for value in values],
    }
    put = Wordings().put(notice(NewsKind.AWAITING_APPROVAL, Audience.INTERNAL, language, **hostile))
    async with receiver(take) as host:
        monkeypatch.setenv("NEWS_URL", url.format(host=host))
        await AppriseSender().send("env:NEWS_URL", put.title, put.body)
    return came


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("form", FORMATS)
async def test_hostile_values_do_nothing_in_any_format(
    monkeypatch: pytest.MonkeyPatch, language: Language, form: str
) -> None:
    (body,) = await arrived(monkeypatch, FORMATS[form], language, *HOSTILE)
    body = body.removeprefix("# ")
    if form == "html":
        elements = Elements()
        elements.feed(body)
        assert elements.tags <= {"br", "p", "b"}
        body = unescape(re.sub(r"<br\s*/?>", "\n", body))
    assert not [value for value in HOSTILE if value in body]
    assert LINK in body
    # What remediator writes itself: line ends, dashes and the one action's name.
    own = body
    for link in OWN_LINKS:
        own = own.replace(link, "")
    for line in own.replace("docker.restart", "").splitlines():
        assert not ACTIVE.search(line), line


@pytest.mark.parametrize("language", Language)
async def test_facts_plan_deadline_and_link_arrive(
    monkeypatch: pytest.MonkeyPatch, language: Language
) -> None:
    (body,) = await arrived(monkeypatch, "json://{host}/", language, "qloapps")
    for said in ("oncall", "2026-01-05 12:30 UTC", LINK, "- fact0: qloapps", "docker.restart", "ab12"):
        assert said in body
    first_lines = "\n".join(body.splitlines()[:3])
    assert "12:30" in first_lines, "the deadline is read first, and on a phone without opening it"
    assert LINK in first_lines


async def test_what_is_too_long_for_a_service_is_cut_after_deadline_and_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (body,) = await arrived(monkeypatch, ROCKET_CHAT, Language.EN, "much " * 200)
    assert 0 < len(body) <= LONGEST_OF_ROCKET_CHAT
    assert "12:30" in body
    assert LINK in body
