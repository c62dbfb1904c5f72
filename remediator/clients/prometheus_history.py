"""Prometheus's past: range queries, in pieces that it accepts, and what it says of its configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import yaml

from remediator.clients.capped_output import beginning
from remediator.clients.errors import ClientError, Fault
from remediator.clients.monitoring_api import MonitoringApi
from remediator.labels import Labels
from remediator.settings import Prometheus

_BODY_CAP_BYTES = 64 * 2**20
_LONGEST_ERROR = 300
# A range looks at much more than the one moment that `prometheus: timeout` is about.
_SLOWER = 6


@dataclass(frozen=True, slots=True)
class RangeSeries:
    """One series of a range: its labels, and its values by the time they were asked for."""

    labels: Labels
    points: Sequence[tuple[datetime, float]]


class PrometheusHistory:
    """One Prometheus, asked about the past."""

    def __init__(self, session: aiohttp.ClientSession, settings: Prometheus) -> None:
        self._api = MonitoringApi(
            name="Prometheus",
            session=session,
            url=settings.url,
            auth=settings.auth,
            timeout=settings.timeout * _SLOWER,
            body_cap_bytes=_BODY_CAP_BYTES,
        )

    async def range(self, expr: str, start: datetime, end: datetime, step: timedelta) -> list[RangeSeries]:
        """Answer a range query, both ends included.

        Raises:
            ClientError: not reached, or (REFUSED) the query can't be answered.
        """
        form = {
            "query": expr,
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{step.total_seconds():.3f}",
        }
        data = await self._data("/api/v1/query_range", form)
        try:
            return [_series(one) for one in data["result"]]
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ClientError(Fault.UNEXPECTED, "Prometheus's range can't be read") from None

    async def is_scalar(self, expr: str, at: datetime) -> bool:
        """Tell whether a query gives a scalar, which a range does not show.

        Raises:
            ClientError: not reached, or (REFUSED) the query can't be answered.
        """
        data = await self._data("/api/v1/query", {"query": expr, "time": f"{at.timestamp():.3f}"})
        return bool(data.get("resultType") == "scalar")

    async def external_labels(self) -> Mapping[str, str] | None:
        """Return the labels that it adds to what it sends; None when it does not tell."""
        try:
            _, body = await self._api.get("/api/v1/status/config", {})
            config = yaml.safe_load(body["data"]["yaml"]) or {}
            labels = config.get("global", {}).get("external_labels") or {}
            return {str(name): str(value) for name, value in labels.items()}
        except (ClientError, KeyError, TypeError, AttributeError, yaml.YAMLError):
            return None

    async def _data(self, path: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        status, body = await self._api.post(path, form)
        if not isinstance(body, dict) or body.get("status") != "success":
            error = body.get("error", "no reason given") if isinstance(body, dict) else json.dumps(body)
            what = f"Prometheus answered {status}: {beginning(str(error), _LONGEST_ERROR)}"
            refused = isinstance(body, dict) and body.get("errorType") in ("bad_data", "execution")
            raise ClientError(Fault.REFUSED if refused else Fault.UNEXPECTED, what)
        data: Mapping[str, Any] = body["data"]
        return data


def _series(one: Mapping[str, Any]) -> RangeSeries:
    points = [(datetime.fromtimestamp(at, UTC), float(value)) for at, value in one.get("values", ())]
    return RangeSeries(dict(one["metric"]), points)
