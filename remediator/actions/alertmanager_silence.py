"""`alertmanager.silence`: acknowledge an alert by a silence that ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Protocol

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
    succeeded,
)
from remediator.clients.alertmanager import ActiveAlert, AlertmanagerError, Silence
from remediator.clock import Clock
from remediator.durations import PositiveDuration
from remediator.settings import Source

_CREATED_BY = "remediator"


class SilencesAlerts(Protocol):
    """One Alertmanager's silences."""

    async def alerts(self, *, active: bool, silenced: bool, inhibited: bool) -> list[ActiveAlert]:
        """Return its alerts."""
        ...

    async def silences(self) -> Sequence[Silence]:
        """Return the silences that stand or are to come."""
        ...

    async def silence(
        self, labels: Mapping[str, str], *, start: datetime, end: datetime, by: str, comment: str
    ) -> str:
        """Silence alerts that have exactly these labels among theirs; returns the silence's id."""
        ...

    async def end_silence(self, silence_id: str) -> None:
        """End a silence now."""
        ...


class SilenceParams(ActionParams):
    """Which alert, and for how long at most."""

    source: Annotated[str, Inventory("sources")]
    fingerprint: str = Field(
        pattern=r"^[0-9a-f]{1,16}$", description='The alert\'s: `"{{ episode.fingerprint }}"`.'
    )
    for_: PositiveDuration = Field(
        default=timedelta(hours=1), alias="for", description="Then it ends by itself, if the run has not."
    )
    comment: str = Field(default="", max_length=500, description="Added to the silence's comment.")


class AlertmanagerSilence(BaseAction):
    """Silences one alert, by all of its labels, while the run lasts."""

    name: ClassVar[str] = "alertmanager.silence"
    summary: ClassVar[str] = (
        "Acknowledges an alert by a silence that matches all of its labels and ends with the run."
    )
    params: ClassVar[type[BaseModel]] = SilenceParams
    result: ClassVar[Mapping[str, str]] = {"silence": "the silence's id", "ends_at": "when it ends by itself"}
    reversible = True
    ends_with_run = True
    captures = "that there was no silence; the one that it made is ended when the run ends"

    def __init__(
        self,
        sources: Mapping[str, Source],
        clients: Mapping[str, SilencesAlerts],
        clock: Clock,
        public_url: str | None,
    ) -> None:
        self._sources = sources
        self._clients = clients
        self._clock = clock
        self._public_url = public_url

    def refuse(self, params: SilenceParams) -> str | None:
        """Only an Alertmanager whose API is known can be asked."""
        source = self._sources.get(params.source)
        if source is None or source.url is None:
            return f"the source {params.source} has no url, so nothing can be silenced there"
        return None

    def stands_for(self, params: SilenceParams) -> timedelta:
        """Alertmanager ends it by itself."""
        return params.for_

    def attributes(self, params: SilenceParams) -> tuple[tuple[str, str], ...]:
        """One for each alert: several may be silenced at once."""
        return ((f"alertmanager:{params.source}", _attribute(params)),)

    async def capture(self, params: SilenceParams, call: Call) -> Mapping[str, Any]:  # noqa: ARG002
        """Note whether a silence of this alert stands already."""
        try:
            standing = await self._standing(params)
        except AlertmanagerError as error:
            raise CaptureError(str(error)) from None
        return {_attribute(params): standing.id if standing else None}

    async def act(self, params: SilenceParams, call: Call) -> Outcome:
        """Silence the alert as Alertmanager knows it now."""
        client = self._clients.get(params.source)
        if client is None:
            return failed(FailureReason.REFUSED, self.refuse(params) or "it can't be reached from here")
        try:
            standing = await self._standing(params)
            alerts = await client.alerts(active=True, silenced=True, inhibited=True)
        except AlertmanagerError as error:
            return failed(FailureReason.NOT_SENT, str(error))
        if standing is not None:
            return Outcome(status=OutcomeStatus.ALREADY, result={"silence": standing.id})
        alert = next((one for one in alerts if one.fingerprint == params.fingerprint), None)
        if alert is None:
            return failed(FailureReason.UNEXPECTED, f"no alert {params.fingerprint} fires there now")
        now = self._clock.now()
        end, comment = now + params.for_, self._comment(params, call)
        try:
            made = await client.silence(alert.labels, start=now, end=end, by=_CREATED_BY, comment=comment)
        except AlertmanagerError as error:
            return ambiguous(FailureReason.LOST, str(error))
        done = succeeded(silence=made, ends_at=end.isoformat())
        return Outcome(status=done.status, result=done.result, applied={_attribute(params): made})

    async def probe(
        self,
        params: SilenceParams,
        call: Call,  # noqa: ARG002
        captured: Mapping[str, Any],  # noqa: ARG002
    ) -> ProbeAnswer:
        """Look whether there is a silence of this alert by now."""
        try:
            standing = await self._standing(params)
        except AlertmanagerError:
            return ProbeAnswer.UNKNOWN
        return ProbeAnswer.DONE if standing is not None else ProbeAnswer.NOT_DONE

    async def undo(
        self,
        params: SilenceParams,
        call: Call,  # noqa: ARG002
        original: Mapping[str, Any],  # noqa: ARG002
        applied: Mapping[str, Any],
    ) -> Outcome:
        """End the silence, unless it has ended, or somebody made it theirs."""
        client = self._clients.get(params.source)
        if client is None:
            return failed(FailureReason.REFUSED, "it can't be reached from here")
        wanted = applied.get(_attribute(params))
        try:
            standing = next((one for one in await client.silences() if one.id == wanted), None)
            standing = standing or await self._standing(params)
            if standing is None:
                return Outcome(status=OutcomeStatus.ALREADY, detail="it has ended already")
            if standing.created_by != _CREATED_BY:
                detail = f"the silence is {standing.created_by}'s by now"
                return failed(FailureReason.CHANGED_SINCE, detail)
            await client.end_silence(standing.id)
        except AlertmanagerError as error:
            return failed(FailureReason.LOST, str(error))
        return succeeded(silence=standing.id)

    async def _standing(self, params: SilenceParams) -> Silence | None:
        """Return the silence that remediator made for this alert, if one stands."""
        client = self._clients.get(params.source)
        if client is None:
            return None
        mark = _mark(params)
        for silence in await client.silences():
            if silence.created_by == _CREATED_BY and mark in silence.comment:
                return silence
        return None

    def _comment(self, params: SilenceParams, call: Call) -> str:
        run = f"run {call.run_id}" if call.run_id is not None else call.key
        link = f" {self._public_url.rstrip('/')}/runs/{call.run_id}" if self._public_url else ""
        said = f": {params.comment}" if params.comment else ""
        return f"{_mark(params)} acknowledged by {run}{link}{said}"


def _attribute(params: SilenceParams) -> str:
    return f"silence of {params.fingerprint}"


def _mark(params: SilenceParams) -> str:
    return f"[alert {params.fingerprint}]"
