"""Asks one Alertmanager which alerts it has, and silences them."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import aiohttp

from remediator.clients.capped_output import beginning
from remediator.clients.errors import ClientError
from remediator.clients.monitoring_api import MonitoringApi
from remediator.errors import RemediatorError
from remediator.labels import Labels
from remediator.settings import Source

_TIMEOUT = timedelta(seconds=10)
# Some tens of thousands of alerts: a list that is cut would look like alerts that vanished.
_BODY_CAP_BYTES = 64 * 2**20
_LONGEST_ERROR = 300


class AlertmanagerError(RemediatorError):
    """Alertmanager could not be asked, or its answer could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveAlert:
    """One alert that Alertmanager has."""

    fingerprint: str
    labels: Labels
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime
    """When it will be taken as resolved unless it is sent again."""
    updated_at: datetime
    generator_url: str
    state: str
    """active, suppressed or unprocessed."""
    silenced_by: tuple[str, ...]
    inhibited_by: tuple[str, ...]

    @property
    def suppressed(self) -> bool:
        """Whether nobody is told of it: silenced, inhibited or muted."""
        return self.state == "suppressed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """One silence that stands or is to come."""

    id: str
    created_by: str
    comment: str
    ends_at: datetime


class AlertmanagerClient:
    """One Alertmanager."""

    def __init__(self, session: aiohttp.ClientSession, settings: Source) -> None:
        if settings.url is None:
            raise ValueError("a source without a url can't be asked")
        self._api = MonitoringApi(
            name="Alertmanager",
            session=session,
            url=settings.url,
            auth=settings.auth,
            timeout=_TIMEOUT,
            body_cap_bytes=_BODY_CAP_BYTES,
        )

    async def alerts(self, *, active: bool, silenced: bool, inhibited: bool) -> list[ActiveAlert]:
        """Return its alerts: the active ones, and those that are silenced or inhibited, as asked for.

        Raises:
            AlertmanagerError: when it can't be asked. Part of a list is never returned.
        """
        query = {
            name: "true" if wanted else "false"
            for name, wanted in (("active", active), ("silenced", silenced), ("inhibited", inhibited))
        }
        _, body = await self._answered(self._api.get("/api/v2/alerts", query))
        try:
            return [_alert(raw) for raw in body]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"Alertmanager's list of alerts can't be read: {type(error).__name__}"
            raise AlertmanagerError(what) from None

    async def silences(self) -> list[Silence]:
        """Return its silences that have not ended.

        Raises:
            AlertmanagerError: when it can't be asked.
        """
        _, body = await self._answered(self._api.get("/api/v2/silences", {}))
        try:
            return [_silence(raw) for raw in body if raw["status"]["state"] != "expired"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"Alertmanager's list of silences can't be read: {type(error).__name__}"
            raise AlertmanagerError(what) from None

    async def silence(self, labels: Labels, *, start: datetime, end: datetime, by: str, comment: str) -> str:
        """Silence alerts that have all these labels, with these very values; returns the silence's id.

        Raises:
            AlertmanagerError: when it refused, or nobody knows.
        """
        body = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in sorted(labels.items())
            ],
            "startsAt": start.isoformat(),
            "endsAt": end.isoformat(),
            "createdBy": by,
            "comment": comment,
        }
        _, answer = await self._answered(self._api.send("/api/v2/silences", body))
        try:
            return _text(answer["silenceID"])
        except (KeyError, TypeError):
            raise AlertmanagerError("Alertmanager's answer to a silence can't be read") from None

    async def end_silence(self, silence_id: str) -> None:
        """End a silence now.

        Raises:
            AlertmanagerError: when it refused, or nobody knows.
        """
        await self._answered(self._api.delete(f"/api/v2/silence/{quote(silence_id, safe='')}"))

    async def _answered(self, exchange: Awaitable[tuple[int, Any]]) -> tuple[int, Any]:
        try:
            status, body = await exchange
        except ClientError as error:
            raise AlertmanagerError(error.detail) from None
        if status != 200:
            raise AlertmanagerError(f"Alertmanager answered {status}: {beginning(str(body), _LONGEST_ERROR)}")
        return status, body


def _silence(raw: Mapping[str, Any]) -> Silence:
    return Silence(
        id=_text(raw["id"]),
        created_by=_text(raw["createdBy"]),
        comment=_text(raw["comment"]),
        ends_at=_time(raw["endsAt"]),
    )


def _alert(raw: Mapping[str, Any]) -> ActiveAlert:
    status = raw["status"]
    return ActiveAlert(
        fingerprint=_text(raw["fingerprint"]),
        labels=_texts(raw["labels"]),
        annotations=_texts(raw["annotations"]),
        starts_at=_time(raw["startsAt"]),
        ends_at=_time(raw["endsAt"]),
        updated_at=_time(raw["updatedAt"]),
        generator_url=_text(raw.get("generatorURL", "")),
        state=_text(status["state"]),
        silenced_by=tuple(_text(one) for one in status["silencedBy"]),
        inhibited_by=tuple(_text(one) for one in status["inhibitedBy"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    return {_text(key): _text(text) for key, text in value.items()}


def _time(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.astimezone(UTC)
