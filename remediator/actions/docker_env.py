"""`docker.env`: recreate a container of the inventory with a changed environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

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
    failed,
)
from remediator.actions.containers import Containers
from remediator.actions.faults import FAULTS, only_looking, outcome_of
from remediator.actions.replacing import PUT_BACK_WITHIN, Replacer
from remediator.actions.set_values import SetValue, SetValues, refuse_values, resolved
from remediator.actions.time_left import TimeLeft
from remediator.clients.errors import ClientError
from remediator.clock import Clock
from remediator.secret_refs import is_secret_ref

# Whatever such a name holds now is not read into a record.
_SECRET_NAME = re.compile(r"TOKEN|PASS|SECRET|KEY|CREDENTIAL|DSN|DATABASE_URL", re.IGNORECASE)


class DockerEnvParams(ActionParams):
    """Which container, and its environment by name."""

    container: Annotated[str, Inventory("docker", lock="docker"), Inventory("docker.recreate")]
    set_: SetValues = Field(alias="set", description="NAME: value, or NAME: {to: value, back: value}.")


class DockerEnv(BaseAction):
    """Replaces a container by one like it; the old one stays until the new one has proved itself."""

    name = "docker.env"
    summary = "Recreate a container with a changed environment; needs docker.recreate."
    params: ClassVar[type[BaseModel]] = DockerEnvParams
    result: ClassVar[Mapping[str, str]] = {
        "set": "names that were changed",
        "replaced": "names of the containers",
    }
    reversible = True
    lasting = True
    idempotent = True
    captures = "the values of the names it changes, or what the policy says to return to"

    def __init__(self, containers: Containers, clock: Clock) -> None:
        self._containers = containers
        self._replacer = Replacer(containers.engine, clock)

    def reversible_for(self, params: DockerEnvParams) -> bool:
        """Only where each value may be captured, or has one to return to."""
        return all(value.back is not None or _readable(name, value) for name, value in params.set_.items())

    def lasts(self, params: DockerEnvParams) -> timedelta:  # noqa: ARG002  (the protocol)
        """As long as putting the old container back may take."""
        return PUT_BACK_WITHIN

    def refuse(self, params: DockerEnvParams) -> str | None:
        """Keep to the containers of the inventory, and to what may be set there."""
        refusal = self._containers.refuse(params.container)
        settings = self._containers.settings
        if refusal is not None or settings is None:
            return refusal
        if not settings.recreate:
            return "docker.recreate in remediator.yaml is false: recreating needs root's rights on the host"
        bounds = settings.env.get(params.container)
        return refuse_values(params.set_, bounds, f"docker.env.{params.container}")

    def attributes(self, params: DockerEnvParams) -> tuple[tuple[str, str], ...]:
        """Each name by itself."""
        return tuple((f"docker:{params.container}", _attribute(name)) for name in params.set_)

    async def capture(self, params: DockerEnvParams, call: Call) -> Mapping[str, Any]:
        """Read what is changed, and nothing else."""
        try:
            now = await self._environments(params, TimeLeft(call.timeout))
        except ClientError as error:
            raise CaptureError(error.detail) from None
        captured: dict[str, Any] = {}
        for name, value in params.set_.items():
            if value.back is not None:
                captured[_attribute(name)] = {"back": value.back}
                continue
            values = {env.get(name) for env in now.values()}
            if len(values) != 1:
                raise CaptureError(f"the replicas of {params.container} differ in {name}")
            captured[_attribute(name)] = {"back": values.pop()}
        return captured

    async def act(self, params: DockerEnvParams, call: Call) -> Outcome:
        """Replace each container whose environment is not as wanted."""
        return await self._make(
            params, TimeLeft(call.timeout), {name: value.to for name, value in params.set_.items()}
        )

    async def probe(
        self,
        params: DockerEnvParams,
        call: Call,
        captured: Mapping[str, Any],  # noqa: ARG002
    ) -> ProbeAnswer:
        """Look at the environment; a kept old container means that it was cut off half-way."""
        time = TimeLeft(call.timeout)
        names = await self._containers.names(params.container, time.now())
        if [name for name in names if await self._replacer.kept(name, time) is not None]:
            return ProbeAnswer.UNKNOWN
        wanted = {name: resolved(value.to) for name, value in params.set_.items()}
        now = await self._environments(params, time)
        done = [_holds(env, wanted) for env in now.values()]
        if all(done):
            return ProbeAnswer.DONE
        return ProbeAnswer.UNKNOWN if any(done) else ProbeAnswer.NOT_DONE

    async def undo(
        self, params: DockerEnvParams, call: Call, original: Mapping[str, Any], applied: Mapping[str, Any]
    ) -> Outcome:
        """Replace each container by one with the captured values, unless somebody changed them since."""
        missing = [name for name in params.set_ if original.get(_attribute(name)) is None]
        if missing:
            return failed(FailureReason.REFUSED, f"nothing was captured of {', '.join(missing)}")
        back = {name: original[_attribute(name)]["back"] for name in params.set_}
        left = {name: applied.get(_attribute(name)) or value.to for name, value in params.set_.items()}
        time = TimeLeft(call.timeout)
        try:
            await self._repair(params, time)
            now = await self._environments(params, time)
            for name in params.set_:
                known = (_resolved(back[name]), _resolved(left[name]))
                if [env for env in now.values() if env.get(name) not in known]:
                    return failed(FailureReason.CHANGED_SINCE, f"{name} was changed by someone else since")
        except FAULTS as error:
            return outcome_of(error)
        return await self._make(params, time, back)

    async def _make(
        self, params: DockerEnvParams, time: TimeLeft, texts: Mapping[str, str | None]
    ) -> Outcome:
        replaced: list[str] = []
        try:
            wanted = {name: _resolved(text) for name, text in texts.items()}
            for name in await self._repair(params, time):
                with only_looking():
                    state = await self._containers.engine.inspect(name, time.now())
                if not _holds(state.env, wanted):
                    await self._replacer.replace(name, wanted, time)
                    replaced.append(name)
        except FAULTS as error:
            return outcome_of(error)
        return Outcome(
            status=OutcomeStatus.SUCCEEDED if replaced else OutcomeStatus.ALREADY,
            result={"set": sorted(texts), "replaced": replaced},
            applied={_attribute(name): text for name, text in texts.items()},
        )

    async def _repair(self, params: DockerEnvParams, time: TimeLeft) -> tuple[str, ...]:
        """Finish what was cut off; return the containers' names."""
        with only_looking():
            names = await self._containers.names(params.container, time.now())
        for name in names:
            await self._replacer.repair(name, time)
        return names

    async def _environments(self, params: DockerEnvParams, time: TimeLeft) -> dict[str, Mapping[str, str]]:
        return {state.name: state.env for state in await self._containers.states(params.container, time)}


def _attribute(name: str) -> str:
    return f"env:{name}"


def _readable(name: str, value: SetValue) -> bool:
    return not is_secret_ref(value.to) and _SECRET_NAME.search(name) is None


def _resolved(text: str | None) -> str | None:
    return None if text is None else resolved(text)


def _holds(env: Mapping[str, str], wanted: Mapping[str, str | None]) -> bool:
    return all(env.get(name) == value for name, value in wanted.items())
