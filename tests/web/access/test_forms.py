"""Changes that another site's page asks for, with the browser's cookie, and reading that changes nothing."""

from __future__ import annotations

import base64
from http import HTTPStatus
from urllib.parse import urlencode

import pytest

from remediator.web.routes import ROUTES, Route
from tests.web.access.visitor import SESSION, Visitor
from tests.web.site import Site, payload, token_of

HOLD = {"scope": "all", "reason": "x"}
PAGES = [route for route in ROUTES if route.page and route.method == "POST" and route.role is not None]
EVENTS = "/api/v1/events"


def filled(path: str) -> str:
    return path.replace("{id:[0-9]{1,18}}", "1").replace("{name}", "fix").replace("{source}", "default")


async def logged_in(served: Site, who: str = "root") -> Visitor:
    visitor = Visitor(served)
    assert (await visitor.log_in(who)).status == HTTPStatus.SEE_OTHER
    return visitor


async def holds(served: Site) -> list[object]:
    found: list[object] = (await served.get("/api/v1/holds"))["items"]
    return found


async def test_a_form_of_a_page_is_taken(served: Site) -> None:
    visitor = await logged_in(served)
    reply = await visitor.post("/holds", {**HOLD, "form_token": await visitor.form_token()})
    assert reply.status == HTTPStatus.SEE_OTHER
    assert len(await holds(served)) == 1


@pytest.mark.parametrize("route", PAGES, ids=lambda route: route.path)
async def test_no_form_is_taken_without_its_token(served: Site, route: Route) -> None:
    visitor = await logged_in(served)
    before = await served.audit()
    for fields in ({}, {"form_token": ""}, {"form_token": "x"}):
        reply = await visitor.post(filled(route.path), {**HOLD, **fields})
        assert reply.status == HTTPStatus.FORBIDDEN, fields
        assert "reload the page" in reply.body.decode()
    assert await served.audit() == before


async def test_the_token_of_another_login_is_not_taken(served: Site) -> None:
    visitor, other, again = [await logged_in(served, who) for who in ("root", "olga", "root")]
    for token in (await other.form_token(), await again.form_token(), visitor.cookies[SESSION]):
        reply = await visitor.post("/holds", {**HOLD, "form_token": token})
        assert reply.status == HTTPStatus.FORBIDDEN
    assert await holds(served) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "null"},
    ],
    ids=str,
)
async def test_another_sites_form_is_not_taken_even_with_the_token(
    served: Site, headers: dict[str, str]
) -> None:
    visitor = await logged_in(served)
    form_token = await visitor.form_token()
    for path, fields in (("/holds", HOLD), ("/logout", {})):
        reply = await visitor.post(path, {**fields, "form_token": form_token}, **headers)
        assert reply.status == HTTPStatus.FORBIDDEN
    assert await holds(served) == []
    assert (await visitor.get("/")).status == HTTPStatus.OK


async def test_a_page_of_this_server_says_so(served: Site) -> None:
    visitor = await logged_in(served)
    fields = {**HOLD, "form_token": await visitor.form_token()}
    for headers in ({"Origin": served.server.url}, {"Sec_Fetch_Site": "same-origin", "Origin": "null"}):
        assert (await visitor.post("/holds", fields, **headers)).status == HTTPStatus.SEE_OTHER


async def test_scripts_send_the_token_in_a_header(served: Site) -> None:
    visitor = await logged_in(served)
    cookie = {"Cookie": f"{SESSION}={visitor.cookies[SESSION]}"}
    token = await visitor.form_token()
    bare = await served.ask("POST", "/api/v1/holds", who=None, body=HOLD, headers=cookie)
    assert bare.status == HTTPStatus.FORBIDDEN
    wrong = {**cookie, "X-Form-Token": "x"}
    assert (await served.ask("POST", "/api/v1/holds", who=None, body=HOLD, headers=wrong)).status == (
        HTTPStatus.FORBIDDEN
    )
    assert await holds(served) == []
    right = {**cookie, "X-Form-Token": token}
    made = await served.ask("POST", "/api/v1/holds", who=None, body=HOLD, headers=right)
    assert made.status == HTTPStatus.CREATED


async def test_deleting_by_cookie_takes_the_token_too(served: Site) -> None:
    visitor = await logged_in(served)
    await served.post("/api/v1/holds", HOLD)
    cookie = {"Cookie": f"{SESSION}={visitor.cookies[SESSION]}"}
    reply = await served.ask("DELETE", "/api/v1/holds/1", who=None, headers=cookie)
    assert reply.status == HTTPStatus.FORBIDDEN


async def test_forms_by_a_remembered_password_take_the_token_too(served: Site) -> None:
    password = base64.b64encode(f"x:{token_of('root')}".encode()).decode()
    visitor = Visitor(served, headers={"Authorization": f"Basic {password}"})
    assert (await visitor.post("/holds", HOLD)).status == HTTPStatus.FORBIDDEN
    token = await visitor.form_token()
    assert (await visitor.post("/holds", {**HOLD, "form_token": token})).status == HTTPStatus.SEE_OTHER


async def test_the_login_form_is_bound_to_its_browser(served: Site) -> None:
    """Nobody can be logged in as somebody else by another site's page."""
    attacker, victim = Visitor(served), Visitor(served)
    token = await attacker.form_token("/login")
    fields = {"token": token_of("vera"), "next": "/"}
    await victim.get("/login")
    for given in ({}, {"form_token": ""}, {"form_token": token}):
        assert (await victim.post("/login", {**fields, **given})).status == HTTPStatus.FORBIDDEN
    assert SESSION not in victim.cookies
    assert (await Visitor(served).post("/login", {**fields, "form_token": token})).status == (
        HTTPStatus.FORBIDDEN
    )


async def test_a_logout_without_the_token_ends_nothing(served: Site) -> None:
    visitor = await logged_in(served)
    assert (await visitor.post("/logout", {})).status == HTTPStatus.FORBIDDEN
    assert (await visitor.get("/")).status == HTTPStatus.OK


async def test_logging_out_twice_is_no_fault(served: Site) -> None:
    assert (await Visitor(served).post("/logout", {})).status == HTTPStatus.SEE_OTHER


async def test_reading_with_a_session_changes_nothing(served: Site) -> None:
    await served.deliver(payload())
    visitor = await logged_in(served)
    before = await served.audit()
    for route in ROUTES:
        if route.method == "GET" and route.path != EVENTS:
            reply = await visitor.get(filled(route.path) + "?form_token=x&reason=x&scope=all")
            assert reply.status < HTTPStatus.INTERNAL_SERVER_ERROR, route
    assert await served.audit() == before
    assert SESSION in visitor.cookies


async def test_changes_are_no_links(served: Site) -> None:
    visitor = await logged_in(served)
    token = await visitor.form_token()
    getters = {route.path for route in ROUTES if route.method == "GET"}
    for route in ROUTES:
        if route.method != "GET" and route.path not in getters:
            query = urlencode({**HOLD, "form_token": token})
            reply = await visitor.get(f"{filled(route.path)}?{query}")
            # /holds/1/remove and the like are nothing that could be opened.
            assert reply.status in (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_FOUND), route


async def test_pages_can_not_be_framed_and_run_only_our_scripts(served: Site) -> None:
    visitor = await logged_in(served)
    for page in (await Visitor(served).get("/login"), await visitor.get("/")):
        policy = page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'self'" in policy
        assert "unsafe-inline" not in policy
        assert page.headers["Cache-Control"] == "no-store"
