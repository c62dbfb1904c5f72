"""Alertmanager's webhook payload, version 4, read tolerantly: unknown keys are ignored.

The group's own `status` is never used (with `max_alerts` it can say `resolved` over
alerts that fire), and neither `groupKey` nor `externalURL` identifies anything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from remediator.errors import RemediatorError

_VERSION = "4"
_RAW_KEPT_CHARACTERS = 4096
_REASON_CHARACTERS = 200
_NAME_CHARACTERS = 1024
# More than any Alertmanager cuts off, and small enough for every database.
_MOST_TRUNCATED = 2**31 - 1
# Alertmanager writes Go's zero time while an alert fires.
_GO_ZERO = datetime(1, 1, 1, tzinfo=UTC)


class AlertStatus(StrEnum):
    """One alert's own status."""

    FIRING = "firing"
    RESOLVED = "resolved"


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("has no time zone; Alertmanager sends RFC 3339 times")
    if value == _GO_ZERO:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999 in UTC") from None


def _encodable(value: str) -> str:
    # JSON can spell half a surrogate pair, which no database and no socket takes.
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("has half a surrogate pair, which is no text") from None
    return value


def _all_encodable(value: dict[str, str]) -> dict[str, str]:
    _encodable("".join(value))
    _encodable("".join(value.values()))
    return value


Time = Annotated[datetime, AfterValidator(_aware)]
Text = Annotated[str, AfterValidator(_encodable)]
Texts = Annotated[dict[str, str], AfterValidator(_all_encodable)]


class Alert(BaseModel):
    """One alert of a delivery. Its identity is the source plus `fingerprint`."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    status: AlertStatus
    labels: Texts
    annotations: Texts = {}
    starts_at: Time = Field(alias="startsAt")
    ends_at: Time | None = Field(default=None, alias="endsAt")
    generator_url: Text = Field(default="", alias="generatorURL")
    fingerprint: Text = Field(min_length=1, max_length=64)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended, by its sender; None while firing."""
        return None if self.ends_at is None or self.ends_at == _GO_ZERO else self.ends_at


@dataclass(frozen=True, slots=True)
class BadAlert:
    """An alert that could not be read: its place in the payload, why, and its raw JSON, cut."""

    index: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Payload:
    """A delivery as read: the good alerts, and the bad ones beside them."""

    receiver: str
    group_key: str
    truncated_alerts: int
    alerts: tuple[Alert, ...]
    bad: tuple[BadAlert, ...]


class NotAPayloadReason(StrEnum):
    """Why a body is no delivery. Static, so that it can be told to anybody."""

    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_KEYS = "duplicate_keys"
    WRONG_VERSION = "wrong_version"
    ALERTS_NOT_A_LIST = "alerts_not_a_list"


class NotAPayloadError(RemediatorError):
    """A body is not a webhook payload of version 4."""

    def __init__(self, reason: NotAPayloadReason) -> None:
        self.reason = reason
        super().__init__(f"not an Alertmanager webhook payload of version 4: {reason}")


@dataclass(frozen=True, slots=True)
class _Ambiguous:
    """An object that has a key twice: readers would disagree on what it says."""

    pairs: tuple[tuple[str, Any], ...]


def parse_payload(body: bytes) -> Payload:
    """Read a delivery. An alert that can't be read is set aside; its siblings are not.

    Raises:
        NotAPayloadError: when the body as a whole is no version 4 payload.
    """
    document = _read_json(body)
    if isinstance(document, _Ambiguous):
        raise NotAPayloadError(NotAPayloadReason.DUPLICATE_KEYS)
    if not isinstance(document, dict):
        raise NotAPayloadError(NotAPayloadReason.NOT_AN_OBJECT)
    if document.get("version") != _VERSION:
        raise NotAPayloadError(NotAPayloadReason.WRONG_VERSION)
    items = document.get("alerts")
    if not isinstance(items, list):
        raise NotAPayloadError(NotAPayloadReason.ALERTS_NOT_A_LIST)
    read = [read_alert(index, item) for index, item in enumerate(items)]
    return Payload(
        receiver=_name(document.get("receiver")),
        group_key=_name(document.get("groupKey")),
        truncated_alerts=_count(document.get("truncatedAlerts")),
        alerts=tuple(alert for alert in read if isinstance(alert, Alert)),
        bad=tuple(bad for bad in read if isinstance(bad, BadAlert)),
    )


def _read_json(body: bytes) -> Any:
    try:
        return _DECODER.decode(body.decode("utf-8"))
    except RecursionError:
        raise NotAPayloadError(NotAPayloadReason.TOO_DEEP) from None
    except ValueError:
        # Also what int() says of thousands of digits, and decode() of bytes that are not UTF-8.
        raise NotAPayloadError(NotAPayloadReason.NOT_JSON) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Ambiguous:
    read = dict(pairs)
    return read if len(read) == len(pairs) else _Ambiguous(tuple(pairs))


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)


def read_alert(index: int, item: Any) -> Alert | BadAlert:
    """Read one alert of a payload, of which it is the one at `index`."""
    if isinstance(item, _Ambiguous):
        return BadAlert(index, "has a key twice", _raw(item))
    if not isinstance(item, dict):
        return BadAlert(index, "is not an object", _raw(item))
    try:
        return Alert.model_validate(item)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        # Only the field is named: what stands below it (a label's name) is the sender's.
        reason = f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}"
        return BadAlert(index, reason[:_REASON_CHARACTERS], _raw(item))


def _raw(item: Any) -> str:
    try:
        return json.dumps(item, default=lambda twice: dict(twice.pairs))[:_RAW_KEPT_CHARACTERS]
    except RecursionError:
        return ""


def _name(value: Any) -> str:
    """Read a name that nothing is decided by: anything odd about it is no reason to lose alerts."""
    text = value if isinstance(value, str) else ""
    return text[:_NAME_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(value, 0), _MOST_TRUNCATED)
