"""`docker.update`: change how much memory and processor time a container of the inventory may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field, model_validator

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    CaptureError,
    FailureReason,
    Inventory,
    Outcome,
    OutcomeStatus,
    ProbeAnswer,
    ambiguous,
    failed,
)
from remediator.actions.containers import Containers
from remediator.actions.faults import outcome_of
from remediator.actions.limit_changes import (
    Amounts,
    aims,
    amounts_of,
    differing,
    refuse_amounts,
    refuse_present,
    update_for,
)
from remediator.actions.time_left import TimeLeft
from remediator.clients.docker import ContainerState
from remediator.clients.errors import ClientError, Fault


class DockerUpdateParams(ActionParams):
    """Which container, and what it may use from now on."""

    container: Annotated[str, Inventory("docker", lock="docker"), Inventory("docker.update")]
    memory_mb: int | None = Field(default=None, ge=6, description="Megabytes (2^20 bytes).")
    cpus: float | None = Field(default=None, gt=0, description="Processors: 1.5 is one and a half.")
    allow_decrease: bool = Field(default=False, description="Whether a limit may be lowered.")

    @model_validator(mode="after")
    def _something(self) -> DockerUpdateParams:
        if self.memory_mb is None and self.cpus is None:
            raise ValueError("must have memory_mb, cpus or both")
        return self

    @property
    def amounts(self) -> Amounts:
        """What is wanted, by attribute."""
        named = {"memory": self.memory_mb, "cpus": self.cpus}
        return {attribute: amount for attribute, amount in named.items() if amount is not None}


class DockerUpdate(BaseAction):
    """Changes limits of running containers, without a restart.

    An engine can change a limit but not take it away, so a container without one is left alone: it may
    use all there is already. Podman has had this part of Docker's API only since its fifth version; 4.3
    refuses, having changed nothing.
    """

    name = "docker.update"
    summary = "Raise (or lower) a container's limits on memory and processors, without a restart."
    params: ClassVar[type[BaseModel]] = DockerUpdateParams
    result: ClassVar[Mapping[str, str]] = {
        "before": "limits before: `memory` in megabytes, `cpus`; 0 is without limit",
        "after": "limits after",
        "updated": "names of the containers that were changed",
    }
    reversible = True
    lasting = True
    idempotent = True
    captures = "the limits that it changes"

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def refuse(self, params: DockerUpdateParams) -> str | None:
        """Keep to the containers of the inventory and their bounds."""
        refusal = self._containers.refuse(params.container)
        settings = self._containers.settings
        if refusal is not None or settings is None:
            return refusal
        bounds = settings.update.get(params.container)
        return refuse_amounts(params.amounts, bounds, f"docker.update.{params.container}")

    def attributes(self, params: DockerUpdateParams) -> tuple[tuple[str, str], ...]:
        """Each limit by itself."""
        return tuple((f"docker:{params.container}", attribute) for attribute in params.amounts)

    async def capture(self, params: DockerUpdateParams, call: Call) -> Mapping[str, Any]:
        """Read the limits."""
        try:
            states = await self._containers.states(params.container, TimeLeft(call.timeout))
        except ClientError as error:
            raise CaptureError(error.detail) from None
        fault = differing(states, params.amounts)
        if fault is not None:
            raise CaptureError(f"the replicas of {params.container} differ in {fault}")
        return amounts_of(states[0], params.amounts)

    async def act(self, params: DockerUpdateParams, call: Call) -> Outcome:
        """Change each container whose limits are not as wanted."""
        time = TimeLeft(call.timeout)
        try:
            states = await self._containers.states(params.container, time)
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        wanted = params.amounts
        for state in states:
            fault = refuse_present(state, wanted) if params.allow_decrease else None
            if fault is not None:
                return failed(FailureReason.REFUSED, f"{state.name}: {fault}")
        return await self._write(states, wanted, time, only_raise=not params.allow_decrease)

    async def probe(self, params: DockerUpdateParams, call: Call, captured: Mapping[str, Any]) -> ProbeAnswer:
        """Look at the limits."""
        states = await self._containers.states(params.container, TimeLeft(call.timeout))
        wanted, only_raise = params.amounts, not params.allow_decrease
        done = [not update_for(state, aims(state, wanted, only_raise=only_raise)) for state in states]
        if all(done):
            return ProbeAnswer.DONE
        as_before = [amounts_of(state, wanted) == captured for state in states]
        return ProbeAnswer.NOT_DONE if all(as_before) else ProbeAnswer.UNKNOWN

    async def undo(
        self,
        params: DockerUpdateParams,
        call: Call,
        original: Mapping[str, Any],
        applied: Mapping[str, Any],
    ) -> Outcome:
        """Set the captured limits, unless somebody changed them since."""
        time = TimeLeft(call.timeout)
        back = {name: original[name] for name in params.amounts if original.get(name) is not None}
        if len(back) < len(params.amounts):
            return failed(FailureReason.REFUSED, "not all limits were captured")
        try:
            states = await self._containers.states(params.container, time)
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        for state in states:
            for name, now in amounts_of(state, params.amounts).items():
                left = applied.get(name)
                if now not in (back[name], params.amounts[name] if left is None else left):
                    detail = f"{state.name}: {name} is {now:g} now, which is not what this step left"
                    return failed(FailureReason.CHANGED_SINCE, detail)
        return await self._write(states, back, time, only_raise=False)

    async def _write(
        self, states: tuple[ContainerState, ...], wanted: Amounts, time: TimeLeft, *, only_raise: bool
    ) -> Outcome:
        before, updated = amounts_of(states[0], wanted), []
        try:
            for state in states:
                body = update_for(state, aims(state, wanted, only_raise=only_raise))
                if body:
                    await self._containers.engine.update(state.name, body, time.now())
                    updated.append(state.name)
        except ClientError as error:
            if error.fault in (Fault.TIMED_OUT, Fault.LOST):
                return outcome_of(error)
            return await self._after_trouble(error, states, wanted, time)
        return _done(before, aims(states[0], wanted, only_raise=only_raise), updated)

    async def _after_trouble(
        self, error: ClientError, states: tuple[ContainerState, ...], wanted: Amounts, time: TimeLeft
    ) -> Outcome:
        """An engine may refuse the second replica after the first, or fail after it did its work: look."""
        before = [amounts_of(state, wanted) for state in states]
        try:
            now = [
                amounts_of(await self._containers.engine.inspect(state.name, time.now()), wanted)
                for state in states
            ]
        except ClientError:
            return ambiguous(FailureReason.LOST, error.detail, before=before[0])
        if now == before:
            return replace(outcome_of(error), result={"before": before[0], "after": now[0], "updated": []})
        detail = f"{error.detail}; limits were changed nevertheless"
        return ambiguous(FailureReason.LOST, detail, before=before[0], after=now[0])


def _done(before: Amounts, after: Amounts, updated: list[str]) -> Outcome:
    return Outcome(
        status=OutcomeStatus.SUCCEEDED if updated else OutcomeStatus.ALREADY,
        result={"before": dict(before), "after": dict(after), "updated": updated},
        applied=dict(after) if updated else {},
    )
