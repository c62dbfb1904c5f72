"""`fly.restart`: restart a Fly app's machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    FailureReason,
    Inventory,
    Outcome,
    ProbeAnswer,
    ambiguous,
    succeeded,
)
from remediator.actions.faults import FAULTS, outcome_of
from remediator.actions.fly_apps import FlyApps
from remediator.actions.time_left import TimeLeft
from remediator.clients.errors import ClientError, Fault


class FlyRestartParams(ActionParams):
    """Which app."""

    app: Annotated[str, Inventory("fly", lock="fly")]


class FlyRestart(BaseAction):
    """Restarts all machines, one after the other."""

    name = "fly.restart"
    summary = "Restart a Fly app's machines, one after the other."
    params: ClassVar[type[BaseModel]] = FlyRestartParams
    result: ClassVar[Mapping[str, str]] = {"machines": "how many there are"}

    def __init__(self, apps: FlyApps) -> None:
        self._apps = apps

    def refuse(self, params: FlyRestartParams) -> str | None:
        """Keep to the apps of the inventory."""
        return self._apps.refuse(params.app)

    async def act(self, params: FlyRestartParams, call: Call) -> Outcome:
        """Look first, so that an unknown app or a refused token is not taken for a lost answer."""
        time = TimeLeft(call.timeout)
        try:
            before = await self._apps.client.status(params.app, time.now())
        except FAULTS as error:
            return outcome_of(error, only_looked=True)
        try:
            await self._apps.client.restart(params.app, time.now(), call.key)
        except FAULTS as error:
            if isinstance(error, ClientError) and error.fault is Fault.UNEXPECTED:
                # flyctl may fail at the second machine, or while it waits for the last.
                return ambiguous(FailureReason.LOST, error.detail)
            return outcome_of(error)
        return succeeded(machines=len(before.machines))

    async def probe(
        self,
        params: FlyRestartParams,
        call: Call,
        captured: Mapping[str, Any],  # noqa: ARG002
    ) -> ProbeAnswer:
        """Look whether each machine changed after the attempt began."""
        status = await self._apps.client.status(params.app, call.timeout)
        changed = [
            machine.updated_at is not None and machine.updated_at > call.started_at
            for machine in status.machines
        ]
        if changed and all(changed):
            return ProbeAnswer.DONE
        return ProbeAnswer.UNKNOWN if any(changed) else ProbeAnswer.NOT_DONE
