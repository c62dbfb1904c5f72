"""Talks to a container engine through the docker SDK."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from remediator.clients.docker_calls import DockerCalls, whole_seconds
from remediator.clients.docker_exec import ExecResult, run_inside
from remediator.clients.docker_processes import command_lines
from remediator.clients.docker_replies import update_limits
from remediator.clients.docker_stats import ContainerStats, container_stats, has_earlier
from remediator.clients.errors import ClientError, Fault

if TYPE_CHECKING:
    import docker

# Long enough for a share of time, short enough for a fact.
_BETWEEN_SAMPLES_SECONDS = 1.0
_LOG_CAP_BYTES = 64 * 1024 * 1024
SERVICE_LABEL = "com.docker.compose.service"
PROJECT_LABEL = "com.docker.compose.project"
KEPT_SUFFIX = ".remediator-old"
"""Ends the name of a container that is being replaced, while it is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """What an inspection shows. `started_at` is None when it never ran; `health` empty without a check."""

    id: str
    name: str
    state: str
    running: bool
    health: str
    started_at: datetime | None
    image: str
    exit_code: int | None
    env: Mapping[str, str]
    raw: Mapping[str, Any] = field(repr=False)


class DockerEngine:
    """One container engine, by its address. Connects at each call, not before."""

    def __init__(self, host: str) -> None:
        self._calls = DockerCalls(host)

    async def inspect(self, name: str, within: timedelta) -> ContainerState:
        """Look at one container.

        Raises:
            ClientError: REFUSED when there is none of that name.
        """
        raw = await self._calls.ask(lambda client: client.api.inspect_container(name), within)
        return _state(raw)

    async def by_service(self, service: str, project: str | None, within: timedelta) -> tuple[str, ...]:
        """Return the names of a compose service's containers, running or not, in order.

        One that is being replaced has the name that its successor takes.
        """
        labels = [f"{SERVICE_LABEL}={service}"]
        if project is not None:
            labels.append(f"{PROJECT_LABEL}={project}")
        found = await self._calls.ask(
            lambda client: client.api.containers(all=True, filters={"label": labels}), within
        )
        names = {str(entry["Names"][0]).lstrip("/").removesuffix(KEPT_SUFFIX) for entry in found}
        return tuple(sorted(names))

    async def restart(self, name: str, grace: timedelta, within: timedelta) -> None:
        """Stop it, killing it after `grace`, and start it."""
        await self._calls.ask(lambda client: client.api.restart(name, timeout=whole_seconds(grace)), within)

    async def start(self, name: str, within: timedelta) -> None:
        """Start it; one that runs is left alone."""
        await self._calls.ask(lambda client: client.api.start(name), within)

    async def stop(self, name: str, grace: timedelta, within: timedelta) -> None:
        """Stop it, killing it after `grace`; one that does not run is left alone."""
        await self._calls.ask(lambda client: client.api.stop(name, timeout=whole_seconds(grace)), within)

    async def rename(self, name: str, new_name: str, within: timedelta) -> None:
        """Give it another name."""
        await self._calls.ask(lambda client: client.api.rename(name, new_name), within)

    async def remove(self, name: str, within: timedelta) -> None:
        """Remove it, running or not; its volumes stay."""
        await self._calls.ask(lambda client: client.api.remove_container(name, force=True), within)

    async def create(
        self, name: str, config: Mapping[str, Any], networks: Mapping[str, Any], within: timedelta
    ) -> str:
        """Make a container from a raw configuration and connect further networks; return its id."""

        def work(client: docker.DockerClient) -> str:
            # The SDK's stubs leave this one untyped.
            made = client.api.create_container_from_config(dict(config), name)  # type: ignore[no-untyped-call]
            for network, endpoint in networks.items():
                client.api.connect_container_to_network(made["Id"], network, **endpoint)
            return str(made["Id"])

        return await self._calls.ask(work, within)

    async def image_id(self, image: str, within: timedelta) -> str | None:
        """Return the id that an image's name stands for now; None when there is no such image."""

        def work(client: docker.DockerClient) -> str:
            # The SDK's stubs leave this one untyped.
            return str(client.api.inspect_image(image)["Id"])  # type: ignore[no-untyped-call]

        try:
            return await self._calls.ask(work, within)
        except ClientError as error:
            if error.fault is Fault.REFUSED:
                return None
            raise

    async def logs(
        self,
        name: str,
        *,
        since: datetime | None,
        tail: int | None,
        take: Callable[[bytes], None],
        within: timedelta,
    ) -> bool:
        """Hand what it wrote to `take`, in pieces, from a thread; False when not all could be read."""
        ends_at = time.monotonic() + within.total_seconds() * 0.9

        def work(client: docker.DockerClient) -> bool:
            wanted: dict[str, Any] = {"tail": "all" if tail is None else tail}
            if since is not None:
                wanted["since"] = since.timestamp()
            read = 0
            pieces = client.api.logs(name, stream=True, follow=False, **wanted)
            try:
                for piece in pieces:
                    take(piece)
                    read += len(piece)
                    if read > _LOG_CAP_BYTES or time.monotonic() > ends_at:
                        return False
            finally:
                pieces.close()
            return True

        return await self._calls.ask(work, within)

    async def run_inside(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], within: timedelta
    ) -> ExecResult:
        """Run a program inside a container and wait for its end.

        Raises:
            ClientError: REFUSED when the container is not there or does not run.
        """
        seconds = within.total_seconds()
        return await self._calls.ask(lambda client: run_inside(client, name, argv, env, seconds), within)

    async def stats(self, name: str, within: timedelta) -> ContainerStats:
        """Sample what it uses, over about a second."""

        def work(client: docker.DockerClient) -> ContainerStats:
            first = client.api.stats(name, stream=False)
            if has_earlier(first):
                return container_stats(first)
            time.sleep(_BETWEEN_SAMPLES_SECONDS)
            return container_stats(client.api.stats(name, stream=False), first)

        return await self._calls.ask(work, within)

    async def processes(self, name: str, within: timedelta) -> tuple[str, ...]:
        """Return the command line of each of its processes."""
        return command_lines(await self._calls.ask(lambda client: client.api.top(name), within))

    async def update(self, name: str, limits: Mapping[str, Any], within: timedelta) -> None:
        """Change limits of a container; `limits` are fields of Docker's API.

        Raises:
            ClientError: REFUSED when there is no such container, or the engine knows no such call.
        """
        await self._calls.ask(lambda client: update_limits(client, name, limits), within)

    async def has_network(self, name: str, within: timedelta) -> bool:
        """Tell whether the engine has a network of that name."""
        found = await self._calls.ask(lambda client: client.api.networks(names=[name]), within)
        return any(network.get("Name") == name for network in found)

    def close(self) -> None:
        """Give the threads back; a call under way is not waited for."""
        self._calls.close()


def _state(raw: Mapping[str, Any]) -> ContainerState:
    state = raw.get("State") or {}
    config = raw.get("Config") or {}
    return ContainerState(
        id=raw["Id"],
        name=str(raw.get("Name", "")).lstrip("/"),
        state=str(state.get("Status", "")),
        running=bool(state.get("Running")),
        health=str((state.get("Health") or {}).get("Status") or ""),
        started_at=_moment(state.get("StartedAt")),
        image=str(config.get("Image") or ""),
        exit_code=state.get("ExitCode"),
        env=split_env(config.get("Env") or ()),
        raw=raw,
    )


def split_env(entries: Sequence[str]) -> dict[str, str]:
    """Read `NAME=value` entries."""
    return {name: value for name, _, value in (entry.partition("=") for entry in entries)}


def _moment(text: Any) -> datetime | None:
    """Read the engine's time, which has nanoseconds; the year 1 says never."""
    if not isinstance(text, str) or text.startswith("0001-"):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
