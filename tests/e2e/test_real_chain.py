"""The whole chain with real parts: Prometheus, Alertmanager, a container engine, the agent, its PMS."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from remediator.demo.rules_copy import prometheus_copy
from remediator.store.sqlite.store import verify_database
from tests.e2e.conftest import free_port
from tests.e2e.receiver import TOKEN, Receiver
from tests.real.alertmanager import alertmanager, webhook_config
from tests.real.engine import Engine, container_engine
from tests.real.prometheus import prometheus

_TOP = Path(__file__).parents[2]
_ADMIN_TOKEN = "the-agents-own-token"
# The container does nothing useful until it is started a second time, as a hung PMS would.
_PMS = """
if [ ! -e /started ]; then touch /started; exec sleep 100000; fi
mkdir -p /www/api; echo '{"status": "ok"}' > /www/api/health; echo '{"rooms": []}' > /www/api/availability
exec httpd -f -p 127.0.0.1:%d -h /www
"""
_POLICY = """
policy: pms-circuit-breaker-open
match: ['alertname = "PMSCircuitBreakerOpen"', 'severity =~ "critical|P1"']
target: pms/qloapps
recheck: 2s
guards:
  - cooldown: {for: 10m}
  - promql: {query: 'pms:breaker_open:bool{service="{{ labels.service }}"} == 1', hold: 2s}
  - not_firing: {alerts: [DatabaseDown]}
diagnose:
  - {fact: pms_up, uses: http.probe, with: {service: qloapps, path: /api/health, expect: {status: 200}}}
options:
  - name: restart-and-ease
    when: not facts.pms_up
    steps:
      - {uses: docker.restart, with: {container: qloapps, timeout: 1s}, timeout: 30s}
      - {uses: wait, with: {for: 2s}}
      - uses: http.request
        with: {service: agente, method: PUT, path: /admin/settings/rate-limit, json: {value: 300}}
      - {uses: http.request, with: {service: agente, method: POST, path: /admin/circuit-breaker/reset}}
    verify: {promql: 'pms:breaker_open:bool == 0', within: 40s, stable_for: 2s, every: 1s}
    revert:
      after: 1h
      when: facts.pms_up
      steps:
        - uses: http.request
          with: {service: agente, method: PUT, path: /admin/settings/rate-limit, json: {value: 120}}
      verify: {http: {service: agente, path: /health/ready, expect: {status: 200}}, within: 20s, every: 1s}
"""


@contextmanager
def hotel_agent(port: int, pms_port: int) -> Iterator[str]:
    """The demo hotel agent, whose breaker closes only by a reset: it does not try again by itself."""
    env = {
        **os.environ,
        "ADMIN_TOKEN": _ADMIN_TOKEN,
        "PMS_TIMEOUT": "1",
        "PMS_CACHE_TTL_SECONDS": "0",
        "PMS_CIRCUIT_BREAKER_FAILURE_THRESHOLD": "3",
        "PMS_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": "600",
        "TRAFFIC_PER_SECOND": "10",
    }
    argv = ["-m", "remediator.demo.hotel", "--port", str(port), "--pms-url", f"http://127.0.0.1:{pms_port}"]
    process = subprocess.Popen([sys.executable, *argv], env=env, stdin=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


def rules(folder: Path) -> list[Path]:
    """The shipped rules, fifteen times as fast."""
    files = []
    for name in ("recording.yml", "alerts.yml"):
        document = yaml.safe_load((_TOP / "prometheus" / name).read_text())
        copy = folder / name
        copy.write_text(yaml.safe_dump(prometheus_copy(document, 15)))
        files.append(copy)
    return files


@pytest.mark.real
def test_from_a_broken_pms_to_a_verified_revert(receiver: Receiver, tmp_path: Path) -> None:
    pms_port, hotel_port = free_port(), free_port()
    (tmp_path / "engine").mkdir()
    with (
        container_engine(tmp_path / "engine") as engine,
        hotel_agent(hotel_port, pms_port) as agent,
        alertmanager(
            tmp_path / "am", webhook_config(f"{receiver.url}/webhook/alertmanager", authorization=TOKEN)
        ) as am,
        prometheus(
            tmp_path / "prom", targets=[agent], rule_files=rules(tmp_path), alertmanagers=[am.address]
        ) as prom,
    ):
        engine.run("qloapps", ["sh", "-c", _PMS % pms_port])
        started_at = _started_at(engine)
        receiver.env["AGENT_TOKEN"] = _ADMIN_TOKEN
        receiver.configure(
            {
                "sources": {"default": {"url": am.url, "poll": "2s"}},
                "prometheus": {"url": prom.url},
                "docker": {"host": engine.docker_host, "containers": ["qloapps"]},
                "services": {
                    "agente": {"url": f"http://{agent}", "auth": {"bearer": "env:AGENT_TOKEN"}},
                    "qloapps": {"url": f"http://127.0.0.1:{pms_port}"},
                },
            },
            pms=_POLICY,
        )
        receiver.start()
        run = receiver.until(
            lambda: next((one for one in receiver.runs() if one["state"] == "succeeded"), None),
            "the run did not succeed",
            seconds=90,
        )
        assert (run["reason"], run["option"]) in (
            ("verified", "restart-and-ease"),
            ("resolved_during_run", "restart-and-ease"),
        )
        assert _started_at(engine) > started_at
        revert = receiver.until(
            lambda: next((one for one in receiver.runs() if one["state"] == "reverted"), None),
            "it was not reverted",
            seconds=90,
        )
        assert revert["policy"] == run["policy"]
        assert receiver.get(f"/api/v1/runs/{run['id']}")["lease"] == "undone"
        setting = httpx.get(
            f"http://{agent}/admin/settings/rate-limit", headers={"Authorization": f"Bearer {_ADMIN_TOKEN}"}
        )
        assert setting.json()["value"] == 120
        episodes = receiver.get("/api/v1/episodes", alertname="PMSCircuitBreakerOpen")["items"]
        assert [episode["close_reason"] for episode in episodes] == ["resolved"]
        assert len([one for one in receiver.runs() if one["state"] == "succeeded"]) == 1
        assert receiver.stop() == 0
        assert verify_database(receiver.database) is None
        assert _ADMIN_TOKEN not in receiver.log()


def _started_at(engine: Engine) -> str:
    return engine.podman("inspect", "--format", "{{.State.StartedAt}}", "qloapps")
