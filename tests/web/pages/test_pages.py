"""Pages as a browser gets them: headers, forms, faults, and what each shows of the records."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import pytest

from remediator.reports.writer import Drawing, MadeReport
from remediator.runs.states import RunState
from remediator.web.pages.showing import web_link
from remediator.web.pages.static import STATIC_FILES, static_url
from tests.web.site import Reply, Site, payload, site

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def send(served: Site, path: str, who: str = "olga", **fields: str) -> Reply:
    return await served.ask("POST", path, who=who, body=urlencode(fields).encode(), headers=FORM)


async def test_every_page_lets_nothing_in(served: Site) -> None:
    await served.deliver(payload())
    for path in ("/", "/runs", "/runs/1", "/runs/1/report", "/runs/77"):
        reply = await served.ask("GET", path)
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert reply.headers["Cache-Control"] == "no-store"
        assert b" style=" not in reply.body
        assert b"<script>" not in reply.body


@pytest.mark.parametrize("path", ["/nothing", "/runs/x", "/api/v1/nothing"])
async def test_an_address_that_leads_nowhere_is_a_page_for_browsers_only(served: Site, path: str) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    shown = await served.ask("GET", path, who=None, headers=browser)
    assert (shown.status, shown.headers["Content-Type"]) == (
        HTTPStatus.NOT_FOUND,
        "text/html; charset=utf-8",
    )
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    told = await served.ask("GET", path, headers={"Accept": "*/*"})
    assert (told.status, told.json["title"]) == (HTTPStatus.NOT_FOUND, "Not Found")


@pytest.mark.parametrize("name", STATIC_FILES)
async def test_styles_and_scripts_are_kept_until_they_change(served: Site, name: str) -> None:
    known = await served.ask("GET", static_url(name), who=None)
    assert "immutable" in known.headers["Cache-Control"]
    old = await served.ask("GET", f"/static/{name}?v=old", who=None)
    assert (old.headers["Cache-Control"], old.body) == ("no-cache", known.body)


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/none.css", "/static/"]
)
async def test_nothing_else_is_static(served: Site, path: str) -> None:
    assert (await served.ask("GET", path, who=None)).status == HTTPStatus.NOT_FOUND


async def test_a_form_does_what_the_api_does(served: Site) -> None:
    reply = await send(served, "/holds", scope="all", reason="release\r\nof today", **{"for": "1h"})
    assert (reply.status, reply.headers["Location"]) == (HTTPStatus.SEE_OTHER, "/")
    [hold] = (await served.get("/api/v1/holds"))["items"]
    assert (hold["reason"], hold["created_by"]) == ("release\nof today", "olga")
    assert hold["expires_at"] is not None
    assert (await send(served, f"/holds/{hold['id']}/remove")).status == HTTPStatus.SEE_OTHER
    assert (await served.get("/api/v1/holds"))["items"] == []


async def test_an_empty_field_is_not_given(served: Site) -> None:
    await send(served, "/holds", scope="all", reason="x", **{"for": ""})
    [hold] = (await served.get("/api/v1/holds"))["items"]
    assert hold["expires_at"] is None


@pytest.mark.parametrize(
    ("path", "fields", "status", "says"),
    [
        ("/holds", {"scope": "all"}, HTTPStatus.UNPROCESSABLE_ENTITY, "reason"),
        ("/holds", {"scope": "all", "reason": "x", "what": "y"}, HTTPStatus.UNPROCESSABLE_ENTITY, "what"),
        ("/runs/77/cancel", {}, HTTPStatus.NOT_FOUND, "there is no run 77"),
        ("/runs/1/revert", {}, HTTPStatus.CONFLICT, "nothing to undo"),
        ("/episodes/77/acknowledge", {}, HTTPStatus.NOT_FOUND, "there is no episode 77"),
    ],
)
async def test_what_is_refused_is_told_on_a_page(
    served: Site, path: str, fields: dict[str, str], status: HTTPStatus, says: str
) -> None:
    await served.deliver(payload())
    reply = await send(served, path, **fields)
    assert reply.status == status
    assert reply.headers["Content-Type"].startswith("text/html")
    assert says in reply.body.decode()
    if path.startswith("/runs/"):
        assert f'href="{path.rpartition("/")[0]}">Back' in reply.body.decode()


async def test_a_page_takes_forms_only(served: Site) -> None:
    reply = await served.ask("POST", "/holds", body={"scope": "all", "reason": "x"})
    assert reply.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


async def test_who_may_not_do_it_is_not_offered_it(served: Site) -> None:
    await served.deliver(payload())
    for_operators = (await served.ask("GET", "/", who="olga")).body
    for_viewers = (await served.ask("GET", "/", who="vera")).body
    assert b"Hold everything" in for_operators
    assert b"<form" not in for_viewers


async def test_the_list_of_runs_can_be_narrowed(served: Site) -> None:
    await served.deliver(payload())
    [run] = await served.world.runs()
    assert run.state is RunState.SUCCEEDED
    assert b"/runs/1" in (await served.ask("GET", "/runs?policy=fix&state=succeeded&target=")).body
    assert b"No run is like that" in (await served.ask("GET", "/runs?state=failed")).body
    assert (await served.ask("GET", "/runs?state=nonsense")).status == HTTPStatus.BAD_REQUEST


async def test_a_plot_that_is_none_says_why(served: Site) -> None:
    await served.deliver(payload())
    reply = await served.ask("GET", "/runs/1/plot?at=12")
    assert reply.headers["Content-Type"] == "image/svg+xml"
    assert b"no Prometheus was asked" in reply.body
    assert (await served.ask("GET", "/runs/77/plot")).status == HTTPStatus.NOT_FOUND


class Wordy:
    """Draws nothing, for a reason that somebody else wrote."""

    async def make(self, run_id: int) -> MadeReport:
        raise NotImplementedError

    async def draw(self, run_id: int) -> Drawing:
        return Drawing(None, "<script>alert(1)</script> \u202e")


async def test_an_image_of_words_is_only_words(tmp_path: Path) -> None:
    async with site(tmp_path, stand_ins={"reports": Wordy()}) as served:
        reply = await served.ask("GET", "/runs/1/plot")
        assert b"<script" not in reply.body
        assert "\u202e" not in reply.body.decode()
        assert "sandbox" in reply.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("address", "leads"),
    [
        ("https://prometheus.example/graph?g0=x", True),
        ("http://10.0.0.1:9090/", True),
        ("javascript:alert(1)", False),
        ("JAVASCRIPT:alert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example/", False),
        ("https:///", False),
        ("https://[", False),
        ("https://a.example/\n", False),
        ("java\tscript:alert(1)", False),
        ("https://a.example/\u202e", False),
        ("", False),
    ],
)
def test_only_web_addresses_are_links(address: str, leads: bool) -> None:
    assert (web_link(address) == address) is leads
