"""`POST /slack/actions`: what somebody decided by a button in Slack. The engine decides whether they may."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from remediator.clients.errors import ClientError
from remediator.clients.slack import post_to_slack
from remediator.engine.results import Status
from remediator.notices.inert import inert
from remediator.notices.slack_message import Verdict, plan_of_value
from remediator.secret_refs import SecretUnavailableError, resolve_secret
from remediator.settings_slack import Slack
from remediator.web.keys import ACCESS, BODY_BUDGET, SERVICES
from remediator.web.problems import ProblemError
from remediator.web.request_body import BodyError, BodyFault, read_body
from remediator.web.slack_signature import SlackSignatures

_LOG = logging.getLogger("remediator.slack")
_BODY_BYTES = 256 * 1024
_PROBLEMS = {
    BodyFault.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BodyFault.OVERLOADED: HTTPStatus.SERVICE_UNAVAILABLE,
}


class _User(BaseModel):
    id: Annotated[str, Field(max_length=64)]


class _Action(BaseModel):
    action_id: Verdict
    value: Annotated[str, Field(max_length=200)]


class _Pressed(BaseModel):
    """What Slack posts of a button, as far as it is needed; the rest is not read."""

    type: Literal["block_actions"]
    user: _User
    actions: Annotated[list[_Action], Field(min_length=1, max_length=1)]
    response_url: Annotated[str, Field(max_length=2000)]


class SlackDesk:
    """What the endpoint keeps: which requests were taken, and answers that are under way."""

    def __init__(self, settings: Slack) -> None:
        self.settings = settings
        self.signatures = SlackSignatures()
        self._answering: set[asyncio.Task[None]] = set()

    def answer(self, url: str, message: dict[str, Any]) -> None:
        """Tell whoever pressed the button; Slack waits only 3 seconds for the request itself."""
        if not url.startswith(str(self.settings.answers)):
            _LOG.warning("not answered: not Slack's address", extra=_fields("slack.answer_refused"))
            return
        task = asyncio.create_task(_tell(url, message), name="slack answer")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def close(self) -> None:
        """Let answers under way end."""
        await asyncio.gather(*self._answering)


SLACK = web.AppKey("slack", SlackDesk)


async def take_action(request: web.Request) -> web.StreamResponse:
    """Take a verdict from Slack."""
    desk = request.app.get(SLACK)
    if desk is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "remediator.yaml has no slack section")
    body = await _signed_body(request, desk)
    pressed = _pressed(body)
    message = await _decide(request, desk, pressed)
    desk.answer(pressed.response_url, message)
    return web.json_response(message)


async def _signed_body(request: web.Request, desk: SlackDesk) -> bytes:
    services = request.app[SERVICES]
    with request.app[BODY_BUDGET].share() as share:
        try:
            body = await read_body(
                request, limit_bytes=_BODY_BYTES, within=services.settings.server.body_timeout, share=share
            )
        except BodyError as error:
            status = _PROBLEMS.get(error.fault, HTTPStatus.BAD_REQUEST)
            raise ProblemError(status, f"the body was not read: {error.fault}") from None
    try:
        secret = resolve_secret(desk.settings.signing_secret)
    except SecretUnavailableError as error:
        _LOG.error("%s", error, extra=_fields("slack.no_secret"))
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "the signing secret can't be read") from None
    why = desk.signatures.refusal(
        secret,
        timestamp=request.headers.get("X-Slack-Request-Timestamp", ""),
        signature=request.headers.get("X-Slack-Signature", ""),
        body=body,
        now=services.clock.now(),
    )
    if why is not None:
        _LOG.warning("a request in Slack's name was refused: %s", why, extra=_fields("slack.refused"))
        raise ProblemError(HTTPStatus.UNAUTHORIZED, f"not taken: {why}")
    return body


def _pressed(body: bytes) -> _Pressed:
    try:
        payloads = parse_qs(body.decode(), max_num_fields=10)["payload"]
        return _Pressed.model_validate_json(payloads[0])
    except (ValueError, KeyError, ValidationError):
        raise ProblemError(HTTPStatus.BAD_REQUEST, "not a button of remediator") from None


async def _decide(request: web.Request, desk: SlackDesk, pressed: _Pressed) -> dict[str, Any]:
    who = desk.settings.users.get(pressed.user.id)
    holder = request.app[ACCESS].tokens.named(who) if who is not None else None
    if holder is None:
        _LOG.warning("somebody unknown decided in Slack", extra=_fields("slack.unknown_user"))
        them = inert(pressed.user.id)
        return _only_to_them(
            f"remediator does not know you. Whoever runs it can add {them} under slack.users."
        )
    (action,) = pressed.actions
    plan = plan_of_value(action.value)
    if plan is None:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "not a button of remediator")
    result = await request.app[SERVICES].approvals.vote(
        plan.run_id,
        plan_hash=plan.plan_hash,
        actor=holder.actor,
        approve=action.action_id is Verdict.APPROVE,
        comment="by a button in Slack",
    )
    told = f"Run {plan.run_id}: {inert(result.detail)}"
    if result.status is not Status.DONE:
        return _only_to_them(told)
    return {"response_type": "in_channel", "replace_original": False, "text": f"{told} ({holder.actor.name})"}


def _only_to_them(text: str) -> dict[str, Any]:
    return {"response_type": "ephemeral", "replace_original": False, "text": text}


async def _tell(url: str, message: dict[str, Any]) -> None:
    try:
        await post_to_slack(url, message)
    except ClientError as error:
        _LOG.warning("an answer did not arrive: %s", error.detail, extra=_fields("slack.answer_lost"))


def _fields(action: str) -> dict[str, dict[str, str]]:
    return {"fields": {"action": action}}
