"""`fly.deploy`: deploy a Fly app again, from the image that it runs or from a listed one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    FailureReason,
    Inventory,
    Outcome,
    ProbeAnswer,
    ambiguous,
    failed,
    succeeded,
)
from remediator.actions.faults import FAULTS, outcome_of
from remediator.actions.fly_apps import FlyApps
from remediator.actions.time_left import TimeLeft
from remediator.clients.errors import ClientError, Fault


class FlyDeployParams(ActionParams):
    """Which app, and from which image."""

    app: Annotated[str, Inventory("fly", lock="fly")]
    image: str | None = Field(
        default=None, description="One that remediator.yaml lists; without it the image that the app runs."
    )


class FlyDeploy(BaseAction):
    """Makes a release. Nothing is built: the image is there already."""

    name = "fly.deploy"
    summary = "Deploy a Fly app again, from the image it runs or from a listed one."
    params: ClassVar[type[BaseModel]] = FlyDeployParams
    result: ClassVar[Mapping[str, str]] = {
        "before": "the image that ran before; null where machines ran several",
        "image": "what was deployed",
        "machines": "how many machines there are",
    }
    lasting = True

    def __init__(self, apps: FlyApps) -> None:
        self._apps = apps

    def refuse(self, params: FlyDeployParams) -> str | None:
        """Keep to the apps of the inventory that may be deployed, and to their images."""
        refusal = self._apps.refuse(params.app)
        if refusal is not None:
            return refusal
        where, deploy = f"fly.apps.{params.app}.deploy", self._apps.entry(params.app).deploy
        if deploy is None:
            return f"{where} in remediator.yaml is not there: the app may not be deployed"
        if params.image is None:
            return None if deploy.current else f"{where}.current in remediator.yaml is false: name an image"
        if params.image in deploy.images:
            return None
        return f"{params.image[:120]!r} is not one of {where}.images in remediator.yaml"

    def attributes(self, params: FlyDeployParams) -> tuple[tuple[str, str], ...]:
        """What the app runs."""
        return ((f"fly:{params.app}", "image"),)

    async def act(self, params: FlyDeployParams, call: Call) -> Outcome:
        """Look first, so that an unknown app or a refused token is not taken for a lost answer."""
        time = TimeLeft(call.timeout)
        try:
            images = await self._apps.client.images(params.app, time.now())
        except FAULTS as error:
            return outcome_of(error, only_looked=True)
        before = images[0] if len(set(images)) == 1 else None
        image = params.image or before
        if image is None:
            count = len(set(images)) or "no"
            detail = f"the machines of {params.app} run {count} images: name the one to deploy"
            return failed(FailureReason.REFUSED, detail)
        try:
            await self._apps.client.deploy(params.app, image, time.now(), call.key)
        except FAULTS as error:
            if isinstance(error, ClientError) and error.fault is Fault.UNEXPECTED:
                # flyctl may fail at the second machine, or while it waits for the last.
                return ambiguous(FailureReason.LOST, error.detail)
            return outcome_of(error)
        return succeeded(before=before, image=image, machines=len(images))

    async def probe(
        self,
        params: FlyDeployParams,
        call: Call,
        captured: Mapping[str, Any],  # noqa: ARG002
    ) -> ProbeAnswer:
        """Look whether each machine changed after the attempt began, and runs the wanted image.

        Machines that did not change prove nothing: a release may still be on its way.
        """
        time = TimeLeft(call.timeout)
        status = await self._apps.client.status(params.app, time.now())
        if not status.machines:
            return ProbeAnswer.UNKNOWN
        for machine in status.machines:
            if machine.updated_at is None or machine.updated_at <= call.started_at:
                return ProbeAnswer.UNKNOWN
        if params.image is None:
            return ProbeAnswer.DONE
        images = await self._apps.client.images(params.app, time.now())
        wanted = all(image.partition("@")[0] == params.image.partition("@")[0] for image in images)
        return ProbeAnswer.DONE if wanted else ProbeAnswer.UNKNOWN
