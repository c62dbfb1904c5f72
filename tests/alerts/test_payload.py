"""Reading deliveries: what a real Alertmanager sends, what it might send one day, and what nobody should."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.alerts import AlertStatus, NotAPayloadError, NotAPayloadReason, parse_payload

CAPTURED = Path(__file__).parents[1] / "data" / "alertmanager-0.25"
ODD = '\x00\u202e{{ 7*7 }}<script>\U0001f4a5\u2028"\\'


def captured(name: str) -> bytes:
    return (CAPTURED / f"{name}.json").read_bytes()


def alert(**changes: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "Broken"},
        "annotations": {},
        "startsAt": "2026-01-05T12:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": "f1",
        **changes,
    }


def body(*alerts: Any, **changes: Any) -> bytes:
    return json.dumps({"version": "4", "alerts": list(alerts), **changes}).encode()


@pytest.mark.parametrize("path", sorted(CAPTURED.glob("*.json")), ids=lambda path: path.stem)
def test_everything_captured_from_a_real_alertmanager_is_read(path: Path) -> None:
    payload = parse_payload(path.read_bytes())
    assert payload.bad == ()
    assert len(payload.alerts) == len(json.loads(path.read_bytes())["alerts"])


def test_a_firing_alert() -> None:
    payload = parse_payload(captured("one-firing"))
    (read,) = payload.alerts
    assert payload.receiver == r"team\.x"
    assert payload.group_key == '{}:{alertname="PMSCircuitBreakerOpen"}'
    assert (read.status, read.ended_at, read.fingerprint) == (AlertStatus.FIRING, None, "991cc5bffb84e330")
    assert read.labels == {"alertname": "PMSCircuitBreakerOpen", "service": "qloapps", "severity": "critical"}
    assert read.starts_at == datetime(2026, 11, 21, 7, 58, 5, 935544, tzinfo=UTC)


def test_a_resolved_alert_has_an_end_and_the_same_identity() -> None:
    (read,) = parse_payload(captured("one-resolved")).alerts
    assert (read.status, read.fingerprint) == (AlertStatus.RESOLVED, "991cc5bffb84e330")
    assert read.ended_at == datetime(2026, 11, 21, 6, 58, 6, 86330, tzinfo=UTC)


def test_each_alert_has_its_own_status() -> None:
    statuses = {
        read.labels["service"]: read.status for read in parse_payload(captured("group-half-resolved")).alerts
    }
    assert statuses == {"mysql": AlertStatus.RESOLVED, "qloapps": AlertStatus.FIRING}


def test_alerts_that_were_cut_off_are_counted() -> None:
    payload = parse_payload(captured("truncated-firing"))
    assert (len(payload.alerts), payload.truncated_alerts) == (1, 1)


def test_hostile_labels_stay_data() -> None:
    (read,) = parse_payload(captured("odd-firing")).alerts
    assert read.labels["text"] == ODD
    assert read.annotations["summary"] == "$(reboot) `id` {{ .Labels }}"


def test_keys_of_newer_versions_are_ignored() -> None:
    payload = parse_payload(body(alert(later=[1]), notification_reason="new", routeLabels={"a": "b"}))
    assert len(payload.alerts) == 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", NotAPayloadReason.NOT_JSON),
        (b"{", NotAPayloadReason.NOT_JSON),
        (b"\xff", NotAPayloadReason.NOT_JSON),
        (b"\xef\xbb\xbf{}", NotAPayloadReason.NOT_JSON),
        ("{}".encode("utf-16"), NotAPayloadReason.NOT_JSON),
        (b'{"version":"4","alerts":[],"x":NaN}', NotAPayloadReason.NOT_JSON),
        (b'{"version":"4","alerts":[],"x":-Infinity}', NotAPayloadReason.NOT_JSON),
        (b'{"version":"4","alerts":[],"x":' + b"9" * 5000 + b"}", NotAPayloadReason.NOT_JSON),
        (b"[" * 200_000, NotAPayloadReason.TOO_DEEP),
        (b'{"a":' * 200_000, NotAPayloadReason.TOO_DEEP),
        (b"null", NotAPayloadReason.NOT_AN_OBJECT),
        (b"[]", NotAPayloadReason.NOT_AN_OBJECT),
        (b'{"version":"4","alerts":[],"alerts":[]}', NotAPayloadReason.DUPLICATE_KEYS),
        (b"{}", NotAPayloadReason.WRONG_VERSION),
        (b'{"version":4,"alerts":[]}', NotAPayloadReason.WRONG_VERSION),
        (b'{"version":"5","alerts":[]}', NotAPayloadReason.WRONG_VERSION),
        (b'{"version":"4"}', NotAPayloadReason.ALERTS_NOT_A_LIST),
        (b'{"version":"4","alerts":null}', NotAPayloadReason.ALERTS_NOT_A_LIST),
    ],
)
def test_what_is_no_delivery_at_all(raw: bytes, reason: NotAPayloadReason) -> None:
    with pytest.raises(NotAPayloadError) as caught:
        parse_payload(raw)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (5, "is not an object"),
        (None, "is not an object"),
        ([alert()], "is not an object"),
        ({}, "status: Field required"),
        (alert(status="burning"), "status: "),
        (alert(labels=None), "labels: "),
        (alert(labels={"a": 1}), "labels: "),
        (alert(labels={"a": "\ud800"}), "labels: has half a surrogate pair"),
        (alert(labels={"\udfff": "a"}), "labels: has half a surrogate pair"),
        (alert(annotations={"a": "\ud800"}), "annotations: has half a surrogate pair"),
        (alert(fingerprint=""), "fingerprint: "),
        (alert(fingerprint="f" * 65), "fingerprint: "),
        (alert(startsAt="today"), "startsAt: "),
        (alert(startsAt="2026-01-05T12:00:00"), "startsAt: has no time zone"),
        (alert(startsAt="9999-12-31T23:59:59-12:00"), "startsAt: is outside the years"),
        (alert(endsAt="0001-01-01T00:00:00+05:00"), "endsAt: is outside the years"),
        (alert(startsAt=10**400), "startsAt: "),
    ],
)
def test_a_bad_alert_is_set_aside_and_its_siblings_are_kept(item: Any, reason: str) -> None:
    payload = parse_payload(body(alert(), item, alert(fingerprint="f2")))
    assert [read.fingerprint for read in payload.alerts] == ["f1", "f2"]
    (bad,) = payload.bad
    assert bad.index == 1
    assert bad.reason.startswith(reason)
    assert json.loads(bad.raw) == item


def test_an_alert_with_a_key_twice_is_ambiguous() -> None:
    raw = b'{"version":"4","alerts":[{"status":"firing","status":"resolved"},{"labels":{"a":"1","a":"2"}}]}'
    assert [bad.index for bad in parse_payload(raw).bad] == [0, 1]


def test_what_is_kept_of_a_bad_alert_is_cut() -> None:
    (bad,) = parse_payload(body(alert(status="burning", labels={"a": "x" * 10_000}))).bad
    assert len(bad.raw) == 4096


def test_a_hostile_name_does_not_get_into_the_reason() -> None:
    (bad,) = parse_payload(body(alert(labels={"<script>": 1}))).bad
    assert "script" not in bad.reason


@pytest.mark.parametrize(
    ("given_value", "read"),
    [(None, 0), (-1, 0), (True, 0), ("5", 0), (5, 5), (10**4000, 2**31 - 1), (1.5, 0)],
)
def test_an_odd_count_loses_no_alert(given_value: Any, read: int) -> None:
    payload = parse_payload(body(alert(), truncatedAlerts=given_value))
    assert (len(payload.alerts), payload.truncated_alerts) == (1, read)


@pytest.mark.parametrize("given_value", [None, 5, ["a"], "\ud800", "r" * 5000])
def test_an_odd_receiver_loses_no_alert(given_value: Any) -> None:
    payload = parse_payload(body(alert(), receiver=given_value, groupKey=given_value))
    assert len(payload.alerts) == 1
    payload.receiver.encode("utf-8")
    assert len(payload.group_key) <= 1024


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=200))
def test_no_bytes_break_it(raw: bytes) -> None:
    try:
        parse_payload(raw)
    except NotAPayloadError as refused:
        assert refused.reason in NotAPayloadReason  # noqa: PT017  (either end is right)


@given(st.lists(ANYTHING | st.fixed_dictionaries({}, optional=dict.fromkeys(alert(), ANYTHING)), max_size=5))
def test_no_alert_is_lost_or_made_up(items: list[Any]) -> None:
    payload = parse_payload(body(*items))
    assert len(payload.alerts) + len(payload.bad) == len(items)
