"""`compose.scale`: change how many containers a compose service has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel

from remediator.actions.base import BaseAction, Call, Inventory, Outcome, ProbeAnswer
from remediator.actions.compose_services import ComposeServices
from remediator.actions.scaled import Scaled
from remediator.actions.scaling import ScaleParams, refuse_number
from remediator.actions.time_left import TimeLeft


class ComposeScaleParams(ScaleParams):
    """Which service, and how many containers."""

    service: Annotated[str, Inventory("compose", lock="compose")]


class ComposeScale(BaseAction):
    """Scales a service; containers that run are left as they are."""

    name = "compose.scale"
    summary = "Give a compose service at least, or exactly, so many containers."
    params: ClassVar[type[BaseModel]] = ComposeScaleParams
    result: ClassVar[Mapping[str, str]] = {"before": "containers before", "after": "containers after"}
    reversible = True
    lasting = True
    idempotent = True
    captures = "the number of running containers"

    def __init__(self, services: ComposeServices) -> None:
        self._services = services

    def refuse(self, params: ComposeScaleParams) -> str | None:
        """Keep to the services of the inventory and their bounds."""
        where = f"compose.services.{params.service}"
        return self._services.refuse(params.service) or refuse_number(
            params.number, self._services.bounds(params.service), where
        )

    def attributes(self, params: ComposeScaleParams) -> tuple[tuple[str, str], ...]:
        """The number of containers."""
        return ((f"compose:{params.service}", "scale"),)

    async def capture(self, params: ComposeScaleParams, call: Call) -> Mapping[str, Any]:
        """Count the containers."""
        return await self._scale(params, call).capture()

    async def act(self, params: ComposeScaleParams, call: Call) -> Outcome:
        """Scale, unless there are enough."""
        return await self._scale(params, call).change(params.number, params.met, params.refuses)

    async def probe(self, params: ComposeScaleParams, call: Call, captured: Mapping[str, Any]) -> ProbeAnswer:
        """Count the containers."""
        return await self._scale(params, call).probe(params.met, captured)

    async def undo(
        self,
        params: ComposeScaleParams,
        call: Call,
        original: Mapping[str, Any],
        applied: Mapping[str, Any],
    ) -> Outcome:
        """Scale back."""
        return await self._scale(params, call).undo(original, applied, params.number)

    def _scale(self, params: ComposeScaleParams, call: Call) -> Scaled:
        time = TimeLeft(call.timeout)

        async def read() -> int:
            return await self._services.count(params.service, time)

        async def write(count: int) -> None:
            await self._services.client.scale(params.service, count, time.now(), call.key)

        return Scaled("scale", read, write)
