"""`acme.feature_flag`: set a flag in a file that the booking agent reads, and put it back."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    CaptureError,
    FailureReason,
    Outcome,
    OutcomeStatus,
    ProbeAnswer,
    failed,
)


class FeatureFlagParams(ActionParams):
    """Which flag, and what to."""

    flag: str = Field(pattern=r"^[a-z_]+$", description="The flag's name.")
    to: bool = Field(description="What it is set to.")


class FeatureFlag(BaseAction):
    """Where the file is comes from the environment, never from a policy: no label can choose it."""

    name: ClassVar[str] = "acme.feature_flag"
    summary: ClassVar[str] = "Sets a flag of the booking agent."
    params: ClassVar[type[BaseModel]] = FeatureFlagParams
    result: ClassVar[Mapping[str, str]] = {"before": "what it was"}
    reversible: ClassVar[bool] = True
    lasting: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    captures: ClassVar[str] = "the flag's value"

    def attributes(self, params: FeatureFlagParams) -> tuple[tuple[str, str], ...]:
        """One flag is one attribute: another policy can't change it while it is leased."""
        return (("acme:flags", params.flag),)

    async def capture(self, params: FeatureFlagParams, call: Call) -> Mapping[str, Any]:  # noqa: ARG002
        """Read the flag as it is now."""
        try:
            return {params.flag: (await _read()).get(params.flag, False)}
        except (OSError, ValueError) as error:
            raise CaptureError(str(error)) from None

    async def act(self, params: FeatureFlagParams, call: Call) -> Outcome:  # noqa: ARG002
        """Set it."""
        return await _set(params.flag, params.to)

    async def probe(
        self,
        params: FeatureFlagParams,
        call: Call,  # noqa: ARG002
        captured: Mapping[str, Any],  # noqa: ARG002
    ) -> ProbeAnswer:
        """Look whether it is set, after a crash."""
        try:
            value = (await _read()).get(params.flag, False)
        except (OSError, ValueError):
            return ProbeAnswer.UNKNOWN
        return ProbeAnswer.DONE if value is params.to else ProbeAnswer.NOT_DONE

    async def undo(
        self,
        params: FeatureFlagParams,
        call: Call,  # noqa: ARG002
        original: Mapping[str, Any],
        applied: Mapping[str, Any],
    ) -> Outcome:
        """Put it back, unless somebody has changed it since."""
        try:
            present = (await _read()).get(params.flag, False)
        except (OSError, ValueError) as error:
            return failed(FailureReason.NOT_SENT, str(error))
        if present not in (applied[params.flag], original[params.flag]):
            return failed(FailureReason.CHANGED_SINCE, f"{params.flag} is {present} by now")
        return await _set(params.flag, original[params.flag])


def _file() -> Path:
    return Path(os.environ.get("ACME_FLAGS", "flags.json"))


async def _read() -> dict[str, Any]:
    flags: dict[str, Any] = json.loads(await asyncio.to_thread(_file().read_text, encoding="utf-8"))
    return flags


async def _set(flag: str, value: bool) -> Outcome:  # noqa: FBT001  (a value, not a switch)
    try:
        flags = await _read()
        before = flags.get(flag, False)
        if before == value:
            return Outcome(status=OutcomeStatus.ALREADY, result={"before": before})
        text = json.dumps({**flags, flag: value}, indent=1)
        beside = _file().with_suffix(".new")
        await asyncio.to_thread(beside.write_text, text, encoding="utf-8")
        await asyncio.to_thread(beside.replace, _file())
    except (OSError, ValueError) as error:
        return failed(FailureReason.NOT_SENT, str(error))
    return Outcome(status=OutcomeStatus.SUCCEEDED, result={"before": before}, applied={flag: value})
