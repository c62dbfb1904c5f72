"""The demo's world in a folder of its own: files with the ports and tokens of the day, and processes."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from remediator.demo import rules_copy
from remediator.demo.backup import make_backup
from remediator.demo.processes import Processes, free_ports
from remediator.demo.service_process import MODULES, Service, ServiceProcess
from remediator.demo.shipped_files import policies, shipped
from remediator.yaml_source import read_yaml_file

# What the agent's breaker waits, and how often the agent probes, in a runbook's world; here divided.
_RECOVERY_SECONDS = 30.0
_PROBE_SECONDS = 60.0
# The hotel's. Those about remediator itself look over longer times than a demo has.
_RULE_FILES = ("recording.yml", "alerts.yml")
_BASELINE_WITHIN_SECONDS = 30.0
_LOOK_EVERY_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, on loopback."""

    receiver: int
    agent: int
    pms: int
    prometheus: int
    alertmanager: int
    database: int
    database_backup: int
    redis: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """Secrets of this one demo: for the receiver's callers, and the agent's own."""

    webhook: str
    viewer: str
    oncall: str
    agent_admin: str


@dataclass(frozen=True, slots=True)
class Binaries:
    """A real Prometheus and Alertmanager."""

    prometheus: str
    alertmanager: str


def find_binaries() -> Binaries | None:
    """Return both where both are installed."""
    prometheus = shutil.which("prometheus")
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    return Binaries(prometheus, alertmanager) if prometheus and alertmanager else None


class World:
    """Everything that runs. `binaries` None means the stand-in."""

    def __init__(self, folder: Path, processes: Processes, binaries: Binaries | None, factor: float) -> None:
        self.folder = folder
        self.ports = Ports(*free_ports(8))
        self.tokens = Tokens(*(secrets.token_urlsafe(24) for _ in range(4)))
        self.services: Mapping[str, Service] = {name: ServiceProcess(folder, name) for name in MODULES}
        self.binaries = binaries
        self._processes = processes
        self._factor = factor
        # The environment's own settings are for another server.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("REMEDIATOR_")}
        self._env = {**kept, "PYTHONUNBUFFERED": "1"}

    def stop_services(self) -> None:
        """Stop what is restarted by commands, and so belongs to nobody else."""
        for service in self.services.values():
            service.stop()

    @property
    def config(self) -> Path:
        """The receiver's configuration."""
        return self.folder / "remediator.yaml"

    def url(self, port: int) -> str:
        """Return the base address of whatever listens on `port`."""
        return f"http://127.0.0.1:{port}"

    def write_files(self) -> None:
        """Write the copies that are served: same files, shorter times, this day's addresses."""
        (self.folder / "policies").mkdir()
        for path in policies():
            copy = rules_copy.policy_copy(read_yaml_file(path).data, self._factor)
            _write(
                self.folder / "policies" / path.name, copy, f"{path.name}, times divided by {self._factor}"
            )
        _write(self.config, self.receiver_config(), "demo/remediator.yaml of this day")
        make_backup(self.folder)
        token_file = self.folder / "webhook.token"
        token_file.touch(mode=0o600)
        token_file.write_text(self.tokens.webhook, encoding="utf-8")
        targets = {
            "agente-hotel-api": f"127.0.0.1:{self.ports.agent}",
            "alertmanager": f"127.0.0.1:{self.ports.alertmanager}",
            "remediator": f"127.0.0.1:{self.ports.receiver}",
        }
        for name in ("prometheus.yml", *_RULE_FILES):
            document = rules_copy.prometheus_copy(_read(f"prometheus/{name}"), self._factor)
            if name == "prometheus.yml":
                document = {**rules_copy.retarget(document, targets), "rule_files": list(_RULE_FILES)}
            _write(self.folder / name, document, f"{name}, times divided by {self._factor}")
        routes = rules_copy.alertmanager_copy(_read("alertmanager/alertmanager.yml"), self._factor)
        routes = rules_copy.reroute(routes, self._webhook, str(token_file))
        _write(self.folder / "alertmanager.yml", routes, f"times divided by {self._factor}")

    def start(self) -> None:
        """Start everything, each part once the one before it is ready.

        Raises:
            NotStartedError: naming the part that did not start.
        """
        for name, service in self.services.items():
            service.set_up(getattr(self.ports, name), os.getpid())
            service.start()
        self.start_agent()
        if self.binaries is not None:
            self._start_alertmanager(self.binaries)
            self._start_prometheus(self.binaries)
        self._start_receiver()
        if self.binaries is None:
            self._start_stand_in()

    def break_service(self, name: str) -> None:
        """Break what a service stands on: a restart brings it up, but not well."""
        self._call("POST", f"{self.url(getattr(self.ports, name))}/admin/break", {"mode": "down"})

    def mend_service(self, name: str) -> None:
        """Mend it, as somebody would meanwhile."""
        self._call("POST", f"{self.url(getattr(self.ports, name))}/admin/break", {"mode": "off"})

    def agent_fault(self, **fault: float) -> None:
        """Put trouble into the agent; what is left out ends."""
        self._call("POST", f"{self.url(self.ports.agent)}/admin/fault", fault)

    def pms_type(self) -> str:
        """Ask the agent which PMS it uses."""
        answer = self._call("GET", f"{self.url(self.ports.agent)}/admin/settings/pms-type")
        return str(answer.json()["value"])

    def _call(self, method: str, url: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens.agent_admin}"}
        answer = httpx.request(method, url, json=body, headers=headers, timeout=5, trust_env=False)
        return answer.raise_for_status()

    @property
    def _webhook(self) -> str:
        return f"{self.url(self.ports.receiver)}/webhook/alertmanager"

    def receiver_config(self) -> dict[str, Any]:
        """Return demo/remediator.yaml with this day's addresses and tokens."""
        config: dict[str, Any] = read_yaml_file(shipped("demo/remediator.yaml")).data
        config["server"] = {**config["server"], "port": self.ports.receiver}
        config["store"] = {"sqlite": str(self.folder / "remediator.db")}
        config["policies"] = str(self.folder / "policies")
        config["reports"] = str(self.folder / "reports")
        poll = rules_copy.divided(config["sources"]["default"]["poll"], self._factor)
        # The stand-in has no Alertmanager's API; the receiver then asks Prometheus's ALERTS.
        own = {"url": self.url(self.ports.alertmanager), "poll": poll} if self.binaries else {}
        config["sources"] = {"default": own}
        config["prometheus"] = {**config["prometheus"], "url": self.url(self.ports.prometheus)}
        config["services"]["agente"]["url"] = self.url(self.ports.agent)
        config["services"]["qloapps"]["url"] = self.url(self.ports.pms)
        of_the_day = {
            "python": sys.executable,
            "run": str(self.folder),
            "http://127.0.0.1:8000": self.url(self.ports.agent),
        }
        for command in config["commands"].values():
            command["argv"] = [of_the_day.get(argument, argument) for argument in command["argv"]]
        texts = {
            "alertmanager": self.tokens.webhook,
            "demo-viewer": self.tokens.viewer,
            "demo-oncall": self.tokens.oncall,
        }
        for token in config["tokens"]:
            token["sha256"] = hashlib.sha256(texts[token["name"]].encode()).hexdigest()
        return config

    def agent_env(self) -> dict[str, str]:
        """Return the agent's settings, times divided."""
        return {
            "ADMIN_TOKEN": self.tokens.agent_admin,
            "PMS_TYPE": "qloapps",
            "PMS_TIMEOUT": "2",
            "PMS_PROBE_SECONDS": str(_PROBE_SECONDS / self._factor),
            "DATABASE_URL": self.url(self.ports.database),
            "DATABASE_BACKUP_URL": self.url(self.ports.database_backup),
            "REDIS_URL": self.url(self.ports.redis),
            "PMS_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": str(_RECOVERY_SECONDS / self._factor),
            "RATE_LIMIT_WINDOW_SECONDS": str(60.0 / self._factor),
            "TRAFFIC_PER_SECOND": "10",
        }

    def start_agent(self) -> None:
        """Start the agent and wait until it is ready."""
        env = {**self._env, **self.agent_env()}
        argv = ["--port", str(self.ports.agent), "--pms-url", self.url(self.ports.pms)]
        self._start_module("agent", "remediator.demo.hotel", argv, env, self.ports.agent, "/health/ready")

    def _start_receiver(self) -> None:
        env = {**self._env, "ADMIN_TOKEN": self.tokens.agent_admin}
        argv = [sys.executable, "-m", "remediator", "serve", "--config", str(self.config)]
        ready = f"{self.url(self.ports.receiver)}/health/ready"
        self._processes.start("receiver", argv, env, ready)

    def _start_stand_in(self) -> None:
        env = {**self._env, "REMEDIATOR_WEBHOOK_TOKEN": self.tokens.webhook}
        argv = ["--port", str(self.ports.prometheus), "--agent-url", self.url(self.ports.agent)]
        argv += ["--webhook", self._webhook, "--config", str(self.folder / "prometheus.yml")]
        module = "remediator.demo.stand_in"
        self._start_module("stand-in", module, argv, env, self.ports.prometheus, "/-/ready")

    def _start_module(
        self, name: str, module: str, argv: list[str], env: dict[str, str], port: int, path: str
    ) -> None:
        whole = [sys.executable, "-m", module, *argv, "--owner", str(os.getpid())]
        self._processes.start(name, whole, env, f"{self.url(port)}{path}")

    def _start_prometheus(self, binaries: Binaries) -> None:
        argv = [
            binaries.prometheus,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'prometheus-data'}",
            f"--web.listen-address=127.0.0.1:{self.ports.prometheus}",
        ]
        self._processes.start("prometheus", argv, self._env, f"{self.url(self.ports.prometheus)}/-/ready")

    def _start_alertmanager(self, binaries: Binaries) -> None:
        argv = [
            binaries.alertmanager,
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'alertmanager-data'}",
            f"--web.listen-address=127.0.0.1:{self.ports.alertmanager}",
            "--cluster.listen-address=",
        ]
        self._processes.start("alertmanager", argv, self._env, f"{self.url(self.ports.alertmanager)}/-/ready")


def wait_for_baseline(world: World) -> None:
    """Wait until the rules have seen a closed breaker: then whatever fires was broken on purpose.

    Raises:
        RuntimeError: when they never do.
    """
    url = f"{world.url(world.ports.prometheus)}/api/v1/query"
    until = time.monotonic() + _BASELINE_WITHIN_SECONDS
    while time.monotonic() < until:
        answer = httpx.get(url, params={"query": "pms:breaker_open:bool == 0"}, timeout=5, trust_env=False)
        if answer.status_code == httpx.codes.OK and answer.json()["data"]["result"]:
            return
        time.sleep(_LOOK_EVERY_SECONDS)
    raise RuntimeError("the rules never saw a closed breaker")


def _read(name: str) -> Any:
    return yaml.safe_load(shipped(name).read_text(encoding="utf-8"))


def _write(path: Path, document: Any, comment: str) -> None:
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    path.write_text(f"# Generated: {comment}.\n{text}", encoding="utf-8")
