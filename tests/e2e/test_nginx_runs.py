"""file.render and nginx.reload in runs: a real nginx, the shipped template, a receiver that is killed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from remediator.authoring.reference import PROJECT
from remediator.store.sqlite.store import verify_database
from tests.e2e.receiver import Receiver, firing, resolved
from tests.real.nginx import RealNginx, nginx

_POLICY = """
policy: throttle
match: ['alertname = "Flood"']
target: nginx/main
options:
  - name: throttle
    steps:
      - {uses: file.render, with: {file: nginx-limits, values: {per_minute: 10, deny: []}, nginx: main}}
      - {uses: nginx.reload, with: {nginx: main}}
    verify: {http: {service: web, path: /, expect: {status: 200}}, within: 10s, every: 1s}
    revert: {after: 1h}
"""
_BY_HAND = "# written by hand\n"
# The template lets so many through at once.
_MORE_THAN_A_BURST = 25

pytestmark = pytest.mark.real


class Web:
    """A real nginx, and a receiver that may write one of its files."""

    def __init__(self, running: RealNginx, receiver: Receiver) -> None:
        self._running = running
        self.receiver = receiver
        self.file = running.folder / "conf.d" / "limits.conf"
        self.file.write_text(_BY_HAND)

    def configure(self, test: list[str] | None = None) -> None:
        """Let policies write the file as remediator.example.yaml has it."""
        example = yaml.safe_load((PROJECT / "remediator.example.yaml").read_text())
        template = str(PROJECT / "nginx" / "rate_limit.conf.j2")
        file = {**example["files"]["nginx-limits"], "path": str(self.file), "template": template}
        main = {
            "test": {"argv": test or list(self._running.test_argv)},
            "reload": {"argv": list(self._running.reload_argv)},
        }
        settings: dict[str, Any] = {
            "files": {"nginx-limits": file},
            "nginx": {"main": main},
            "services": {"web": {"url": self._running.url}},
        }
        self.receiver.configure(settings, throttle=_POLICY)

    def test_that_kills_once(self) -> list[str]:
        """Return a test of the configuration that ends the receiver the first time, as a power cut would."""
        once = self._running.folder / "killed"
        argv = " ".join(self._running.test_argv)
        return ["sh", "-c", f"if [ -e {once} ]; then exec {argv}; fi; touch {once}; kill -9 $PPID; sleep 60"]

    def throttles(self) -> bool:
        """Ask more often than the limit allows. nginx reads its files again a little after it was told."""
        # A connection that is kept may belong to a worker that is being replaced.
        each_its_own = {"Connection": "close"}
        with httpx.Client(base_url=self._running.url, headers=each_its_own, trust_env=False) as client:
            codes = {client.get("/page").status_code for _ in range(_MORE_THAN_A_BURST)}
        return httpx.codes.TOO_MANY_REQUESTS in codes

    def fire(self) -> None:
        with contextlib.suppress(httpx.HTTPError):  # killed before it answered
            self.receiver.deliver(firing("Flood"))

    def resolve(self) -> None:
        with contextlib.suppress(httpx.HTTPError):
            self.receiver.deliver(resolved("Flood"))

    def until_run(self, state: str, number: int = 0) -> dict[str, Any]:
        """Wait until a run is in a state."""

        def found() -> dict[str, Any] | None:
            runs = self.receiver.runs()
            return runs[number] if len(runs) > number and runs[number]["state"] == state else None

        run: dict[str, Any] = self.receiver.until(found, f"run {number} is not {state}")
        return run

    def check_restored(self) -> None:
        """All is as it was before, and the audit log says what happened."""
        self.until_run("reverted", 1)
        assert self.file.read_text() == _BY_HAND
        self.receiver.until(lambda: not self.throttles(), "nginx still throttles")
        assert self.receiver.runs()[0]["lease"] == "undone"
        assert self.receiver.stop() == 0
        assert verify_database(self.receiver.database) is None


@pytest.fixture
def web(tmp_path: Path, receiver: Receiver) -> Iterator[Web]:
    with nginx(tmp_path / "nginx") as running:
        yield Web(running, receiver)


def test_a_limit_stands_while_the_alert_does(web: Web) -> None:
    web.configure()
    web.receiver.start()
    assert not web.throttles()
    web.fire()
    web.until_run("succeeded")
    assert "rate=10r/m" in web.file.read_text()
    web.receiver.until(web.throttles, "nginx does not throttle")
    web.resolve()
    web.check_restored()


def test_what_nginx_refuses_never_stands(web: Web) -> None:
    """Another file already has a zone of that name: only `nginx -t` can know."""
    zone = "limit_req_zone $binary_remote_addr zone=remediator:1m rate=1r/s;\n"
    (web.file.parent / "another.conf").write_text(zone)
    web.configure()
    web.receiver.start()
    web.fire()
    run = web.until_run("failed")
    assert web.file.read_text() == _BY_HAND
    steps = web.receiver.get(f"/api/v1/runs/{run['id']}")["steps"]
    assert [step["action"] for step in steps] == ["file.render"]
    assert "zone" in str(steps[0])
    assert not web.throttles()


@pytest.mark.parametrize("failpoint", ["step.intent.committed:1", "step.acted:1"])
def test_killed_between_steps_it_goes_on(web: Web, failpoint: str) -> None:
    web.configure()
    web.receiver.start(failpoint=failpoint)
    web.fire()
    assert web.receiver.await_death() == -9
    web.receiver.start()
    web.until_run("succeeded")
    assert "rate=10r/m" in web.file.read_text()
    web.receiver.until(web.throttles, "nginx does not throttle")
    web.resolve()
    web.check_restored()


def test_killed_between_the_file_and_its_test_it_tests_after_all(web: Web) -> None:
    web.configure(web.test_that_kills_once())
    web.receiver.start()
    web.fire()
    assert web.receiver.await_death() == -9
    assert "rate=10r/m" in web.file.read_text()  # placed, and never tested
    assert not web.throttles()
    web.receiver.start()
    web.until_run("succeeded")
    web.receiver.until(web.throttles, "nginx does not throttle")
    web.resolve()
    web.check_restored()


def test_killed_before_the_way_back_it_goes_back(web: Web) -> None:
    web.configure()
    web.receiver.start(failpoint="revert.created")
    web.fire()
    web.until_run("succeeded")
    web.resolve()
    assert web.receiver.await_death() == -9
    web.receiver.start()
    web.check_restored()


def test_what_somebody_changed_since_is_left_alone(web: Web) -> None:
    web.configure()
    web.receiver.start()
    web.fire()
    web.until_run("succeeded")
    web.file.write_text("# changed meanwhile\n")
    web.resolve()
    revert = web.until_run("revert_failed", 1)
    assert revert["reason"] == "changed_since"
    assert web.file.read_text() == "# changed meanwhile\n"
    assert web.receiver.runs()[0]["lease"] == "overdue"
