"""alertmanager.silence against a real Alertmanager: one alert, for a time, and given back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from remediator.actions.alertmanager_silence import AlertmanagerSilence, SilenceParams
from remediator.actions.base import Call, CaptureError, FailureReason, OutcomeStatus, ProbeAnswer
from remediator.clients.alertmanager import ActiveAlert, AlertmanagerClient
from remediator.clock import SystemClock
from remediator.settings import Source
from tests.real.alertmanager import RealAlertmanager, alertmanager, webhook_config

pytestmark = pytest.mark.real
BROKEN = {"alertname": "PMSCircuitBreakerOpen", "service": 'a "b"\\c|d.*'}
OTHER = {"alertname": "PMSCircuitBreakerOpen", "service": "other"}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAlertmanager]:
    config = webhook_config("http://127.0.0.1:1/")
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), config) as running:
        running.fire(BROKEN, OTHER)
        yield running


@pytest.fixture
async def client(real: RealAlertmanager) -> AsyncIterator[AlertmanagerClient]:
    async with aiohttp.ClientSession() as session:
        made = AlertmanagerClient(session, Source.model_validate({"url": real.url}))
        yield made
        for silence in await made.silences():
            await made.end_silence(silence.id)


@pytest.fixture
def action(client: AlertmanagerClient, real: RealAlertmanager) -> AlertmanagerSilence:
    sources = {"default": Source.model_validate({"url": real.url}), "deaf": Source()}
    clients = {"default": client}
    return AlertmanagerSilence(sources, clients, SystemClock(), "https://remediator.example/")


def call(number: int = 12) -> Call:
    return Call(key=f"run-{number}/ack/0", timeout=timedelta(seconds=10), started_at=SystemClock().now())


async def alert(client: AlertmanagerClient, labels: dict[str, str]) -> ActiveAlert:
    alerts = await client.alerts(active=True, silenced=True, inhibited=True)
    return next(one for one in alerts if dict(one.labels) == labels)


async def params_of(client: AlertmanagerClient, labels: dict[str, str], **more: Any) -> SilenceParams:
    fingerprint = (await alert(client, labels)).fingerprint
    return SilenceParams.model_validate({"source": "default", "fingerprint": fingerprint, **more})


async def test_exactly_this_alert_is_silenced_and_given_back(
    action: AlertmanagerSilence, client: AlertmanagerClient
) -> None:
    params = await params_of(client, BROKEN, **{"for": "30m", "comment": "failing over"})
    captured = await action.capture(params, call())
    outcome = await action.act(params, call())
    assert outcome.ok, outcome.detail
    (silence,) = await client.silences()
    assert silence.created_by == "remediator"
    assert "run 12 https://remediator.example/runs/12: failing over" in silence.comment
    assert timedelta(minutes=29) < silence.ends_at - SystemClock().now() <= timedelta(minutes=30)
    assert (await alert(client, BROKEN)).suppressed
    assert not (await alert(client, OTHER)).suppressed
    undone = await action.undo(params, call(13), captured, outcome.applied)
    assert undone.ok, undone.detail
    assert await client.silences() == []
    assert not (await alert(client, BROKEN)).suppressed


async def test_after_a_crash_a_look_tells_whether_it_happened(
    action: AlertmanagerSilence, client: AlertmanagerClient
) -> None:
    params = await params_of(client, BROKEN)
    assert await action.probe(params, call(), {}) is ProbeAnswer.NOT_DONE
    await action.act(params, call())
    assert await action.probe(params, call(), {}) is ProbeAnswer.DONE
    assert (await action.act(params, call())).status is OutcomeStatus.ALREADY
    # Nothing is known of what was applied; the silence is found by its alert.
    assert (await action.undo(params, call(13), {}, {})).status is OutcomeStatus.SUCCEEDED
    assert await client.silences() == []


async def test_one_that_ended_needs_no_undoing(
    action: AlertmanagerSilence, client: AlertmanagerClient
) -> None:
    params = await params_of(client, BROKEN)
    outcome = await action.act(params, call())
    await client.end_silence(str(outcome.result["silence"]))
    assert (await action.undo(params, call(), {}, outcome.applied)).status is OutcomeStatus.ALREADY


async def test_somebody_else_s_silence_is_left_alone(
    action: AlertmanagerSilence, client: AlertmanagerClient, real: RealAlertmanager
) -> None:
    params = await params_of(client, BROKEN)
    theirs = real.silence(**BROKEN)
    applied = {f"silence of {params.fingerprint}": theirs}
    undone = await action.undo(params, call(), {}, applied)
    assert (undone.reason, undone.detail) == (
        FailureReason.CHANGED_SINCE,
        "the silence is test's by now",
    )
    assert [silence.id for silence in await client.silences()] == [theirs]


async def test_an_alert_that_does_not_fire_can_not_be_silenced(action: AlertmanagerSilence) -> None:
    params = SilenceParams.model_validate({"source": "default", "fingerprint": "00ff"})
    outcome = await action.act(params, call())
    assert (outcome.reason, outcome.detail) == (
        FailureReason.UNEXPECTED,
        "no alert 00ff fires there now",
    )


async def test_a_source_without_a_url_refuses(action: AlertmanagerSilence) -> None:
    params = SilenceParams.model_validate({"source": "deaf", "fingerprint": "00ff"})
    assert "has no url" in str(action.refuse(params))
    assert (await action.act(params, call())).reason is FailureReason.REFUSED


async def test_an_alertmanager_that_is_gone_says_so() -> None:
    source = Source.model_validate({"url": "http://127.0.0.1:1"})
    async with aiohttp.ClientSession() as session:
        gone = AlertmanagerSilence(
            {"default": source}, {"default": AlertmanagerClient(session, source)}, SystemClock(), None
        )
        params = SilenceParams.model_validate({"source": "default", "fingerprint": "00ff"})
        with pytest.raises(CaptureError, match="can't be reached"):
            await gone.capture(params, call())
        assert (await gone.act(params, call())).reason is FailureReason.NOT_SENT
        assert (await gone.undo(params, call(), {}, {})).reason is FailureReason.LOST
        assert await gone.probe(params, call(), {}) is ProbeAnswer.UNKNOWN


@pytest.mark.parametrize("fingerprint", ["", "x", "../silences", "0" * 17])
def test_a_fingerprint_is_one(fingerprint: str) -> None:
    with pytest.raises(ValidationError):
        SilenceParams.model_validate({"source": "default", "fingerprint": fingerprint})


def test_what_it_changes_is_one_thing_for_each_alert(action: AlertmanagerSilence) -> None:
    params = SilenceParams.model_validate({"source": "default", "fingerprint": "00ff"})
    assert action.attributes(params) == (("alertmanager:default", "silence of 00ff"),)
