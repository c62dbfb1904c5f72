"""Sending by apprise to real HTTP servers; nothing of a URL is ever said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from remediator.clients.apprise_sender import AppriseSender, without_secrets
from remediator.clients.errors import ClientError, Fault

# One of apprise's plugins imports it, to be ready for a Python that no longer has it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
CANARY = "canary-7f3a9c-token"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def receiver(answer: Answer) -> AsyncIterator[str]:
    """Serve one answer for everything; yields host and port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (address,) = runner.addresses
    try:
        yield f"{address[0]}:{address[1]}"
    finally:
        await runner.cleanup()


async def refused(request: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text=f"no: {request.path_qs}")


async def test_a_message_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    came: list[Any] = []

    async def take(request: web.Request) -> web.StreamResponse:
        came.append((request.path, await request.json()))
        return web.Response()

    async with receiver(take) as host:
        monkeypatch.setenv("NEWS_URL", f"json://{host}/{CANARY}")
        await AppriseSender().send("env:NEWS_URL", "A title", "one\ntwo <b>")
    ((path, body),) = came
    assert path == f"/{CANARY}"
    assert (body["title"], body["message"]) == ("A title", "one\ntwo <b>")


async def test_a_refusal_says_why_and_nothing_of_the_url(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    written = StringIO()
    ours = logging.StreamHandler(written)
    root = logging.getLogger()
    before = root.level
    root.addHandler(ours)
    root.setLevel(logging.DEBUG)
    try:
        async with receiver(refused) as host:
            monkeypatch.setenv("NEWS_URL", f"json://ana:{CANARY}@{host}/{CANARY}?x={CANARY}")
            with pytest.raises(ClientError) as caught:
                await AppriseSender().send("env:NEWS_URL", "t", "b")
    finally:
        root.setLevel(before)
        root.removeHandler(ours)
    assert "500" in caught.value.detail
    out = capfd.readouterr()
    # What the receiver itself logs of its requests is not ours.
    lines = [line for line in written.getvalue().splitlines() if "HTTP/1.1" not in line]
    assert CANARY not in caught.value.detail + out.out + out.err + "".join(lines)


async def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWS_URL", f"json://127.0.0.1:1/{CANARY}")
    with pytest.raises(ClientError) as caught:
        await AppriseSender().send("env:NEWS_URL", "t", "b")
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("url", [f"nonsense-{CANARY}", f"unknown://{CANARY}/x", f"slack://{CANARY}"])
async def test_no_url_that_apprise_knows(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("NEWS_URL", url)
    with pytest.raises(ClientError, match="not a URL that apprise knows"):
        await AppriseSender().send("env:NEWS_URL", "t", "b")


async def test_an_unset_variable_is_named() -> None:
    with pytest.raises(ClientError, match="environment variable NO_SUCH_URL is not set"):
        await AppriseSender().send("env:NO_SUCH_URL", "t", "b")


async def test_a_server_that_hangs_is_left_behind_and_holds_up_only_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leave = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        await leave.wait()
        return web.Response()

    async def take(request: web.Request) -> web.StreamResponse:
        return web.Response()

    sender = AppriseSender(deadline=timedelta(seconds=0.2))
    async with receiver(hang) as slow, receiver(take) as quick:
        monkeypatch.setenv("SLOW_URL", f"json://{slow}/{CANARY}")
        monkeypatch.setenv("QUICK_URL", f"json://{quick}/x")
        with pytest.raises(ClientError) as caught:
            await sender.send("env:SLOW_URL", "t", "b")
        assert caught.value.fault is Fault.TIMED_OUT
        with pytest.raises(ClientError, match="the attempt before still hangs"):
            await sender.send("env:SLOW_URL", "t", "b")
        await AppriseSender().send("env:QUICK_URL", "t", "b")
        leave.set()
        await asyncio.to_thread(sender._busy["env:SLOW_URL"].join)


@given(
    st.lists(st.from_regex(r"[A-Za-z0-9_-]{3,12}", fullmatch=True), min_size=1, max_size=4),
    st.text(max_size=20),
)
def test_no_part_of_a_url_is_left_in_what_is_said(parts: list[str], said: str) -> None:
    url = "slack://" + "/".join(parts) + "?key=" + parts[0]
    text = without_secrets(f"{said} {parts[-1]} failed at {url}", url)
    assert all(part not in text for part in parts if part not in ("failed", "slack"))
