"""Runs commands as a shell would: arguments in; exit code, stdout and stderr out."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from remediator.cli.app import run


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Put back what `serve` does to logging."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def remediator(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in an empty folder, with no terminal and a token."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REMEDIATOR_TOKEN", "tok-en")

    def remediator(*arguments: str) -> Ended:
        code = run(arguments)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return remediator


@dataclass
class Api:
    """A real HTTP server that gives prepared answers and keeps what it was asked."""

    url: str = ""
    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def on(self, method: str, path: str, body: Any, status: int = 200) -> None:
        """Prepare an answer."""
        self.answers[method, path] = (status, body)

    def sent(self, method: str) -> Sequence[tuple[str, Any]]:
        """Return the paths and bodies of the requests with a method."""
        return [(path, body) for asked, path, _, body in self.asked if asked == method]

    async def handle(self, request: web.Request) -> web.Response:
        """Answer as prepared, or 404 as the server does."""
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, dict(request.query), body))
        self.tokens.append(request.headers.get("Authorization", ""))
        missing = {"title": "Not Found", "detail": "there is nothing here"}
        status, answer = self.answers.get((request.method, request.path), (404, missing))
        return web.json_response(answer, status=status)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """Serve prepared answers on a free port; REMEDIATOR_URL names it."""
    prepared = Api()
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", prepared.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        prepared.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(timeout=60)
    monkeypatch.setenv("REMEDIATOR_URL", prepared.url)
    yield prepared
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()
