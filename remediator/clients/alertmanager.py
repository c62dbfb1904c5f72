"""Asks one Alertmanager which alerts it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

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
        try:
            status, body = await self._api.get("/api/v2/alerts", query)
        except ClientError as error:
            raise AlertmanagerError(error.detail) from None
        if status != 200:
            raise AlertmanagerError(f"Alertmanager answered {status}: {str(body)[:_LONGEST_ERROR]}")
        try:
            return [_alert(raw) for raw in body]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"Alertmanager's list of alerts can't be read: {type(error).__name__}"
            raise AlertmanagerError(what) from None


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
