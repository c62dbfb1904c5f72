from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from remediator.actions.base import Call, FailureReason, OutcomeStatus
from remediator.actions.containers import Containers
from remediator.actions.from_container import FromContainer, filled
from remediator.actions.net_dns import NetDns, NetDnsParams
from remediator.actions.net_tcp import NetTcp, NetTcpParams
from remediator.clients.docker import DockerEngine
from remediator.settings_network import Network


@pytest.fixture
def inside() -> Iterator[FromContainer]:
    client = DockerEngine("unix:///nowhere.sock")
    yield FromContainer(Containers(None, client, None))
    client.close()


@pytest.fixture
async def listening() -> AsyncIterator[int]:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def full() -> Iterator[int]:
    """A port whose queue is full: a connection is neither accepted nor refused."""
    with closing(socket.socket()) as listener, closing(socket.socket()) as first:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        yield listener.getsockname()[1]


def tcp(inside: FromContainer, host: str, port: int) -> NetTcp:
    return NetTcp(Network.model_validate({"tcp": {"db": {"host": host, "port": port}}}), inside)


def dns(inside: FromContainer, host: str) -> NetDns:
    return NetDns(Network.model_validate({"dns": {"pms": {"host": host}}}), inside)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_what_listens_is_true(inside: FromContainer, listening: int, call: Call, host: str) -> None:
    outcome = await tcp(inside, host, listening).act(NetTcpParams(endpoint="db"), call)
    assert (outcome.status, outcome.fact) == (OutcomeStatus.SUCCEEDED, True)
    assert outcome.result["latency_seconds"] >= 0


async def test_what_refuses_is_false(inside: FromContainer, unused_tcp_port: int, call: Call) -> None:
    outcome = await tcp(inside, "127.0.0.1", unused_tcp_port).act(NetTcpParams(endpoint="db"), call)
    assert (outcome.status, outcome.reason, outcome.fact) == (
        OutcomeStatus.FAILED,
        FailureReason.UNEXPECTED,
        False,
    )
    assert "refused" in outcome.detail.lower() or "Connect" in outcome.detail


async def test_what_says_nothing_is_false(inside: FromContainer, full: int, call: Call) -> None:
    params = NetTcpParams(endpoint="db", timeout=timedelta(milliseconds=300))
    outcome = await tcp(inside, "127.0.0.1", full).act(params, call)
    assert (outcome.reason, outcome.fact) == (FailureReason.TIMED_OUT, False)


async def test_a_name_that_does_not_resolve_is_false(inside: FromContainer, call: Call) -> None:
    connected = await tcp(inside, "pms.invalid", 80).act(NetTcpParams(endpoint="db"), call)
    resolved = await dns(inside, "pms.invalid").act(NetDnsParams(name="pms"), call)
    for outcome in (connected, resolved):
        assert (outcome.status, outcome.fact) == (OutcomeStatus.FAILED, False)
        assert "pms.invalid" in outcome.detail


async def test_a_name_that_resolves_is_true(inside: FromContainer, call: Call) -> None:
    outcome = await dns(inside, "localhost").act(NetDnsParams(name="pms"), call)
    assert outcome.fact is True
    assert "127.0.0.1" in outcome.result["addresses"] or "::1" in outcome.result["addresses"]


async def test_no_answer_in_time_is_false(
    inside: FromContainer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: Any, **__: Any) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", silent)
    params = NetDnsParams(name="pms", timeout=timedelta(milliseconds=50))
    outcome = await dns(inside, "localhost").act(params, call)
    assert (outcome.reason, outcome.fact) == (FailureReason.TIMED_OUT, False)


def test_keeps_to_the_inventory(inside: FromContainer) -> None:
    assert tcp(inside, "127.0.0.1", 1).refuse(NetTcpParams(endpoint="db")) is None
    assert "has no 'other'" in str(tcp(inside, "127.0.0.1", 1).refuse(NetTcpParams(endpoint="other")))
    assert "has no 'other'" in str(dns(inside, "localhost").refuse(NetDnsParams(name="other")))
    assert (
        NetTcp(None, inside).refuse(NetTcpParams(endpoint="db")) == "remediator.yaml has no network section"
    )
    from_a_container = NetTcpParams.model_validate({"endpoint": "db", "from": "agente-api"})
    assert "no docker section" in str(tcp(inside, "127.0.0.1", 1).refuse(from_a_container))


@pytest.mark.parametrize("more", [{"host": "169.254.169.254"}, {"port": 22}, {"url": "http://x"}])
def test_a_policy_names_no_host(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NetTcpParams.model_validate({"endpoint": "db", **more})


@pytest.mark.parametrize("host", ["-oProxy", "a b", "a\nb", "a\0b", "", "a..b", "$(id)", "a;b", "x" * 260])
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    with pytest.raises(ValidationError):
        Network.model_validate({"dns": {"pms": {"host": host}}})
    for good in ("qloapps", "qloapps.example.com.", "10.0.0.1", "2001:db8::1", "my_service"):
        Network.model_validate({"dns": {"pms": {"host": good}}})


def test_what_was_put_in_is_not_read_again() -> None:
    argv = ("x", "{host}:{port}", "{url}", "%{http_code}", "{other}")
    values = {"host": "{port}", "port": "1", "url": "http://x/?q={host} --y"}
    assert filled(argv, values) == ("x", "{port}:1", "http://x/?q={host} --y", "%{http_code}", "{other}")
