"""docker-compose.yml on a real container engine that has neither a registry nor networks of its own.

Images can't be pulled or built there. So each service that this project builds, and Prometheus and
Alertmanager, run in the busybox image with this machine's own interpreter and programs mounted read-only;
commands, environment, mounted files, healthchecks and hardening stay as the file has them. Containers share
the host's network: where a service would have an address of its own it gets a place on loopback, and its name
leads there.

What has no program here to stand in is not started: Grafana, and the proxy before the engine's socket.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.real.engine import IMAGE, Engine, need

PROJECT = Path(__file__).parents[2]
NOT_STARTED = frozenset({"grafana", "docker-socket-proxy"})
"""Services whose images only a registry has."""
_PROGRAMS = {"prometheus": "/usr/bin/prometheus", "alertmanager": "/usr/bin/prometheus-alertmanager"}
_MORE = {"alertmanager": ("--cluster.listen-address=",)}  # it would listen beyond loopback
_NOBODY = "65534:65534"
_KEPT = frozenset(
    {
        "cap_drop",
        "command",
        "container_name",
        "environment",
        "healthcheck",
        "read_only",
        "security_opt",
        "stop_grace_period",
        "tmpfs",
    }
)


@dataclass(frozen=True)
class Place:
    """Where a service listens instead of its own address."""

    host: str
    port: int

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"


def compose_config(folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `docker-compose config` on the project's file, with this environment and no .env file."""
    need(None if shutil.which("docker-compose") else "not installed: docker-compose")
    empty = folder / "empty.env"  # or a .env of the checkout would count
    empty.touch()
    return subprocess.run(
        ["docker-compose", "--env-file", str(empty), "config"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **env},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def wanted_env(folder: Path) -> dict[str, str]:
    """Return something for every variable that the file has to have: a text, or the path of an empty file."""
    wanted = {}
    for name in re.findall(r"\$\{(\w+):\?", (PROJECT / "docker-compose.yml").read_text()):
        wanted[name] = "[]" if name == "REMEDIATOR_TOKENS" else "x"
        if name.endswith("_FILE"):
            wanted[name] = str(folder / name)
            Path(wanted[name]).touch(mode=0o644)
    return wanted


@dataclass(frozen=True)
class ComposeStack:
    """Services of the file on an engine, known by the project's name."""

    engine: Engine
    file: Path
    name: str
    healthchecks: Mapping[str, Sequence[str]]

    def up(self, *services: str) -> None:
        """Create and start them."""
        self._compose("up", "-d", "--no-build", *services)

    def down(self) -> None:
        """Remove what was started."""
        self._compose("down", "--timeout", "1")

    def container(self, service: str) -> str:
        """Return the name of a service's only container."""
        label = f"label=com.docker.compose.service={service}"
        (name,) = self.engine.podman("ps", "-a", "--filter", label, "--format", "{{.Names}}").split()
        return name

    def logs(self, service: str) -> str:
        """Return the last that a service wrote."""
        done = self.engine.tried("logs", "--tail", "15", self.container(service))
        return done.stdout + done.stderr

    def healthy(self, service: str) -> bool:
        """Run a service's healthcheck inside its container: podman 4.3 splits its arguments at blanks."""
        _, *argv = self.healthchecks[service]
        return self.engine.tried("exec", self.container(service), *argv).returncode == 0

    def _compose(self, *argv: str) -> None:
        done = subprocess.run(
            ["docker-compose", "-f", str(self.file), "-p", self.name, *argv],
            env={**os.environ, "DOCKER_HOST": self.engine.docker_host},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        if done.returncode != 0:
            pytest.fail(f"docker-compose {argv[0]} ended with {done.returncode}: {done.stderr[-2000:]}")


@contextmanager
def compose_stack(
    engine: Engine,
    folder: Path,
    places: Mapping[str, Place],
    env: Mapping[str, str],
    change: Callable[[dict[str, Any]], None] = lambda _services: None,
) -> Iterator[ComposeStack]:
    """Adapt the file for this engine, and take down whatever was started of it.

    `env` is what .env would hold; `change` may change the file's services first.
    """
    done = compose_config(folder, {**wanted_env(folder), **env})
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load(done.stdout)
    services = config["services"]
    change(services)
    secrets = {name: one["file"] for name, one in config.get("secrets", {}).items()}
    adapted = {
        name: _adapted(name, service, places, folder, secrets)
        for name, service in services.items()
        if name not in NOT_STARTED
    }
    checks = {name: one.pop("healthcheck")["test"] for name, one in adapted.items() if "healthcheck" in one}
    file = folder / "docker-compose.yml"
    file.write_text(yaml.safe_dump({"version": "2.4", "services": adapted}, sort_keys=False))
    stack = ComposeStack(engine, file, folder.name.replace("_", "").lower(), checks)
    try:
        yield stack
    finally:
        stack.down()


def image_user() -> str:
    """Return the user that the project's image runs as."""
    dockerfile = (PROJECT / "Dockerfile").read_text()
    assert re.search(r"^USER remediator$", dockerfile, re.MULTILINE)
    found = re.search(r"useradd .*--uid (\d+)", dockerfile)
    assert found is not None
    return f"{found[1]}:{found[1]}"


def _adapted(
    name: str,
    given: Mapping[str, Any],
    places: Mapping[str, Place],
    folder: Path,
    secrets: Mapping[str, str],
) -> dict[str, Any]:
    ours = "build" in given
    service: dict[str, Any] = _placed({key: given[key] for key in _KEPT & given.keys()}, name, places)
    if ours:
        entrypoint = [sys.executable, *given.get("entrypoint", ["python", "-m", "remediator"])[1:]]
        service["environment"] = {
            **service.get("environment", {}),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(PROJECT),
        }
        if "healthcheck" in service:
            _, _, *rest = service["healthcheck"]["test"]
            own = [re.sub(r"http://127\.0\.0\.1:\d+", places[name].url, text) for text in rest]
            service["healthcheck"]["test"] = ["CMD", sys.executable, *own]
    else:
        entrypoint = [_PROGRAMS[name]]
        service["command"] += [f"--web.listen-address={places[name].address}", *_MORE.get(name, ())]
    volumes = [_mounted(volume, folder) for volume in given.get("volumes", [])]
    volumes += [
        f"{secrets[one['source']]}:/run/secrets/{one['source']}:ro" for one in given.get("secrets", [])
    ]
    return {
        **service,
        "image": IMAGE,
        "entrypoint": entrypoint,
        "user": image_user() if ours else _NOBODY,
        "network_mode": "host",
        "extra_hosts": [f"{other}:{place.host}" for other, place in places.items()],
        "volumes": [*volumes, *host_programs()],
    }


def _placed(value: Any, name: str, places: Mapping[str, Place]) -> Any:
    """Replace addresses of services, and the service's own, by their places."""
    if isinstance(value, Mapping):
        return {key: _placed(child, name, places) for key, child in value.items()}
    if isinstance(value, list):
        own, at = [_placed(child, name, places) for child in value], places[name]
        for option, instead in (("--host", at.host), ("--port", str(at.port))):
            if option in own:
                own[own.index(option) + 1] = instead
        return own
    if not isinstance(value, str):
        return value
    for other, place in places.items():
        value = re.sub(rf"http://{other}:\d+", place.url, value)
    return value


def _mounted(volume: str, folder: Path) -> str:
    """Put a named volume into the folder, for anybody to write; leave the others."""
    source, _, rest = volume.partition(":")
    if source.startswith("/"):
        return volume
    instead = folder / source
    instead.mkdir(exist_ok=True)
    instead.chmod(0o777)
    return f"{instead}:{rest}"


def host_programs() -> Sequence[str]:
    """Return the mounts, read-only, that let this interpreter and this machine's programs run."""
    wanted = ["/usr", "/lib", "/lib64", sys.base_prefix, sys.prefix, str(PROJECT)]
    paths: list[str] = []
    for path in wanted:
        below = any(Path(path).is_relative_to(other) for other in paths)
        if Path(path).exists() and not below:
            paths.append(path)
    return [f"{path}:{path}:ro" for path in paths]
