"""Logging in by token, and out again."""

from __future__ import annotations

import re
import secrets
from http import HTTPStatus

from aiohttp import web

from remediator.engine.actors import Actor
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.web.access import Access
from remediator.web.csrf import check_form, require_form_token
from remediator.web.failed_logins import Through
from remediator.web.keys import ACCESS, EVENT_STREAMS, SERVICES
from remediator.web.pages.forms import FORM_TOKEN, form_fields
from remediator.web.pages.frame import render, see_other
from remediator.web.peers import peer
from remediator.web.sessions import Session

_HOME = "/"
_LONGEST_NEXT = 2048
# A path of this server, written so that no browser takes it for another host.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_NONCE = re.compile(r"[A-Za-z0-9_-]{22}")


async def show_login(request: web.Request) -> web.StreamResponse:
    """Show the form; whoever is logged in already is led on."""
    target = local_path(request.query.get("next", _HOME))
    if request.app[ACCESS].of_browser(request) is not None:
        return see_other(target)
    return await _form(request, target)


async def log_in(request: web.Request) -> web.StreamResponse:
    """Begin a session for the holder of a token, and lead on to the page that was asked for."""
    access = request.app[ACCESS]
    fields = await form_fields(request)
    nonce = _nonce(request, access)
    require_form_token(fields.get(FORM_TOKEN), access.sign(f"login {nonce or secrets.token_hex()}"))
    target = local_path(fields.get("next", _HOME))
    secret = fields.get("token", "").strip().encode()
    holder = await access.holder_of(request, secret, Through.FORM)
    if holder is None:
        return await _form(request, target, fault="This is not a valid token.")
    session = access.sessions.begin(holder)
    # Written down before anybody has it. An older session of this browser is not carried on.
    await _note(request, AuditAction.LOGIN_SUCCEEDED, holder.actor, session)
    response = see_other(target)
    access.sessions.hand_out(response, session)
    response.del_cookie(_nonce_cookie(access), path="/")
    return response


async def log_out(request: web.Request) -> web.StreamResponse:
    """End the session, for every copy of its cookie."""
    access = request.app[ACCESS]
    login = access.by_session(request)
    if login is not None and login.session is not None:
        await check_form(request, login)
        await _note(request, AuditAction.SESSION_ENDED, login.actor, login.session)
        access.sessions.end(login.session)
        request.app[EVENT_STREAMS].end_unless(access.stands)
    response = see_other("/login")
    access.sessions.take_back(response)
    return response


def local_path(given: str) -> str:
    """Return the path of a page of this server, or the first page's for whatever else was given."""
    return given if len(given) <= _LONGEST_NEXT and _LOCAL.fullmatch(given) else _HOME


async def _form(request: web.Request, target: str, fault: str | None = None) -> web.Response:
    access = request.app[ACCESS]
    nonce = _nonce(request, access) or secrets.token_urlsafe(16)
    response = await render(
        request,
        "login.html",
        status=HTTPStatus.OK if fault is None else HTTPStatus.FORBIDDEN,
        target=target,
        fault=fault,
        form_token=access.sign(f"login {nonce}"),
    )
    response.set_cookie(
        _nonce_cookie(access),
        nonce,
        path="/",
        httponly=True,
        secure=access.sessions.secure,
        samesite="Strict",
    )
    return response


def _nonce(request: web.Request, access: Access) -> str | None:
    # Binds the form to the browser that it was shown to, where there is no session yet to bind it to.
    given = request.cookies.get(_nonce_cookie(access), "")
    return given if _NONCE.fullmatch(given) else None


def _nonce_cookie(access: Access) -> str:
    return f"{access.sessions.cookie_name}-login"


async def _note(request: web.Request, action: AuditAction, actor: Actor, session: Session) -> None:
    detail = {"session": session.id, "until": session.until.isoformat(), "from": str(peer(request))}
    services = request.app[SERVICES]
    entry = AuditEntry(at=services.clock.now(), actor=actor.name, action=action, detail=detail)
    await services.store.write(lambda tx: tx.audit(entry))
