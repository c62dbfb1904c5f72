"""Reads alerts in the forms that people have at hand: a payload, Alertmanager's list, or one alert."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remediator.alerts import AlertStatus, Payload, parse_payload

_FNV_OFFSET, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3
_SEPARATOR = b"\xff"


def read_alerts(body: bytes, now: datetime) -> Payload:
    """Read a webhook payload, what `amtool alert query -o json` prints, or one alert.

    One alert needs no more than its labels: it then fires since `now`, with the fingerprint that
    Alertmanager would give it.

    Raises:
        NotAPayloadError: when it is none of these.
    """
    found = _items(body)
    if found is None:
        return parse_payload(body)
    alerts = [_as_sent(item, now) if isinstance(item, dict) else item for item in found]
    return parse_payload(json.dumps({"version": "4", "alerts": alerts}).encode())


def _items(body: bytes) -> list[Any] | None:
    """Return the alerts of a list or of one alert; None when it has to be a payload."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(document, list):
        return document
    alone = isinstance(document, dict) and "labels" in document and "alerts" not in document
    return [document] if alone else None


def _as_sent(item: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Write an alert as a webhook would hold it. Alertmanager lists only alerts that fire."""
    resolved = item.get("status") == AlertStatus.RESOLVED
    sent = {"startsAt": now.isoformat(), **item}
    sent["status"] = AlertStatus.RESOLVED if resolved else AlertStatus.FIRING
    if not resolved:
        sent.pop("endsAt", None)  # in its list: when Alertmanager would take it for resolved
    if "fingerprint" not in item:
        sent["fingerprint"] = fingerprint(item["labels"]) if _is_text(item.get("labels")) else "none"
    return sent


def _is_text(labels: Any) -> bool:
    return isinstance(labels, dict) and all(isinstance(value, str) for value in labels.values())


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the identity that Alertmanager gives these labels: FNV-1a over them, sorted by name."""
    digest = _FNV_OFFSET
    for name, value in sorted(labels.items()):
        for part in (name.encode("utf-8", "replace"), value.encode("utf-8", "replace")):
            for byte in part + _SEPARATOR:
                digest = (digest ^ byte) * _FNV_PRIME % 2**64
    return f"{digest:016x}"
