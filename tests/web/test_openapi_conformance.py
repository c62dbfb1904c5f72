"""The running server does what its OpenAPI document says; schemathesis makes up the requests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from remediator.web.openapi import openapi_document
from remediator.web.routes import ROUTES
from tests.web.site import bearer, site
from tests.web.test_commands import ASKING

DOCUMENT = openapi_document(ROUTES, version="0")


def _cases() -> Iterator[Any]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            if any(
                "text/event-stream" in answer.get("content", ()) for answer in operation["responses"].values()
            ):
                continue  # never ends
            yield pytest.param(path, method, GenerationMode.POSITIVE, id=f"{method} {path}")
            # Where nothing is taken, nothing can be wrong.
            if "parameters" in operation or "requestBody" in operation:
                yield pytest.param(path, method, GenerationMode.NEGATIVE, id=f"wrong {method} {path}")


async def _serve(folder: Path, told: Future[str], stop: asyncio.Event) -> None:
    # Many requests come without a valid token, to see that none is let in.
    async with site(folder, ASKING, server={"login": {"failures": 1_000_000}}) as served:
        await served.world.fire()
        told.set_result(served.server.url)
        await stop.wait()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve from a thread of its own: schemathesis asks synchronously."""
    told: Future[str] = Future()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        try:
            loop.run_until_complete(_serve(tmp_path_factory.mktemp("site"), told, stop))
        except BaseException as error:
            if not told.done():
                told.set_exception(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield told.result(timeout=120)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=120)
        loop.close()


@pytest.fixture(scope="module")
def api() -> Any:
    return schemathesis.openapi.from_dict(DOCUMENT)


@pytest.mark.parametrize(("path", "method", "mode"), list(_cases()))
def test_the_server_keeps_to_its_document(
    url: str, api: Any, path: str, method: str, mode: GenerationMode
) -> None:
    @settings(
        max_examples=10,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def keeps(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            _make_likely(case)
        response = case.call(base_url=url, headers=bearer("root"))
        if "remediator" not in response.headers.get("server", ()):
            assert response.status_code == HTTPStatus.BAD_REQUEST  # aiohttp's: a line too long to be read
            return
        case.validate_response(response, excluded_checks=_beyond_the_document(path, method))

    keeps()


def _make_likely(case: Any) -> None:
    if "id" in (case.path_parameters or ()):
        case.path_parameters["id"] %= 4  # so that some are there
    if case.query:
        case.query.pop("cursor", None)  # one is right only if the server gave it


def _beyond_the_document(path: str, method: str) -> list[Any]:
    if path.startswith("/webhook"):
        # One bad alert does not drop its siblings.
        return [negative_data_rejection, positive_data_acceptance]
    # Whether a command is taken depends also on what it is about.
    return [positive_data_acceptance] if method != "get" else []
