"""A stand-in for Docker's API where podman 4.3 has nothing to show: `update`, addresses on networks.

Its API answers `update` with 404, and without rights over the host's networks a container there can be on a
network, but not run on one. Everything else that remediator asks of an engine is tested on podman.

It serves the documented shape of Docker 1.41 on a socket, from containers that a test writes down as an
inspection shows them, and keeps what it was sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

_LIMITS = ("Memory", "MemorySwap", "NanoCpus", "CpuQuota", "CpuPeriod")


@dataclass
class DockerApi:
    """The containers by name, the networks, and the updates so far."""

    docker_host: str
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    networks: list[str] = field(default_factory=list)
    updates: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    update_fails: str = ""
    """What the next updates are answered with, after they were made if it starts with `after:`."""

    def add(
        self, name: str, *, running: bool = True, networks: dict[str, str] | None = None, **host: Any
    ) -> None:
        """Write down a container: its address on each network, and its HostConfig."""
        attached = {one: {"IPAddress": address} for one, address in (networks or {}).items()}
        self.containers[name] = {
            "Id": name,
            "Name": f"/{name}",
            "State": {"Status": "running" if running else "exited", "Running": running},
            "Config": {"Env": [], "Image": "busybox"},
            "HostConfig": {
                "Memory": 0,
                "MemorySwap": 0,
                "NanoCpus": 0,
                "CpuQuota": 0,
                "CpuPeriod": 0,
                **host,
            },
            "NetworkSettings": {"Networks": attached},
        }

    def host(self, name: str) -> dict[str, Any]:
        """Return a container's HostConfig."""
        found: dict[str, Any] = self.containers[name]["HostConfig"]
        return found


@asynccontextmanager
async def docker_api(folder: Path) -> AsyncIterator[DockerApi]:
    """Serve on a socket in `folder`; its path must be short."""
    api = DockerApi(f"unix://{folder}/docker.sock")
    serving = _Serving(api)
    app = web.Application()
    app.add_routes(
        [
            web.get("/version", serving.version),
            web.get("/v1.41/networks", serving.networks),
            web.get("/v1.41/containers/{name}/json", serving.inspect),
            web.post("/v1.41/containers/{name}/update", serving.update),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, f"{folder}/docker.sock").start()
    try:
        yield api
    finally:
        await runner.cleanup()


class _Serving:
    def __init__(self, api: DockerApi) -> None:
        self._api = api

    async def version(self, _: web.Request) -> web.Response:
        return web.json_response({"ApiVersion": "1.41"})

    async def networks(self, _: web.Request) -> web.Response:
        return web.json_response([{"Name": name} for name in self._api.networks])

    async def inspect(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._api.containers:
            return _refused(404, f"No such container: {name}")
        return web.json_response(self._api.containers[name])

    async def update(self, request: web.Request) -> web.Response:
        """As the engine: zero leaves a limit alone, and memory may not pass memory with swap."""
        name, asked, fails = request.match_info["name"], await request.json(), self._api.update_fails
        self._api.updates.append((name, asked))
        if fails and not fails.startswith("after:"):
            return _refused(500, fails)
        host = self._api.host(name)
        after = host | {key: value for key, value in asked.items() if value}
        if 0 < after["MemorySwap"] < after["Memory"]:
            return _refused(409, "Memory limit should be smaller than already set memoryswap limit")
        if (asked.get("NanoCpus") and host["CpuQuota"]) or (asked.get("CpuQuota") and host["NanoCpus"]):
            return _refused(400, "Conflicting options: Nano CPUs and CPU Quota cannot both be set")
        host.update(after)
        return _refused(500, fails.removeprefix("after:")) if fails else web.json_response({"Warnings": []})


def _refused(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status)
