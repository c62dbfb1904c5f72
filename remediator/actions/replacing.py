"""Replaces a container by one like it with another environment, and puts the old one back if that fails.

The old one is renamed and kept, stopped, until the new one has proved itself. So a crash at any
point leaves names from which the next attempt knows how far it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from remediator.actions.faults import only_looking
from remediator.actions.time_left import TimeLeft
from remediator.clients.container_spec import REPLACES_LABEL, ContainerSpec, spec_like
from remediator.clients.docker import KEPT_SUFFIX, ContainerState, DockerEngine
from remediator.clients.errors import ClientError, Fault
from remediator.clock import Clock

_EVERY = timedelta(milliseconds=500)
PUT_BACK_WITHIN = timedelta(seconds=30)
"""What putting the old one back may take, beyond the attempt's own time."""


class Replacer:
    """Replaces containers."""

    def __init__(self, engine: DockerEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def replace(self, name: str, env: Mapping[str, str | None], time: TimeLeft) -> None:
        """Replace `name` by a container with `env` changed; a value of None removes a name.

        Raises:
            ClientError: it failed; the text says whether the old one is back.
        """
        with only_looking():
            old, spec = await self._spec(name, env, time)
        kept = name + KEPT_SUFFIX
        try:
            await self._engine.rename(name, kept, time.now())
            if old.running:
                await self._engine.stop(kept, _stop_grace(old), time.now())
            await self._engine.create(name, spec.config, spec.networks, time.now())
            if old.running:
                await self._engine.start(name, time.now())
                await self._prove(name, time)
        except ClientError as error:
            raise await self._put_back(name, old, error) from None
        await self._engine.remove(kept, time.now())

    async def repair(self, name: str, time: TimeLeft) -> None:
        """Finish what an attempt left half done when it was cut off; nothing to do otherwise.

        Raises:
            ClientError: when it can't be repaired.
        """
        kept = await self.kept(name, time)
        if kept is None:
            return
        new = await self._find(name, time)
        if new is not None and _replaces(new, kept) and new.running:
            await self._prove(name, time)
            await self._engine.remove(kept.name, time.now())
            return
        if new is not None:
            await self._remove_own(new, kept, time)
        await self._engine.rename(kept.name, name, time.now())
        await self._engine.start(name, time.now())

    async def kept(self, name: str, time: TimeLeft) -> ContainerState | None:
        """Return the old container that an unfinished replacement left, if any."""
        return await self._find(name + KEPT_SUFFIX, time)

    async def _spec(
        self, name: str, env: Mapping[str, str | None], time: TimeLeft
    ) -> tuple[ContainerState, ContainerSpec]:
        old = await self._engine.inspect(name, time.now())
        if (old.raw.get("HostConfig") or {}).get("AutoRemove"):
            raise ClientError(
                Fault.REFUSED, f"{name} removes itself when it stops, and could not be put back"
            )
        # The image's name may stand for a newer image by now.
        named = await self._engine.image_id(old.image, time.now()) == old.raw.get("Image")
        return old, spec_like(old.raw, old.image if named else str(old.raw.get("Image")), env)

    async def _prove(self, name: str, time: TimeLeft) -> None:
        """Wait until it is healthy or, without a health check, runs on for a moment."""
        before: ContainerState | None = None
        while not time.over:
            state = await self._engine.inspect(name, time.now())
            if state.health == "unhealthy" or not state.running:
                raise ClientError(Fault.UNEXPECTED, f"the new {name} is {state.health or state.state}")
            settled = before is not None and before.started_at == state.started_at
            if state.health == "healthy" or (settled and state.health in ("", "none")):
                return
            before = state
            await self._clock.sleep(_EVERY)
        raise ClientError(Fault.UNEXPECTED, f"the new {name} was not healthy in time")

    async def _put_back(self, name: str, old: ContainerState, error: ClientError) -> ClientError:
        """Undo a failed replacement; return the error to raise."""
        time = TimeLeft(PUT_BACK_WITHIN)
        kept = name + KEPT_SUFFIX
        try:
            # By its id: it was perhaps not even renamed.
            present = await self._engine.inspect(old.id, time.now())
            if present.name != name:
                new = await self._find(name, time)
                if new is not None:
                    await self._remove_own(new, old, time)
                await self._engine.rename(kept, name, time.now())
            if old.running:
                await self._engine.start(name, time.now())
        except ClientError as second:
            why = f"the old container could not be put back ({second.detail}) and is called {kept}"
            return ClientError(Fault.UNEXPECTED, f"{error.detail}; {why}")
        return ClientError(Fault.UNEXPECTED, f"{error.detail}; the old container was put back")

    async def _remove_own(self, new: ContainerState, old: ContainerState, time: TimeLeft) -> None:
        if not _replaces(new, old):
            raise ClientError(Fault.REFUSED, f"someone else made a container called {new.name}")
        await self._engine.remove(new.name, time.now())

    async def _find(self, name: str, time: TimeLeft) -> ContainerState | None:
        try:
            return await self._engine.inspect(name, time.now())
        except ClientError as error:
            if error.fault is Fault.REFUSED:
                return None
            raise


def _replaces(new: ContainerState, old: ContainerState) -> bool:
    labels = (new.raw.get("Config") or {}).get("Labels") or {}
    return bool(labels.get(REPLACES_LABEL) == old.id)


def _stop_grace(old: ContainerState) -> timedelta:
    return timedelta(seconds=(old.raw.get("Config") or {}).get("StopTimeout") or 10)
