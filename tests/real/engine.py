"""A real container engine: podman speaking Docker's API on a socket of its own, below one folder.

No cgroup rights, no network and no registry are needed: containers share the host's network, and the one
image is made of busybox. Nothing outside the folder is touched, and only what was started here is stopped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

IMAGE = "localhost/test/busybox:latest"
_NEEDED = ("podman", "runc", "conmon", "busybox")
_STORAGE = """[storage]
driver = "vfs"
runroot = "{folder}/run"
graphroot = "{folder}/graph"
"""
_CONTAINERS = """[containers]
netns = "host"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
tmp_dir = "{folder}/libpod"
[network]
network_config_dir = "{folder}/networks"
"""
_DOCKERFILE = """FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "/bin"]
"""


@dataclass(frozen=True)
class Engine:
    """A running engine. Containers made by `run` are removed when it stops."""

    folder: Path
    docker_host: str
    env: Mapping[str, str]

    def run(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None, *labels: str) -> str:
        """Start a container and return its id."""
        settings = [f"--env={key}={value}" for key, value in (env or {}).items()]
        marks = [f"--label={label}" for label in labels]
        made = self.podman("run", "-d", "--name", name, "--network=host", *settings, *marks, IMAGE, *argv)
        return made.strip()

    def remove(self, *names: str) -> None:
        """Remove containers, there or not."""
        self.podman("rm", "-f", "-t", "0", "-i", *names)

    def podman(self, *argv: str) -> str:
        """Run a podman command on this engine's storage."""
        done = self.tried(*argv)
        if done.returncode != 0:
            raise AssertionError(f"podman {argv[0]} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def tried(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a podman command, well or not."""
        return subprocess.run(
            ["podman", *argv], env=dict(self.env), check=False, capture_output=True, text=True, timeout=240
        )


def missing() -> str | None:
    """Say which programs are not here, or None."""
    absent = [program for program in _NEEDED if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


def need(reason: str | None) -> None:
    """Skip a test that needs what is not here; in CI that is a failure."""
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"in CI nothing may be missing: {reason}")
    pytest.skip(reason)


@contextmanager
def container_engine(folder: Path) -> Iterator[Engine]:
    """Start an engine with its image below `folder`, and stop it with all of its containers."""
    need(missing())
    env = _configure(folder)
    _build(folder, env)
    socket = folder / "docker.sock"
    with (folder / "service.log").open("wb") as log:
        service = subprocess.Popen(
            ["podman", "system", "service", "--time=0", f"unix://{socket}"],
            env=env,
            stdout=log,
            stderr=log,
        )
    engine = Engine(folder, f"unix://{socket}", env)
    try:
        _await_socket(socket, service)
        yield engine
    finally:
        service.terminate()
        service.wait(timeout=60)
        engine.podman("rm", "-f", "-a", "-t", "0")


def _configure(folder: Path) -> dict[str, str]:
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
    (folder / "containers.conf").write_text(_CONTAINERS.format(folder=folder))
    return {
        **os.environ,
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "TMPDIR": str(folder),
    }


def _build(folder: Path, env: Mapping[str, str]) -> None:
    context = folder / "image"
    context.mkdir()
    shutil.copy(str(shutil.which("busybox")), context / "busybox")
    (context / "Dockerfile").write_text(_DOCKERFILE)
    subprocess.run(
        ["podman", "build", "--isolation", "chroot", "-t", "test/busybox", str(context)],
        env=dict(env),
        check=True,
        capture_output=True,
        timeout=240,
    )


def _await_socket(socket: Path, service: subprocess.Popen[bytes]) -> None:
    """The socket is the only sign that the service gives."""
    ends_at = time.monotonic() + 120
    while not socket.exists():
        if service.poll() is not None or time.monotonic() > ends_at:
            pytest.fail(f"podman's service did not start; see {socket.parent / 'service.log'}")
        time.sleep(0.05)
