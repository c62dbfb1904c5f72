"""The demo agent's HTTP interface, over a real PMS application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import BaseTestServer, TestServer

from remediator.demo import ctl
from remediator.demo.backend import Backend
from remediator.demo.hotel.agent import Fault
from remediator.demo.hotel.app import AGENT, build_app
from remediator.demo.hotel.breaker import BreakerState
from remediator.demo.hotel.settings import HotelSettings
from remediator.demo.pms import Pms

_TOKEN = {"Authorization": "Bearer letmein"}


class World:
    """An agent and its PMS, with a client for both."""

    def __init__(
        self, app: web.Application, agent: BaseTestServer, pms: BaseTestServer, session: ClientSession
    ) -> None:
        self.agent = app[AGENT]
        self._agent_server, self._pms_server, self._session = agent, pms, session

    def breaker(self) -> BreakerState:
        """Return the breaker's state."""
        return self.agent.breaker.state

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Call the agent; return status and JSON."""
        async with self._session.request(method, self._agent_server.make_url(path), **options) as response:
            return response.status, await response.json()

    async def metrics(self) -> str:
        """Return what Prometheus would scrape."""
        async with self._session.get(self._agent_server.make_url("/metrics")) as response:
            return await response.text()

    async def break_pms(self, mode: str) -> None:
        """Break or mend the PMS."""
        url = self._pms_server.make_url("/admin/break")
        async with self._session.post(url, json={"mode": mode, "delay_seconds": 5}) as response:
            assert response.status == 200

    @property
    def url(self) -> str:
        """Where the agent is."""
        return str(self._agent_server.make_url(""))

    async def ask(self, times: int = 1) -> tuple[int, Any]:
        """Ask for rooms so many times; return the last answer."""
        answers = [await self.call("GET", "/api/v1/availability") for _ in range(times)]
        return answers[-1]


@pytest.fixture(params=[1])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with TestServer(Pms().app()) as pms:
        settings = HotelSettings(
            admin_token="letmein",
            pms_base_url=str(pms.make_url("")),
            pms_timeout=0.2,
            pms_circuit_breaker_failure_threshold=3,
            pms_circuit_breaker_recovery_timeout=3600,
            pms_circuit_breaker_open_value=request.param,
            traffic_per_second=0,
        )
        app = build_app(settings)
        async with TestServer(app) as agent, ClientSession() as session:
            yield World(app, agent, pms, session)


@pytest.mark.parametrize("mode", ["down", "slow", "429", "401"])
async def test_opens_the_breaker_whatever_breaks_the_pms_and_answers_from_the_cache(
    world: World, mode: str
) -> None:
    assert await world.ask() == (200, {"rooms": (await world.ask())[1]["rooms"]})
    await world.break_pms(mode)
    status, body = await world.ask(times=3)
    assert world.breaker() is BreakerState.OPEN
    assert (status, body["potentially_stale"]) == (200, True)
    assert (await world.call("GET", "/health/ready"))[0] == 503
    assert (await world.call("GET", "/health/live"))[0] == 200


async def test_without_a_cached_answer_guests_get_an_error_that_is_counted(world: World) -> None:
    await world.break_pms("down")
    assert await world.ask() == (503, {"error": "availability is not to be had", "kind": "http_503"})
    metrics = await world.metrics()
    assert 'orchestrator_errors_total{endpoint="availability",error_type="http_503"} 1.0' in metrics
    assert 'pms_api_calls_total{status="error"} 1.0' in metrics


@pytest.mark.parametrize(("world", "open_value"), [(1, 1), (2, 2)], indirect=["world"])
async def test_the_metric_says_open_as_configured(world: World, open_value: int) -> None:
    assert 'pms_circuit_breaker_state{service="pms"} 0.0' in await world.metrics()
    await world.break_pms("down")
    await world.ask(times=3)
    assert f'pms_circuit_breaker_state{{service="pms"}} {open_value}.0' in await world.metrics()


async def test_a_reset_helps_only_when_the_pms_is_well(world: World) -> None:
    await world.break_pms("down")
    await world.ask(times=3)
    await world.call("POST", "/admin/circuit-breaker/reset", headers=_TOKEN)
    await world.ask()
    assert world.breaker() is BreakerState.OPEN
    await world.break_pms("off")
    await world.call("POST", "/admin/circuit-breaker/reset", headers=_TOKEN)
    assert (await world.ask())[0] == 200
    assert world.breaker() is BreakerState.CLOSED


async def test_mock_mode_serves_guests_and_is_ready_but_degraded(world: World) -> None:
    await world.break_pms("down")
    await world.ask(times=3)
    assert await world.call("PUT", "/admin/settings/pms-type", json={"value": "mock"}, headers=_TOKEN) == (
        200,
        {"name": "pms-type", "value": "mock"},
    )
    assert (await world.ask())[0] == 200
    status, body = await world.call("GET", "/health/ready")
    assert (status, body["status"]) == (200, "degraded")
    assert world.breaker() is BreakerState.OPEN, "the PMS itself is not back"


async def test_in_mock_mode_the_breaker_still_notices_that_the_pms_is_back(world: World) -> None:
    await world.break_pms("down")
    await world.ask(times=3)
    world.agent.settings.pms_type = "mock"
    world.agent.breaker.reset()
    await world.agent.try_pms()
    assert world.breaker() is BreakerState.OPEN
    await world.break_pms("off")
    world.agent.breaker.reset()
    await world.agent.try_pms()
    assert world.breaker() is BreakerState.CLOSED


async def test_over_the_rate_limit_is_429_and_counted_by_client(world: World) -> None:
    await world.call("PUT", "/admin/settings/rate-limit", json={"value": 2}, headers=_TOKEN)
    assert (await world.ask(times=2))[0] == 200
    assert (await world.ask())[0] == 429
    assert 'slowapi_limiter_hits_total{client="127.0.0.1"} 1.0' in await world.metrics()


async def test_a_blocked_client_is_refused_until_it_is_unblocked(world: World) -> None:
    await world.call("PUT", "/admin/blocked/127.0.0.1", headers=_TOKEN)
    assert (await world.ask())[0] == 403
    await world.call("DELETE", "/admin/blocked/127.0.0.1", headers=_TOKEN)
    assert (await world.ask())[0] == 200


async def test_a_fault_fails_guests(world: World) -> None:
    world.agent.fault = Fault(error_share=1.0)
    assert (await world.ask())[0] == 503


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/admin/circuit-breaker/reset"),
        ("POST", "/admin/circuit-breaker/config"),
        ("GET", "/admin/settings/pms-type"),
        ("PUT", "/admin/settings/pms-type"),
        ("PUT", "/admin/blocked/192.0.2.1"),
        ("POST", "/admin/fault"),
    ],
)
async def test_admin_needs_the_token(world: World, method: str, path: str) -> None:
    assert (await world.call(method, path))[0] == 401
    assert (await world.call(method, path, headers={"Authorization": "Bearer wrong"}))[0] == 401


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/admin/settings/pms-type", {"value": "other"}, 422),
        ("/admin/settings/pms-type", {"value": "mock", "more": 1}, 422),
        ("/admin/settings/rate-limit", {"value": 0}, 422),
        ("/admin/settings/audio-enabled", {"value": False}, 200),
        ("/admin/settings/database", {"value": "elsewhere"}, 422),
        ("/admin/settings/pms-cache-ttl", {"value": -1}, 422),
        ("/admin/settings/pms-base-url", {"value": "file:///etc/passwd"}, 422),
        ("/admin/settings/rate-limit", {"value": 300}, 200),
        ("/admin/settings/unheard-of", {"value": 1}, 404),
    ],
)
async def test_settings_are_checked(world: World, path: str, body: Any, status: int) -> None:
    assert (await world.call("PUT", path, json=body, headers=_TOKEN))[0] == status


async def test_the_breaker_is_configured_and_keeps_what_is_not_named(world: World) -> None:
    body = {"failure_threshold": 0.3, "recovery_timeout": 60}
    status, answer = await world.call("POST", "/admin/circuit-breaker/config", json=body, headers=_TOKEN)
    assert status == 200
    assert answer == {**body, "half_open_max_calls": 1, "state": "closed"}


async def test_a_cache_time_spares_the_pms(world: World) -> None:
    await world.ask()
    await world.call("PUT", "/admin/settings/pms-cache-ttl", json={"value": 300}, headers=_TOKEN)
    await world.break_pms("down")
    status, body = await world.ask(times=5)
    assert (status, "potentially_stale" in body) == (200, False)
    assert world.breaker() is BreakerState.CLOSED


async def test_without_audio_nobody_waits_for_it(world: World) -> None:
    world.agent.fault = Fault(nlp_delay_seconds=3600)
    await world.call("PUT", "/admin/settings/audio-enabled", json={"value": False}, headers=_TOKEN)
    assert (await world.ask())[0] == 200


async def test_in_fallback_mode_whatsapp_fails_alone(world: World) -> None:
    world.agent.fault = Fault(error_share=1, error_kind="whatsapp")
    assert (await world.ask())[0] == 503
    await world.call("PUT", "/admin/settings/fallback-mode", json={"value": True}, headers=_TOKEN)
    assert (await world.ask())[0] == 200
    assert "whatsapp_errors_total 2.0" in await world.metrics()


async def test_without_its_database_it_serves_nobody_until_it_uses_the_backup(world: World) -> None:
    async with TestServer(Backend().app()) as backup:
        world.agent.settings.database_url = "http://127.0.0.1:1"
        world.agent.settings.database_backup_url = str(backup.make_url(""))
        assert await world.ask() == (503, {"error": "availability is not to be had", "kind": "database"})
        await world.agent.probe()
        assert (await world.call("GET", "/health/ready"))[0] == 503
        await world.call("PUT", "/admin/settings/database", json={"value": "backup"}, headers=_TOKEN)
        assert (await world.ask())[0] == 200
    assert "database_errors_total 1.0" in await world.metrics()


async def test_without_redis_nothing_is_cached(world: World) -> None:
    world.agent.settings.redis_url = "http://127.0.0.1:1"
    await world.ask()
    await world.agent.probe()
    await world.break_pms("down")
    assert (await world.ask())[0] == 503


async def test_synthetic_transactions_are_answered(world: World) -> None:
    wanted = {"room_type": "standard", "check_in": "2030-05-01", "check_out": "2030-05-02"}
    status, body = await world.call("POST", "/api/v1/reservations/check", json=wanted)
    assert (status, body["possible"]) == (200, True)
    assert (await world.call("POST", "/api/v1/reservations/check", json={}))[0] == 422
    status, body = await world.call("POST", "/webhooks/whatsapp", json={"test": "synthetic_transaction"})
    assert (status, body["status"], body["pms_circuit_breaker"]) == (200, "ok", "closed")


async def test_a_guessed_admin_token_is_a_security_event(world: World) -> None:
    await world.call("POST", "/admin/circuit-breaker/reset", headers={"Authorization": "Bearer guess"})
    assert 'security_events_total{kind="bad_admin_token"} 1.0' in await world.metrics()


@pytest.mark.parametrize(("mode", "up"), [("off", 1.0), ("down", 0.0)])
async def test_the_pms_is_probed(world: World, mode: str, up: float) -> None:
    await world.break_pms(mode)
    await world.agent.probe()
    assert f'pms_up{{service="pms"}} {up}' in await world.metrics()


async def test_synthetic_transactions_tell_whether_guests_get_fresh_answers(world: World) -> None:
    command = ["synthetic-transactions", "--agent-url", world.url]
    assert await asyncio.to_thread(ctl.main, command) == 0
    await world.ask()
    await world.break_pms("down")
    assert await asyncio.to_thread(ctl.main, command) == 1
