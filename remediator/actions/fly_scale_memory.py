"""`fly.scale_memory`: change how much memory a Fly app's machines have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from remediator.actions.base import ActionParams, BaseAction, Call, Inventory, Outcome, ProbeAnswer
from remediator.actions.fly_apps import FlyApps
from remediator.actions.scaled import Scaled
from remediator.actions.time_left import TimeLeft


class FlyScaleMemoryParams(ActionParams):
    """Which app, and how much memory."""

    app: Annotated[str, Inventory("fly", lock="fly")]
    memory_mb: int = Field(ge=256, description="Megabytes for each machine.")


class FlyScaleMemory(BaseAction):
    """Sets the memory of an app's default process group; its machines restart."""

    name = "fly.scale_memory"
    summary = "Give each machine of a Fly app so much memory."
    params: ClassVar[type[BaseModel]] = FlyScaleMemoryParams
    result: ClassVar[Mapping[str, str]] = {"before": "megabytes before", "after": "megabytes after"}
    reversible = True
    lasting = True
    idempotent = True
    captures = "the memory of a machine"

    def __init__(self, apps: FlyApps) -> None:
        self._apps = apps

    def refuse(self, params: FlyScaleMemoryParams) -> str | None:
        """Keep to the apps of the inventory and the sizes listed for them."""
        refusal = self._apps.refuse(params.app)
        if refusal is not None:
            return refusal
        sizes = self._apps.entry(params.app).memory_mb
        if params.memory_mb in sizes:
            return None
        listed = ", ".join(str(size) for size in sizes) or "the sizes"
        return f"{params.memory_mb} is not one of {listed}, which fly.apps.{params.app}.memory_mb allows"

    def attributes(self, params: FlyScaleMemoryParams) -> tuple[tuple[str, str], ...]:
        """The memory of a machine."""
        return ((f"fly:{params.app}", "memory_mb"),)

    async def capture(self, params: FlyScaleMemoryParams, call: Call) -> Mapping[str, Any]:
        """Read the memory."""
        return await self._memory(params, call).capture()

    async def act(self, params: FlyScaleMemoryParams, call: Call) -> Outcome:
        """Set the memory, unless it is so already."""
        return await self._memory(params, call).change(
            params.memory_mb, lambda now: now == params.memory_mb, lambda _: None
        )

    async def probe(
        self, params: FlyScaleMemoryParams, call: Call, captured: Mapping[str, Any]
    ) -> ProbeAnswer:
        """Look at the memory."""
        return await self._memory(params, call).probe(lambda now: now == params.memory_mb, captured)

    async def undo(
        self,
        params: FlyScaleMemoryParams,
        call: Call,
        original: Mapping[str, Any],
        applied: Mapping[str, Any],
    ) -> Outcome:
        """Set the memory back."""
        return await self._memory(params, call).undo(original, applied, params.memory_mb)

    def _memory(self, params: FlyScaleMemoryParams, call: Call) -> Scaled:
        time = TimeLeft(call.timeout)

        async def read() -> int:
            return (await self._apps.client.scale(params.app, time.now())).memory_mb

        async def write(memory_mb: int) -> None:
            await self._apps.client.set_memory(params.app, memory_mb, time.now(), call.key)

        return Scaled("memory_mb", read, write)
