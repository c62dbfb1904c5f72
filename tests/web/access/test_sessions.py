"""Logging in at a browser, what a session's cookie is worth, and when it ends."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest

from remediator.runs.audit import AuditAction
from remediator.settings import Role, Token
from tests.web.access.visitor import SESSION, Visitor, set_cookies
from tests.web.site import TOKENS, Reply, Site, bearer, site, token_of

EVENTS = "/api/v1/events?after=0"


def tokens(**changed: str) -> tuple[Token, ...]:
    """The site's tokens; those in `changed` are other ones, or none where empty."""
    found = []
    for name, roles in TOKENS.items():
        text = changed.get(name, token_of(name))
        if text:
            found.append(Token(name=name, sha256=hashlib.sha256(text.encode()).hexdigest(), roles=roles))
    return tuple(found)


async def logged_in(served: Site, who: str = "root") -> Visitor:
    visitor = Visitor(served)
    reply = await visitor.log_in(who)
    assert reply.status == HTTPStatus.SEE_OTHER
    return visitor


def leads_to(reply: Reply) -> str:
    assert reply.status == HTTPStatus.SEE_OTHER
    return reply.headers["Location"]


async def test_a_page_leads_to_the_login_and_the_login_back(served: Site) -> None:
    visitor = Visitor(served)
    where = leads_to(await visitor.get("/runs?state=failed&policy=a%20b"))
    assert where.startswith("/login?next=/runs%3F")
    page = await visitor.get(where)
    assert page.status == HTTPStatus.OK
    assert 'value="/runs?state=failed&amp;policy=a%20b"' in page.body.decode()
    assert leads_to(await visitor.log_in(to="/runs?state=failed")) == "/runs?state=failed"
    assert (await visitor.get("/runs")).status == HTTPStatus.OK


async def test_the_login_needs_no_script_and_fits_a_phone(served: Site) -> None:
    page = (await Visitor(served).get("/login")).body.decode()
    assert 'name="viewport" content="width=device-width' in page
    assert 'method="post" action="/login"' in page
    assert 'type="password"' in page
    assert "onclick" not in page


async def test_what_a_script_asks_for_is_401_and_opens_no_dialog(served: Site) -> None:
    for path in ("/runs", EVENTS):
        reply = await Visitor(served).get(path, Sec_Fetch_Mode="cors")
        assert reply.status == HTTPStatus.UNAUTHORIZED
        assert "Basic" not in reply.headers["WWW-Authenticate"]


async def test_the_cookie_is_out_of_scripts_reach(served: Site) -> None:
    visitor = Visitor(served)
    cookie = set_cookies(await visitor.log_in())[SESSION]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert cookie["domain"] == ""
    assert not cookie["secure"]
    assert int(cookie["max-age"]) == timedelta(hours=12).total_seconds()
    assert token_of("root") not in cookie.value


async def test_behind_https_the_cookie_goes_nowhere_else(tmp_path: Path) -> None:
    async with site(tmp_path, server={"public_url": "https://ops.example"}) as served:
        cookies = set_cookies(await Visitor(served).log_in())
        assert cookies["__Host-remediator"]["secure"]


async def test_the_session_opens_what_the_token_opens_and_no_more(served: Site) -> None:
    visitor = await logged_in(served, "vera")
    assert (await visitor.get("/api/v1/runs")).status == HTTPStatus.OK
    token = await visitor.form_token()
    for path in ("/holds", "/runs/1/approve", "/runs/1/cancel"):
        reply = await visitor.post(path, {"form_token": token, "scope": "all", "reason": "x"})
        assert reply.status == HTTPStatus.FORBIDDEN, path
    delivery = await visitor.post("/webhook/alertmanager", {})
    assert delivery.status == HTTPStatus.FORBIDDEN


async def test_each_login_is_a_new_session(served: Site) -> None:
    visitor = await logged_in(served)
    first = visitor.cookies[SESSION]
    again = Visitor(served, cookies={SESSION: first})
    again.cookies.clear()
    await again.log_in()
    assert again.cookies[SESSION] != first


async def test_a_session_that_was_planted_is_not_taken_on(served: Site) -> None:
    """Fixation: the attacker's cookie is in the victim's browser when she logs in."""
    attacker = await logged_in(served, "vera")
    planted = attacker.cookies[SESSION]
    victim = Visitor(served)
    form_token = await victim.form_token("/login")
    victim.cookies[SESSION] = planted
    await victim.post("/login", {"form_token": form_token, "token": token_of("root"), "next": "/"})
    assert victim.cookies[SESSION] != planted
    assert "vera" in (await attacker.get("/")).body.decode()
    hold = {"form_token": await attacker.form_token(), "scope": "all", "reason": "x"}
    assert (await attacker.post("/holds", hold)).status == HTTPStatus.FORBIDDEN


async def test_a_cookie_that_was_made_up_is_worth_nothing(served: Site) -> None:
    value = (await logged_in(served, "vera")).cookies[SESSION]
    payload, _, signature = value.rpartition(".")
    made_up = [
        "",
        "x",
        payload,
        f"{payload}.",
        f"{payload}.{signature[::-1]}",
        f"{payload[:-1]}A.{signature}",
        f"{value}x",
        value.swapcase(),
        "A" * 4000,
    ]
    for cookie in made_up:
        visitor = Visitor(served, cookies={SESSION: cookie})
        assert leads_to(await visitor.get("/")).startswith("/login"), cookie
        reply = await visitor.get("/api/v1/runs", Sec_Fetch_Mode="cors")
        assert reply.status == HTTPStatus.UNAUTHORIZED


async def test_a_wrong_header_is_not_saved_by_a_cookie(served: Site) -> None:
    visitor = await logged_in(served)
    reply = await visitor.get("/api/v1/runs", Authorization="Bearer wrong")
    assert reply.status == HTTPStatus.UNAUTHORIZED


async def test_a_session_ends_by_itself(tmp_path: Path) -> None:
    async with site(tmp_path, server={"login": {"lasts": "30m"}}) as served:
        visitor = await logged_in(served)
        served.world.clock.jump(timedelta(minutes=29))
        assert (await visitor.get("/")).status == HTTPStatus.OK
        served.world.clock.jump(timedelta(minutes=1))
        assert leads_to(await visitor.get("/")).startswith("/login")


async def test_logging_out_ends_every_copy_of_the_cookie(served: Site) -> None:
    visitor, other = await logged_in(served), await logged_in(served)
    copy = Visitor(served, cookies=dict(visitor.cookies))
    assert leads_to(await visitor.post("/logout", {"form_token": await visitor.form_token()})) == "/login"
    assert SESSION not in visitor.cookies
    assert leads_to(await copy.get("/")).startswith("/login")
    assert (await other.get("/")).status == HTTPStatus.OK


async def test_a_cookie_stays_worthless_after_a_restart(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        visitor, other = await logged_in(served), await logged_in(served)
        copy = dict(visitor.cookies)
        await visitor.post("/logout", {"form_token": await visitor.form_token()})
    async with site(tmp_path) as served:
        assert leads_to(await Visitor(served, cookies=copy).get("/")).startswith("/login")
        assert (await Visitor(served, cookies=other.cookies).get("/")).status == HTTPStatus.OK


@pytest.mark.parametrize("changed", [{"root": ""}, {"root": "another one"}], ids=["removed", "replaced"])
async def test_a_session_ends_with_its_token(served: Site, changed: dict[str, str]) -> None:
    visitor, other = await logged_in(served), await logged_in(served, "vera")
    served.server.renew_tokens(tokens(**changed))
    assert leads_to(await visitor.get("/")).startswith("/login")
    assert (await other.get("/")).status == HTTPStatus.OK
    reply = await served.ask("GET", "/api/v1/runs", headers=bearer("root"))
    assert reply.status == HTTPStatus.UNAUTHORIZED


async def test_a_session_has_the_roles_that_its_token_has_now(served: Site) -> None:
    visitor = await logged_in(served)
    (root,) = (token for token in tokens() if token.name == "root")
    served.server.renew_tokens([root.model_copy(update={"roles": (Role.APPROVER,)})])
    assert (await visitor.get("/")).status == HTTPStatus.FORBIDDEN


async def _open(served: Site, **headers: str) -> aiohttp.ClientResponse:
    response = await served.client.get(served.server.url + EVENTS, headers=headers)
    assert response.status == HTTPStatus.OK
    await response.content.readuntil(b"\r\n\r\n")
    return response


async def _ends(response: aiohttp.ClientResponse) -> bool:
    async with asyncio.timeout(90):  # else a stream that does not end would never be told
        while await response.content.readany():
            pass
    return response.content.at_eof()


async def test_a_stream_ends_with_its_token(served: Site) -> None:
    removed = await _open(served, **bearer("vera"))
    kept = await _open(served, **bearer("root"))
    served.server.renew_tokens(tokens(vera=""))
    assert await _ends(removed)
    assert not kept.content.at_eof()
    kept.close()


async def test_a_stream_ends_at_logout(served: Site) -> None:
    visitor = await logged_in(served)
    stream = await _open(served, Cookie=f"{SESSION}={visitor.cookies[SESSION]}")
    await visitor.post("/logout", {"form_token": await visitor.form_token()})
    assert await _ends(stream)


async def test_a_stream_ends_with_its_session(tmp_path: Path) -> None:
    async with site(tmp_path, server={"login": {"lasts": "2s"}}) as served:
        visitor = await logged_in(served)
        # The session's clock stands; the stream's end is a timer of the loop.
        served.world.clock.jump(timedelta(milliseconds=1900))
        assert await _ends(await _open(served, Cookie=f"{SESSION}={visitor.cookies[SESSION]}"))


@pytest.mark.parametrize(
    ("given", "leads"),
    [
        ("/runs/7", "/runs/7"),
        ("/audit?q=a%20b&page=2", "/audit?q=a%20b&page=2"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/x\\..\\evil", "/"),
        ("javascript:alert(1)", "/"),
        ("evil.example", "/"),
        ("", "/"),
        ("/\t/evil.example", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("/\u2028/evil", "/"),
        ("/" + "x" * 3000, "/"),
    ],
)
async def test_the_login_leads_only_to_pages_of_this_server(served: Site, given: str, leads: str) -> None:
    visitor = Visitor(served)
    assert leads_to(await visitor.log_in(to=given)) == leads


async def test_whoever_is_logged_in_is_led_on(served: Site) -> None:
    visitor = await logged_in(served)
    assert leads_to(await visitor.get("/login?next=//evil.example")) == "/"
    assert leads_to(await visitor.get("/login?next=/runs")) == "/runs"


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "password"])
async def test_a_token_in_the_address_is_not_looked_at(served: Site, name: str) -> None:
    visitor = Visitor(served)
    found = await visitor.get(f"/runs?{name}={token_of('root')}")
    assert leads_to(found).startswith("/login")
    assert SESSION not in visitor.cookies
    posted = await visitor.post(f"/login?{name}={token_of('root')}", {"form_token": "x"})
    assert posted.status == HTTPStatus.FORBIDDEN
    assert SESSION not in visitor.cookies


async def test_a_wrong_token_gets_the_form_again(served: Site) -> None:
    visitor = Visitor(served)
    reply = await visitor.log_in(token='wrong"><script>', to="/runs")
    page = reply.body.decode()
    assert reply.status == HTTPStatus.FORBIDDEN
    assert SESSION not in visitor.cookies
    assert "not a valid token" in page
    assert "wrong" not in page
    assert 'value="/runs"' in page


async def test_logins_and_logouts_are_written_down(served: Site) -> None:
    visitor = await logged_in(served, "vera")
    await visitor.post("/logout", {"form_token": await visitor.form_token()})
    ended, began = await served.audit()
    assert (began.action, began.actor) == (AuditAction.LOGIN_SUCCEEDED, "vera")
    assert (ended.action, ended.actor) == (AuditAction.SESSION_ENDED, "vera")
    assert json.loads(began.detail)["session"] == json.loads(ended.detail)["session"]
    assert json.loads(began.detail)["from"] == "127.0.0.1"
    assert token_of("vera") not in began.detail + ended.detail
