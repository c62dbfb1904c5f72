"""Guessing is limited, written down, and keeps nobody out who was in."""

from __future__ import annotations

import json
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from pydantic import TypeAdapter
from pydantic.networks import IPvAnyNetwork

from remediator.runs.audit import AuditAction
from remediator.store.base import Filter
from remediator.web.attempts import Attempts
from remediator.web.failed_logins import FailedLogins, Through
from remediator.web.peers import origin
from tests.engine.world import JumpingClock, World
from tests.web.access.visitor import SESSION, Visitor
from tests.web.site import Site, bearer, payload, site, token_of

WITHIN = timedelta(minutes=5)
RUNS = "/api/v1/runs"


async def wrong(served: Site, path: str = RUNS) -> HTTPStatus:
    reply = await served.ask("GET", path, who=None, headers={"Authorization": "Bearer wrong"})
    return reply.status


async def test_wrong_headers_are_limited(served: Site) -> None:
    assert [await wrong(served) for _ in range(10)] == [HTTPStatus.UNAUTHORIZED] * 10
    reply = await served.ask("GET", RUNS, who=None, headers={"Authorization": "Bearer wrong"})
    assert reply.status == HTTPStatus.TOO_MANY_REQUESTS
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert int(reply.headers["Retry-After"]) == 30


async def test_over_the_limit_the_right_token_is_not_looked_at_either(served: Site) -> None:
    for _ in range(10):
        await wrong(served)
    guessed = await served.ask("GET", RUNS, headers=bearer("root"))
    assert guessed.status == HTTPStatus.TOO_MANY_REQUESTS
    served.world.clock.jump(timedelta(seconds=30))
    assert (await served.ask("GET", RUNS, headers=bearer("root"))).status == HTTPStatus.OK


async def test_the_form_is_limited_with_the_headers(served: Site) -> None:
    visitor = Visitor(served)
    for _ in range(5):
        assert (await visitor.log_in(token="wrong")).status == HTTPStatus.FORBIDDEN
        await wrong(served)
    reply = await visitor.log_in("root")
    assert reply.status == HTTPStatus.TOO_MANY_REQUESTS
    assert reply.headers["Content-Type"].startswith("text/html")
    assert SESSION not in visitor.cookies


async def test_what_was_used_from_there_before_goes_on(served: Site) -> None:
    """A flood of wrong tokens from Alertmanager's own address stops no alert, and no session."""
    visitor = Visitor(served)
    await visitor.log_in("vera")
    assert (await served.deliver(payload())).status == HTTPStatus.OK
    for _ in range(15):
        await wrong(served)
    assert (await served.deliver(payload())).status == HTTPStatus.OK
    assert (await visitor.get("/")).status == HTTPStatus.OK
    assert (await served.ask("GET", RUNS, headers=bearer("vera"))).status == HTTPStatus.OK
    assert (await served.ask("GET", RUNS, headers=bearer("olga"))).status == HTTPStatus.TOO_MANY_REQUESTS


async def test_a_flood_makes_one_row_and_then_one_with_all_the_rest(served: Site) -> None:
    for _ in range(40):
        await wrong(served)
    (row,) = await served.audit()
    assert row.action == AuditAction.LOGIN_FAILED
    assert json.loads(row.detail) == {"attempts": 1, "from": {"127.0.0.1": 1}, "through": {"header": 1}}
    assert "wrong" not in row.detail


async def test_nothing_goes_uncounted_at_the_end(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        for _ in range(40):
            await wrong(served)
        await Visitor(served).log_in(token="wrong")
    async with site(tmp_path) as served:
        rows = [row for row in await served.audit() if row.action == AuditAction.LOGIN_FAILED]
        assert sum(json.loads(row.detail)["attempts"] for row in rows) == 41
        assert len(rows) == 2


async def test_many_addresses_fill_neither_the_log_nor_memory(tmp_path: Path) -> None:
    world = await World.begin(tmp_path)
    try:
        failed = FailedLogins(world.store, world.clock)
        for at in range(5000):
            await failed.note(f"10.0.{at // 256}.{at % 256}", Through.FORM)
        await failed.close()
        rows = await world.store.read(lambda reads: reads.audit_rows(Filter(limit=10)))
        details = [json.loads(row.detail) for row in rows if row.action == AuditAction.LOGIN_FAILED]
        assert [detail["attempts"] for detail in details] == [4999, 1]
        assert len(details[0]["from"]) == 33
        assert details[0]["from"]["others"] == 4999 - 32
    finally:
        await world.end()


def test_failures_fade() -> None:
    clock = JumpingClock()
    attempts = Attempts(clock, most=10, within=WITHIN)
    for _ in range(10):
        assert not attempts.wait("a")
        attempts.failed("a")
    assert attempts.wait("a") == timedelta(seconds=30)
    assert not attempts.wait("b")
    clock.jump(timedelta(seconds=30))
    assert not attempts.wait("a")
    attempts.failed("a")
    assert attempts.wait("a") == timedelta(seconds=30)
    clock.jump(WITHIN)
    for _ in range(10):
        assert not attempts.wait("a")
        attempts.failed("a")
    assert attempts.wait("a")


def test_many_addresses_together_are_limited_too() -> None:
    attempts = Attempts(JumpingClock(), most=10, within=WITHIN)
    attempts.succeeded("home", "ana")
    for at in range(200):
        assert not attempts.wait(f"address {at}")
        attempts.failed(f"address {at}")
    assert attempts.wait("another")
    assert attempts.is_known("home", "ana")


@given(
    st.lists(st.tuples(st.integers(0, 3), st.timedeltas(timedelta(0), WITHIN)), max_size=60),
    st.integers(1, 8),
)
def test_no_address_gets_more_tries_than_its_share(tries: list[tuple[int, timedelta]], most: int) -> None:
    clock = JumpingClock()
    attempts = Attempts(clock, most=most, within=WITHIN)
    seen: dict[str, list[timedelta]] = {}
    now = timedelta(0)
    for address, later in tries:
        clock.jump(later / 10)
        now += later / 10
        name = str(address)
        if not attempts.wait(name):
            attempts.failed(name)
            seen.setdefault(name, []).append(now)
    for times in seen.values():
        for began in times:
            within = [at for at in times if began <= at < began + WITHIN]
            # What fades meanwhile may be tried again.
            assert len(within) <= 2 * most


NETWORKS = TypeAdapter(tuple[IPvAnyNetwork, ...]).validate_python(("10.0.0.0/8", "fd00::/8"))


def _asked(peer: str, *forwarded: str) -> web.Request:
    headers = [("X-Forwarded-For", value) for value in forwarded]
    request = make_mocked_request("GET", "/", headers=CIMultiDict(headers))
    return request.clone(remote=peer)


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        # What strangers say of themselves is not believed.
        ("192.0.2.1", ("198.51.100.7",), "192.0.2.1"),
        ("10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.9, 198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.9", "198.51.100.7"), "198.51.100.7"),
        ("10.0.0.1", ("198.51.100.7, 10.0.0.2",), "198.51.100.7"),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.7, nonsense",), "10.0.0.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("2001:db8::1", (), "2001:db8::/64"),
        ("2001:db8::ffff:2", (), "2001:db8::/64"),
        ("::ffff:192.0.2.1", (), "192.0.2.1"),
        ("", (), "unknown"),
    ],
)
def test_failures_count_against_whoever_sent_them(
    peer: str, forwarded: tuple[str, ...], counted: str
) -> None:
    assert origin(_asked(peer, *forwarded), NETWORKS) == counted


async def test_the_webhook_is_limited_as_well(served: Site) -> None:
    for _ in range(10):
        await served.ask("POST", "/webhook/alertmanager", who=None, headers={"Authorization": "Bearer x"})
    reply = await served.ask("POST", "/webhook/alertmanager", who=None, headers={"Authorization": "Bearer x"})
    assert reply.status == HTTPStatus.TOO_MANY_REQUESTS
    assert token_of("root").encode() not in reply.body
