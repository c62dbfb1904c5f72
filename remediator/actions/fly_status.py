"""`fly.status`: look at a Fly app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BaseModel

from remediator.actions.base import ActionParams, BaseAction, Call, Inventory, Outcome, succeeded
from remediator.actions.faults import FAULTS, outcome_of
from remediator.actions.fly_apps import FlyApps


class FlyStatusParams(ActionParams):
    """Which app."""

    app: Annotated[str, Inventory("fly")]


class FlyStatus(BaseAction):
    """Looks at an app."""

    name = "fly.status"
    summary = "Look at a Fly app and its machines."
    params: ClassVar[type[BaseModel]] = FlyStatusParams
    result: ClassVar[Mapping[str, str]] = {
        "status": "what Fly calls it: deployed, suspended, …",
        "version": "release",
        "machines": "how many there are",
        "started": "how many of them are started",
    }
    fact = "boolean: whether a machine is started"
    read_only = True
    idempotent = True

    def __init__(self, apps: FlyApps) -> None:
        self._apps = apps

    def refuse(self, params: FlyStatusParams) -> str | None:
        """Keep to the apps of the inventory."""
        return self._apps.refuse(params.app)

    async def act(self, params: FlyStatusParams, call: Call) -> Outcome:
        """Look."""
        try:
            status = await self._apps.client.status(params.app, call.timeout)
        except FAULTS as error:
            return outcome_of(error, only_looked=True)
        started = sum(machine.state == "started" for machine in status.machines)
        return succeeded(
            fact=started > 0,
            status=status.status,
            version=status.version,
            machines=len(status.machines),
            started=started,
        )
