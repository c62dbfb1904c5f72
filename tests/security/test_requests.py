"""What a stranger's request can try that is no fault of its form: replays, other names, and far too much."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import pytest

from remediator.web.routes import ROUTES
from tests.e2e.receiver import TOKEN, Receiver, firing
from tests.web.access.visitor import Visitor
from tests.web.site import Site, payload, site
from tests.web.test_commands import ASKING

_MIB = 2**20
_REBOUND = "evil.example:8080"
_ASKING_TOO = (
    ASKING.replace("policy: fix", "policy: other").replace("Broken", "Other").replace("thing: a", "thing: b")
).replace("thing/a", "thing/b")


@pytest.mark.parametrize("verdict", ["approve", "deny"])
async def test_the_plan_of_another_run_decides_nothing(tmp_path: Path, verdict: str) -> None:
    async with site(tmp_path, ASKING, _ASKING_TOO) as served:
        await served.world.fire()
        await served.world.fire("Other", fingerprint="f2")
        plans = [await _plan(served, run) for run in ("1", "2")]
        assert plans[0] != plans[1]
        body = {"plan_hash": plans[0], "comment": ""}
        reply = await served.post(f"/api/v1/runs/2/{verdict}", body, who="ana")
        assert reply.status == HTTPStatus.CONFLICT
        for run in ("1", "2"):
            found = await served.get(f"/api/v1/runs/{run}")
            assert (found["state"], found["approval"]["votes"]) == ("awaiting_approval", [])


async def _plan(served: Site, run: str) -> str:
    return str((await served.get(f"/api/v1/runs/{run}"))["plan_hash"])


@pytest.mark.parametrize(
    ("first", "then"), [("deny", "approve"), ("approve", "deny"), ("approve", "approve")]
)
async def test_a_verdict_stands_against_the_next_one(tmp_path: Path, first: str, then: str) -> None:
    async with site(tmp_path, ASKING) as served:
        await served.world.fire()
        body = {"plan_hash": await _plan(served, "1"), "comment": ""}
        assert (await served.post(f"/api/v1/runs/1/{first}", body, who="ana")).status == HTTPStatus.OK
        await served.world.settle()
        state = (await served.get("/api/v1/runs/1"))["state"]
        calls = list(served.world.script.calls)
        again = await served.post(f"/api/v1/runs/1/{then}", body, who="ana")
        await served.world.settle()
        assert again.status in (HTTPStatus.OK, HTTPStatus.CONFLICT)
        assert (again.status == HTTPStatus.OK) <= (first == then)
        assert (await served.get("/api/v1/runs/1"))["state"] == state
        assert served.world.script.calls == calls


async def test_a_name_made_to_lead_here_opens_nothing(tmp_path: Path) -> None:
    """A page of evil.example whose name is made to lead to this server has no cookie of it, and no token."""
    browser = {"Host": _REBOUND, "Origin": f"http://{_REBOUND}", "Sec-Fetch-Site": "same-origin"}
    async with site(tmp_path) as served:
        visitor = Visitor(served)
        assert (await visitor.log_in("root")).status == HTTPStatus.SEE_OTHER
        for route in ROUTES:
            if route.role is None or "{" in route.path or route.path.endswith("/events"):
                continue
            reply = await served.ask(route.method, route.path, who=None, headers=browser, body=payload())
            assert reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.SEE_OTHER), route
            assert reply.headers.get("Location", "/login").startswith("/login")
        assert [row.action for row in await served.audit()] == ["login.succeeded"]


def test_too_much_is_refused_before_memory_grows(receiver: Receiver) -> None:
    """15 MiB are taken; a gigabyte is not read, with its length told or without."""
    receiver.configure({})
    receiver.start()
    large = firing("Large")
    large["alerts"][0]["annotations"] = {f"a{number}": "x" * _MIB for number in range(15)}
    assert receiver.deliver(large) in (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE)
    before = _peak_mib(receiver)
    chunk = b"%x\r\n" % _MIB + b"x" * _MIB + b"\r\n"
    for framing, piece in (
        (f"Content-Length: {1024 * _MIB}", b"x" * _MIB),
        ("Transfer-Encoding: chunked", chunk),
    ):
        answer, sent = _pour(receiver.port, framing, piece)
        assert b" 413 " in answer.splitlines()[0], answer[:200]
        assert sent <= 128
    assert _peak_mib(receiver) - before < 64
    assert receiver.deliver(firing("Small", "f2")) == HTTPStatus.OK


def _peak_mib(receiver: Receiver) -> int:
    assert receiver.process is not None
    status = Path(f"/proc/{receiver.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def _pour(port: int, framing: str, piece: bytes) -> tuple[bytes, int]:
    """Send up to a gigabyte until something is answered; returns that, and the MiB that were sent."""
    head = "POST /webhook/alertmanager HTTP/1.1\r\nHost: x\r\n"
    head += f"Authorization: Bearer {TOKEN}\r\n{framing}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(head.encode())
        sent = 0
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < 1024 and not select.select([client], [], [], 0)[0]:
                client.sendall(piece)
                sent += 1
        return client.recv(65536), sent
