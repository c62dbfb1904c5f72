"""Asks Prometheus. An answer says why there is none; asking never raises."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from remediator.clients.capped_output import beginning
from remediator.clients.errors import ClientError
from remediator.clients.monitoring_api import MonitoringApi
from remediator.clients.sample_age import AsksAt, RecordingRules, all_after
from remediator.durations import format_duration
from remediator.runs.answers import Answer, RangeAnswer, Sample, Series
from remediator.settings import Prometheus

_BODY_CAP_BYTES = 4 * 2**20
_LONGEST_ERROR = 300


class PrometheusClient(AsksAt):
    """One Prometheus, or whatever speaks its API."""

    def __init__(self, session: aiohttp.ClientSession, settings: Prometheus) -> None:
        self._timeout = format_duration(settings.timeout)
        self._api = MonitoringApi(
            name="Prometheus",
            session=session,
            url=settings.url,
            auth=settings.auth,
            timeout=settings.timeout,
            body_cap_bytes=_BODY_CAP_BYTES,
        )

    async def query(self, expr: str, at: datetime | None = None) -> Answer:
        """Answer an instant query, now or as of a time; whatever goes wrong is in the answer."""
        form = {"query": expr, "timeout": self._timeout}
        if at is not None:
            form["time"] = f"{at.timestamp():.3f}"
        try:
            status, body = await self._api.post("/api/v1/query", form)
        except ClientError as error:
            return Answer(error=error.detail)
        try:
            return _answer(status, body)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError, OSError):
            return Answer(error=f"Prometheus answered {status} with something that can't be read")

    async def query_range(self, expr: str, start: datetime, end: datetime, step: timedelta) -> RangeAnswer:
        """Answer a range query; whatever goes wrong is in the answer."""
        form = {
            "query": expr,
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{step.total_seconds():.3f}",
            "timeout": self._timeout,
        }
        try:
            status, body = await self._api.post("/api/v1/query_range", form)
        except ClientError as error:
            return RangeAnswer(error=error.detail)
        try:
            return _range_answer(status, body)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError, OSError):
            return RangeAnswer(error=f"Prometheus answered {status} with something that can't be read")

    async def scraped_after(self, expr: str, moment: datetime) -> bool:
        """Tell whether all that `expr` says now comes from samples scraped after `moment`.

        False also when that can't be found out. See `sample_age` for what is looked at.
        """
        return await all_after(self, expr, moment)

    async def recording_rules(self) -> RecordingRules | None:
        """Return the expressions of the recording rules by the name they record; None on an error."""
        try:
            _, body = await self._api.get("/api/v1/rules", {"type": "record"})
        except ClientError:
            return None
        try:
            rules: dict[str, list[str]] = {}
            for group in body["data"]["groups"]:
                for rule in group["rules"]:
                    rules.setdefault(rule["name"], []).append(rule["query"])
        except (KeyError, TypeError):
            return None
        return rules


def _answer(status: int, body: Mapping[str, Any]) -> Answer:
    if body["status"] != "success":
        what = beginning(str(body.get("error", "no reason given")), _LONGEST_ERROR)
        return Answer(error=f"Prometheus answered {status}: {what}")
    kind, result = body["data"]["resultType"], body["data"]["result"]
    if kind == "scalar":
        return Answer(samples=(_sample({}, result),), scalar=True)
    if kind != "vector":
        return Answer(error=f"the query gives a {kind}; write one that gives a vector or a scalar")
    if any("value" not in series for series in result):
        return Answer(error="the query gives histograms; write one that gives numbers")
    return Answer(samples=tuple(_sample(series["metric"], series["value"]) for series in result))


def _range_answer(status: int, body: Mapping[str, Any]) -> RangeAnswer:
    if body["status"] != "success":
        what = beginning(str(body.get("error", "no reason given")), _LONGEST_ERROR)
        return RangeAnswer(error=f"Prometheus answered {status}: {what}")
    return RangeAnswer(
        tuple(
            Series(
                labels={str(name): str(value) for name, value in series["metric"].items()},
                points=tuple(
                    (datetime.fromtimestamp(at, UTC), float(value)) for at, value in series["values"]
                ),
            )
            for series in body["data"]["result"]
        )
    )


def _sample(labels: Mapping[str, Any], point: Any) -> Sample:
    at, value = point
    if not isinstance(value, str) or not all(isinstance(text, str) for text in labels.values()):
        raise TypeError("not a sample")
    return Sample(labels=dict(labels), value=float(value), at=datetime.fromtimestamp(at, UTC))
