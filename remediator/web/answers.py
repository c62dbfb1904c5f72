"""What came of a command, as a response."""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

from aiohttp import web

from remediator.engine.results import Result, Status
from remediator.runs.episodes import Episode
from remediator.runs.records import Hold, Run
from remediator.web.json_response import json_response
from remediator.web.problems import ProblemError
from remediator.web.schemas import (
    Answered,
    EpisodeAnswer,
    EpisodeOutput,
    HoldAnswer,
    HoldOutput,
    Output,
    PolicyAnswer,
    RunAnswer,
    RunOutput,
)

A = TypeVar("A", bound=Answered)

_PROBLEMS = {
    Status.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Status.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Status.CONFLICT: HTTPStatus.CONFLICT,
    Status.EXPIRED: HTTPStatus.GONE,
    Status.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
}


def run_answer(result: Result) -> web.Response:
    """Answer with the run that the command concerned."""
    return _answer(result, result.run, RunOutput, RunAnswer)


def hold_answer(result: Result, *, done: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Answer with the hold that the command concerned."""
    return _answer(result, result.hold, HoldOutput, HoldAnswer, done=done)


def episode_answer(result: Result) -> web.Response:
    """Answer with the episode that the command concerned."""
    return _answer(result, result.episode, EpisodeOutput, EpisodeAnswer)


def policy_answer(result: Result, policy: str) -> web.Response:
    """Answer with the policy's name: the command concerned no record."""
    raise_refusal(result)
    return json_response(PolicyAnswer(policy=policy, result=result.status, message=result.detail))


def raise_refusal(result: Result) -> None:
    """Let go on what was done, or was so already.

    Raises:
        ProblemError: for everything else, with the status that says it.
    """
    refusal = _PROBLEMS.get(result.status)
    if refusal is not None:
        raise ProblemError(refusal, result.detail)


def _answer(
    result: Result,
    record: Run | Hold | Episode | None,
    shape: type[Output],
    answer: type[A],
    *,
    done: HTTPStatus = HTTPStatus.OK,
) -> web.Response:
    raise_refusal(result)
    fields = shape.model_validate(record).model_dump()
    body = answer.model_validate({**fields, "result": result.status, "message": result.detail})
    return json_response(body, status=done)
