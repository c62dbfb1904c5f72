"""`fly.secrets`: set a Fly app's secrets. They can be written and compared, never read."""

from __future__ import annotations

from collections.abc import Mapping
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
    ambiguous,
    failed,
)
from remediator.actions.faults import FAULTS, outcome_of
from remediator.actions.fly_apps import FlyApps
from remediator.actions.set_values import SetValues, refuse_values, resolved
from remediator.actions.time_left import TimeLeft
from remediator.clients.errors import ClientError, Fault
from remediator.settings_section import SecretValues


class FlySecretsParams(ActionParams):
    """Which app, and its secrets by name."""

    app: Annotated[str, Inventory("fly", lock="fly")]
    set_: SetValues = Field(alias="set", description="NAME: value, or NAME: {to: value, back: value}.")
    stage: bool = Field(default=False, description="Leave them for the next deploy; no restart.")


class FlySecrets(BaseAction):
    """Sets secrets through stdin; before an undo their digests are compared."""

    name = "fly.secrets"
    summary = "Set secrets of a Fly app; its machines restart with them unless staged."
    params: ClassVar[type[BaseModel]] = FlySecretsParams
    result: ClassVar[Mapping[str, str]] = {"set": "names of the secrets"}
    reversible = True
    lasting = True
    idempotent = True
    captures = "each secret's digest, and the value to return to as the policy writes it"

    def __init__(self, apps: FlyApps) -> None:
        self._apps = apps

    def reversible_for(self, params: FlySecretsParams) -> bool:
        """Only where every secret has a value to return to."""
        return all(value.back is not None for value in params.set_.values())

    def refuse(self, params: FlySecretsParams) -> str | None:
        """Keep to the apps, secrets and values of the inventory."""
        refusal = self._apps.refuse(params.app)
        if refusal is not None:
            return refusal
        listed = self._apps.entry(params.app).secrets
        bounds: Mapping[str, SecretValues | None] = (
            listed if isinstance(listed, dict) else dict.fromkeys(listed)
        )
        return refuse_values(params.set_, bounds, f"fly.apps.{params.app}.secrets")

    def attributes(self, params: FlySecretsParams) -> tuple[tuple[str, str], ...]:
        """Each secret by itself."""
        return tuple((f"fly:{params.app}", attribute(name)) for name in params.set_)

    async def capture(self, params: FlySecretsParams, call: Call) -> Mapping[str, Any]:
        """Read the digests, to tell later whether something changed."""
        try:
            digests = await self._apps.client.secret_digests(params.app, call.timeout)
        except FAULTS as error:
            raise CaptureError(str(error)) from None
        return {
            attribute(name): {"digest": digests.get(name), "back": value.back}
            for name, value in params.set_.items()
        }

    async def act(self, params: FlySecretsParams, call: Call) -> Outcome:
        """Set them all at once."""
        return await self._set(
            params, call, TimeLeft(call.timeout), {name: value.to for name, value in params.set_.items()}
        )

    async def probe(self, params: FlySecretsParams, call: Call, captured: Mapping[str, Any]) -> ProbeAnswer:
        """Compare the digests with those from before."""
        now = await self._apps.client.secret_digests(params.app, call.timeout)
        before = {name: captured.get(attribute(name)) for name in params.set_}
        if None in before.values():
            return ProbeAnswer.UNKNOWN
        changed = [now.get(name) != (old or {})["digest"] for name, old in before.items()]
        if all(changed):
            return ProbeAnswer.DONE
        return ProbeAnswer.UNKNOWN if any(changed) else ProbeAnswer.NOT_DONE

    async def undo(
        self, params: FlySecretsParams, call: Call, original: Mapping[str, Any], applied: Mapping[str, Any]
    ) -> Outcome:
        """Set what was captured to return to, unless a secret was set by somebody else since.

        Without a digest from after the step (its answer was lost) whatever differs from before
        the step is taken for its work: the lease kept every other policy away from it.
        """
        time = TimeLeft(call.timeout)
        try:
            now = await self._apps.client.secret_digests(params.app, time.now())
        except FAULTS as error:
            return outcome_of(error, only_looked=True)
        back: dict[str, str] = {}
        for name in params.set_:
            before = original.get(attribute(name)) or {}
            left = applied.get(attribute(name))
            if before.get("digest") is not None and now.get(name) == before["digest"]:
                continue
            if left is not None and now.get(name) != left:
                return failed(FailureReason.CHANGED_SINCE, f"the secret {name} was set by someone else since")
            if before.get("back") is None:
                return failed(FailureReason.REFUSED, f"the secret {name} has no value to return to")
            back[name] = before["back"]
        if not back:
            return Outcome(status=OutcomeStatus.ALREADY, result={"set": []})
        return await self._set(params, call, time, back)

    async def _set(
        self, params: FlySecretsParams, call: Call, time: TimeLeft, texts: Mapping[str, str]
    ) -> Outcome:
        app = params.app
        try:
            client = self._apps.client
            values = {name: resolved(text) for name, text in texts.items()}
            # Also shows an unknown app or a refused token before anything is sent.
            before = await client.secret_digests(app, time.now())
        except FAULTS as error:
            return outcome_of(error, only_looked=True)
        try:
            await client.import_secrets(app, values, stage=params.stage, within=time.now(), key=call.key)
        except FAULTS as error:
            if not isinstance(error, ClientError) or error.fault is not Fault.UNEXPECTED:
                return outcome_of(error)
            return await self._after_trouble(error, app, before, texts, time)
        return await self._done(app, texts, time)

    async def _done(self, app: str, names: Mapping[str, str], time: TimeLeft) -> Outcome:
        try:
            after = await self._apps.client.secret_digests(app, time.now())
        except FAULTS:
            # They are set all the same; only a later comparison will have less to go by.
            after = {}
        return Outcome(
            status=OutcomeStatus.SUCCEEDED,
            result={"set": sorted(names)},
            applied={attribute(name): after[name] for name in names if name in after},
        )

    async def _after_trouble(
        self,
        error: ClientError,
        app: str,
        before: Mapping[str, str],
        names: Mapping[str, str],
        time: TimeLeft,
    ) -> Outcome:
        """flyctl sets them first and deploys then: it may have failed in between."""
        try:
            after = await self._apps.client.secret_digests(app, time.now())
        except FAULTS:
            return ambiguous(FailureReason.LOST, error.detail)
        if all(after.get(name) == before.get(name) for name in names):
            return failed(FailureReason.UNEXPECTED, error.detail)
        return ambiguous(FailureReason.LOST, f"{error.detail}; the secrets have changed all the same")


def attribute(name: str) -> str:
    """Return a secret's name as a lease's attribute."""
    return f"secret:{name}"
