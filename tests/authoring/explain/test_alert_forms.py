"""The forms in which alerts may be handed in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from remediator.alerts import AlertStatus, NotAPayloadError, parse_payload
from remediator.authoring.alert_forms import fingerprint, read_alerts

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
CAPTURED = sorted((Path(__file__).parents[2] / "data" / "alertmanager-0.25").glob("*.json"))


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.name)
def test_a_fingerprint_is_the_one_that_alertmanager_gives(path: Path) -> None:
    alerts = parse_payload(path.read_bytes()).alerts
    assert alerts
    assert [fingerprint(alert.labels) for alert in alerts] == [alert.fingerprint for alert in alerts]


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.name)
def test_a_payload_is_read_as_the_receiver_reads_it(path: Path) -> None:
    assert read_alerts(path.read_bytes(), NOW) == parse_payload(path.read_bytes())


def test_one_alert_needs_only_labels() -> None:
    (alert,) = read_alerts(b'{"labels": {"alertname": "Down"}}', NOW).alerts
    assert (alert.status, alert.starts_at) == (AlertStatus.FIRING, NOW)
    assert alert.fingerprint == fingerprint({"alertname": "Down"})


def test_one_alert_keeps_what_it_says() -> None:
    said = {
        "status": "resolved",
        "labels": {"alertname": "Down"},
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2026-01-01T01:00:00Z",
        "fingerprint": "f1",
    }
    (alert,) = read_alerts(json.dumps(said).encode(), NOW).alerts
    assert (alert.status, alert.fingerprint) == (AlertStatus.RESOLVED, "f1")
    assert alert.ended_at == datetime(2026, 1, 1, 1, tzinfo=UTC)


def test_alertmanagers_list_fires_until_it_is_gone_from_it() -> None:
    listed = {
        "annotations": {"summary": "down"},
        "endsAt": "2026-01-05T12:04:00Z",
        "fingerprint": "f1",
        "receivers": [{"name": "remediator"}],
        "startsAt": "2026-01-05T11:00:00Z",
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": "2026-01-05T12:00:00Z",
        "labels": {"alertname": "Down"},
    }
    (alert,) = read_alerts(json.dumps([listed]).encode(), NOW).alerts
    assert (alert.status, alert.ended_at) == (AlertStatus.FIRING, None)
    assert alert.annotations == {"summary": "down"}


def test_bad_alerts_are_set_aside_in_every_form() -> None:
    payload = read_alerts(b'[{"labels": {"alertname": 1}}, "text", {"labels": {"a": "b"}}]', NOW)
    assert [bad.index for bad in payload.bad] == [0, 1]
    assert len(payload.alerts) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"3", b'{"alerts": []}', b"[" * 100_000])
def test_what_is_none_of_them_is_refused(body: bytes) -> None:
    with pytest.raises(NotAPayloadError):
        read_alerts(body, NOW)
