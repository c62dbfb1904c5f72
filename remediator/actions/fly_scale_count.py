"""`fly.scale_count`: change how many machines a Fly app has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel

from remediator.actions.base import BaseAction, Call, Inventory, Outcome, ProbeAnswer
from remediator.actions.fly_apps import FlyApps
from remediator.actions.scaled import Scaled
from remediator.actions.scaling import ScaleParams, refuse_number
from remediator.actions.time_left import TimeLeft


class FlyScaleCountParams(ScaleParams):
    """Which app, and how many machines."""

    app: Annotated[str, Inventory("fly", lock="fly")]


class FlyScaleCount(BaseAction):
    """Scales an app's default process group."""

    name = "fly.scale_count"
    summary = "Give a Fly app at least, or exactly, so many machines."
    params: ClassVar[type[BaseModel]] = FlyScaleCountParams
    result: ClassVar[Mapping[str, str]] = {"before": "machines before", "after": "machines after"}
    reversible = True
    lasting = True
    idempotent = True
    captures = "the number of machines"

    def __init__(self, apps: FlyApps) -> None:
        self._apps = apps

    def refuse(self, params: FlyScaleCountParams) -> str | None:
        """Keep to the apps of the inventory and their bounds."""
        where = f"fly.apps.{params.app}.count"
        return self._apps.refuse(params.app) or refuse_number(
            params.number, self._apps.entry(params.app).count, where
        )

    def attributes(self, params: FlyScaleCountParams) -> tuple[tuple[str, str], ...]:
        """The number of machines."""
        return ((f"fly:{params.app}", "count"),)

    async def capture(self, params: FlyScaleCountParams, call: Call) -> Mapping[str, Any]:
        """Read the number of machines."""
        return await self._count(params, call).capture()

    async def act(self, params: FlyScaleCountParams, call: Call) -> Outcome:
        """Scale, unless there are enough."""
        return await self._count(params, call).change(params.number, params.met, params.refuses)

    async def probe(
        self, params: FlyScaleCountParams, call: Call, captured: Mapping[str, Any]
    ) -> ProbeAnswer:
        """Count the machines."""
        return await self._count(params, call).probe(params.met, captured)

    async def undo(
        self,
        params: FlyScaleCountParams,
        call: Call,
        original: Mapping[str, Any],
        applied: Mapping[str, Any],
    ) -> Outcome:
        """Scale back."""
        return await self._count(params, call).undo(original, applied, params.number)

    def _count(self, params: FlyScaleCountParams, call: Call) -> Scaled:
        time = TimeLeft(call.timeout)

        async def read() -> int:
            return (await self._apps.client.scale(params.app, time.now())).count

        async def write(count: int) -> None:
            await self._apps.client.set_count(params.app, count, time.now(), call.key)

        return Scaled("count", read, write)
