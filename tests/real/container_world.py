"""The demo's world with the hotel in containers of a real engine: services of docker-compose.yml.

Prometheus, Alertmanager and the receiver are processes beside them, as in every drill; times are divided.
"""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import httpx

from remediator.demo.processes import NotStartedError, Processes
from remediator.demo.world import World, find_binaries
from remediator.yaml_source import read_yaml_file
from tests.real.compose import PROJECT, ComposeStack, Place
from tests.real.require import free_port

_SERVICES = {"pms": "qloapps", "database": "postgres", "redis": "redis"}
_ANSWERS_WITHIN_SECONDS = 120
_NO_COMMAND = "raise SystemExit('these are containers, and their engine restarts them')"


class ContainerService:
    """A service in a container of its own. It ends with its stack."""

    def __init__(self, stack: ComposeStack, name: str, place: Place) -> None:
        self._stack = stack
        self._name = name
        self._place = place

    def set_up(self, port: int, owner_pid: int) -> None:
        """Do nothing: the compose file says all of it."""

    def start(self) -> None:
        """Create it, start it, and wait until it answers."""
        self._stack.up(self._name)
        ends_at = time.monotonic() + _ANSWERS_WITHIN_SECONDS
        while not self._answers():
            if time.monotonic() > ends_at:
                raise NotStartedError(f"{self._name}: {self._stack.logs(self._name)}")
            time.sleep(0.1)

    def stop(self, *, gently: bool = True) -> None:
        """Stop it, or kill it."""
        name = self._stack.container(self._name)
        self._stack.engine.podman("stop" if gently else "kill", name)

    def _answers(self) -> bool:
        try:
            httpx.get(f"{self._place.url}/", timeout=1, trust_env=False)
        except httpx.HTTPError:
            return False
        return True


class ContainerWorld(World):
    """A world whose agent, PMS, databases and Redis are services of a compose stack.

    `change` and `places` are what that is made with; `run_on` then says which it is, before the start.
    """

    def __init__(self, folder: Path, processes: Processes, factor: float) -> None:
        super().__init__(folder, processes, find_binaries(), factor)
        ports = self.ports
        listening = {
            "prometheus": ports.prometheus,
            "alertmanager": ports.alertmanager,
            "remediator": ports.receiver,
            "agente-api": ports.agent,
            "qloapps": ports.pms,
            "postgres": ports.database,
            "redis": ports.redis,
            "mysql": free_port(),
        }
        self.places = {name: Place("127.0.0.1", port) for name, port in listening.items()}
        self._state = folder / "state"
        self._docker_host = ""
        self._more: tuple[ContainerService, ...] = ()

    def change(self, services: dict[str, Any]) -> None:
        """Divide the agent's times, keep the PMS broken over restarts, and add the PMS's database."""
        services["agente-api"]["environment"] |= self.agent_env()
        self._state.mkdir()
        self._state.chmod(0o777)
        services["qloapps"]["volumes"] = [f"{self._state}:/state:rw"]
        services["qloapps"]["command"] += ["--state-file", "/state/broken.json"]
        services["mysql"] = copy.deepcopy(services["postgres"]) | {"container_name": "mysql"}

    def run_on(self, stack: ComposeStack) -> None:
        """Have the services run there; the backup database, which the file does not have, stays a process."""
        made = {name: ContainerService(stack, name, place) for name, place in self.places.items()}
        self.services = {**self.services, **{name: made[service] for name, service in _SERVICES.items()}}
        self._more = (made["mysql"], made["agente-api"])
        self._docker_host = stack.engine.docker_host

    def start_agent(self) -> None:
        """Start the containers that the demo's world does not know as services."""
        for service in self._more:
            service.start()

    def receiver_config(self) -> dict[str, Any]:
        """Return the demo's configuration with the compose file's containers, and no restarts by command."""
        config = super().receiver_config()
        config["docker"] = {
            **read_yaml_file(PROJECT / "demo" / "remediator.compose.yaml").data["docker"],
            "host": self._docker_host,
            "exec": {
                "mysql-ping": self._asks("mysql"),
                "mysql-processes": {"container": "mysql", "argv": ["ps"], "read_only": True},
                "postgres-ping": self._asks("postgres"),
                "slow-queries": {"container": "postgres", "argv": ["true"], "read_only": True},
            },
            "probes": {
                "agente-api": {
                    "tcp": ["nc", "-w", "{seconds}", "{host}", "{port}"],
                    "dns": ["getent", "hosts", "{host}"],
                    "http": ["wget", "-q", "-S", "-O", "/dev/null", "{url}"],
                }
            },
            "networks": ["hotel"],
        }
        pms = self.places["qloapps"]
        config["network"] = {
            "tcp": {"pms": {"host": "qloapps", "port": pms.port}, "pms-db": {"host": "mysql", "port": 3306}},
            "dns": {"pms": {"host": "qloapps"}},
        }
        for name in ("restart-pms", "restart-database", "restart-redis"):
            config["commands"][name]["argv"] = ["python", "-c", _NO_COMMAND]
        return config

    def _asks(self, service: str) -> dict[str, Any]:
        url = f"{self.places[service].url}/api/health"
        argv = ["wget", "-q", "-O", "/dev/null", url]
        return {"container": service, "argv": argv, "timeout": "5s", "read_only": True}
