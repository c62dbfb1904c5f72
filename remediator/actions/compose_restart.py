"""`compose.restart`: restart a compose service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    Inventory,
    Outcome,
    ProbeAnswer,
    succeeded,
)
from remediator.actions.compose_services import ComposeServices
from remediator.actions.faults import FAULTS, outcome_of
from remediator.actions.time_left import TimeLeft
from remediator.durations import Duration


class ComposeRestartParams(ActionParams):
    """Which service, and how long its containers may take to end by themselves."""

    service: Annotated[str, Inventory("compose", lock="compose")]
    timeout: Duration = Field(default=timedelta(seconds=10), description="Then they are killed.")


class ComposeRestart(BaseAction):
    """Restarts all containers of a service, as compose does it: together."""

    name = "compose.restart"
    summary = "Restart all containers of a compose service."
    params: ClassVar[type[BaseModel]] = ComposeRestartParams

    def __init__(self, services: ComposeServices) -> None:
        self._services = services

    def lasts(self, params: ComposeRestartParams) -> timedelta:
        """As long as the containers may take to end."""
        return params.timeout

    def refuse(self, params: ComposeRestartParams) -> str | None:
        """Keep to the services of the inventory."""
        return self._services.refuse(params.service)

    async def act(self, params: ComposeRestartParams, call: Call) -> Outcome:
        """Restart."""
        within = call.timeout + params.timeout
        try:
            await self._services.client.restart(params.service, params.timeout, within, call.key)
        except FAULTS as error:
            return outcome_of(error)
        return succeeded()

    async def probe(
        self,
        params: ComposeRestartParams,
        call: Call,
        captured: Mapping[str, Any],  # noqa: ARG002
    ) -> ProbeAnswer:
        """Look whether each container was started after the attempt began."""
        states = await self._services.states(params.service, TimeLeft(call.timeout))
        if not states:
            return ProbeAnswer.UNKNOWN
        since = [state.started_at is not None and state.started_at > call.started_at for state in states]
        if all(since):
            return ProbeAnswer.DONE
        return ProbeAnswer.UNKNOWN if any(since) else ProbeAnswer.NOT_DONE
