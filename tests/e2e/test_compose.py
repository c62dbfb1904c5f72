"""docker-compose.yml started, as far as a machine without a registry can: see tests/real/compose.py."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.real.compose import ComposeStack, Place, compose_stack, image_user
from tests.real.engine import container_engine
from tests.real.require import require

_TOKEN, _ADMIN = "a-token-for-compose", "the-agents-own-token"
_PORTS = {
    "prometheus": 9090,
    "alertmanager": 9093,
    "remediator": 8080,
    "agente-api": 8000,
    "qloapps": 8100,
    "postgres": 5432,
    "redis": 6379,
}
_DEMO = ("agente-api", "qloapps", "postgres", "redis")
_SECONDS = 240


@pytest.fixture(scope="module")
def places() -> dict[str, Place]:
    """The services' own ports, each on a loopback address that is most likely nobody else's."""
    net = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(254) + 1}"
    return {name: Place(f"{net}.{number}", port) for number, (name, port) in enumerate(_PORTS.items(), 1)}


@pytest.fixture(scope="module")
def stack(places: dict[str, Place]) -> Iterator[ComposeStack]:
    require("prometheus")
    require("prometheus-alertmanager")
    folder = Path(tempfile.mkdtemp(prefix="compose-"))  # a socket's path must be short
    folder.chmod(0o755)
    token = folder / "token"
    token.write_text(_TOKEN)
    token.chmod(0o644)
    digest = hashlib.sha256(_TOKEN.encode()).hexdigest()
    roles = ["webhook", "viewer"]
    env = {
        "ADMIN_TOKEN": _ADMIN,
        "REMEDIATOR_TOKENS": json.dumps([{"name": "tester", "sha256": digest, "roles": roles}]),
        "REMEDIATOR_WEBHOOK_TOKEN_FILE": str(token),
    }
    try:
        with container_engine(folder) as engine, compose_stack(engine, folder, places, env) as made:
            made.up()
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def until(true: Callable[[], Any], why: str, stack: ComposeStack) -> Any:
    """Ask containers again and again, which have no event to wait for."""
    ends_at = time.monotonic() + _SECONDS
    while time.monotonic() < ends_at:
        try:
            found = true()
        except httpx.HTTPError:
            found = None
        if found:
            return found
        time.sleep(0.2)
    logs = "\n".join(f"{name}: {stack.logs(name)}" for name in _PORTS)
    pytest.fail(f"{why}:\n{stack.engine.podman('ps', '-a')}\n{logs}")


def get(place: Place, path: str, **params: str) -> Any:
    headers = {"Authorization": f"Bearer {_TOKEN}"}
    answer = httpx.get(f"{place.url}{path}", headers=headers, params=params, timeout=30, trust_env=False)
    return answer.raise_for_status().json()


@pytest.mark.real
@pytest.mark.parametrize("name", _DEMO)
def test_the_hotel_is_healthy(stack: ComposeStack, name: str) -> None:
    until(lambda: stack.healthy(name), f"{name} is not healthy", stack)


@pytest.mark.real
def test_the_agent_finds_its_pms_and_backends(stack: ComposeStack, places: dict[str, Place]) -> None:
    agent = places["agente-api"]
    rooms = until(lambda: get(agent, "/api/v1/availability"), "no rooms are offered", stack)
    assert "potentially_stale" not in rooms
    assert until(lambda: get(agent, "/health/ready"), "the agent is not ready", stack)


@pytest.mark.real
def test_an_alert_goes_all_the_way(stack: ComposeStack, places: dict[str, Place]) -> None:
    """Prometheus has the shipped rules, Alertmanager the shipped routes and the token of the secret."""
    seen = 'remediator_watchdog_last_seen_timestamp_seconds{source="default"}'
    metrics = f"{places['remediator'].url}/metrics"
    until(
        lambda: seen in httpx.get(metrics, timeout=30, trust_env=False).text,
        "the Watchdog did not arrive",
        stack,
    )
    targets = get(places["prometheus"], "/api/v1/targets", state="active")["data"]["activeTargets"]
    jobs = {target["labels"]["job"] for target in targets}
    assert jobs == {"remediator", "alertmanager"}  # the agent's is found by DNS, which is not there


@pytest.mark.real
def test_remediator_has_no_rights(stack: ComposeStack, places: dict[str, Place]) -> None:
    until(lambda: get(places["remediator"], "/health/ready"), "it is not ready", stack)
    inside = ("exec", stack.container("remediator"), "sh", "-c")
    status = stack.engine.podman(*inside, "cat /proc/1/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert set(facts["Uid"].split()) == {image_user().split(":")[0]}
    assert {facts[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert facts["NoNewPrivs"] == "1"
    assert stack.engine.tried(*inside, "touch /x /etc/remediator/x").returncode != 0
    assert stack.engine.tried(*inside, "touch /tmp/x /var/lib/remediator/x").returncode == 0
    assert stack.engine.tried(*inside, "ls /var/run/docker.sock").returncode != 0
