"""`http.probe`: look at a service of the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    FailureReason,
    Inventory,
    Outcome,
    failed,
    succeeded,
)
from remediator.actions.expectations import unmet
from remediator.actions.faults import outcome_of
from remediator.actions.services import refuse_request
from remediator.clients.errors import ClientError, Fault
from remediator.clients.http import Reply, ServiceClient
from remediator.durations import Duration
from remediator.policy.model import Expect
from remediator.secret_refs import SecretUnavailableError
from remediator.settings import Service

# Larger bodies are compared, but not kept with the run.
_SHOWN_BYTES = 16 * 1024
# What the other side did, or did not do: an answer about it, and so a value.
_FALSE = (Fault.NOT_SENT, Fault.TIMED_OUT, Fault.LOST)


class HttpProbeParams(ActionParams):
    """What to look at, and what is expected of the answer."""

    service: Annotated[str, Inventory("services")]
    path: str
    method: Literal["GET", "HEAD"] = "GET"
    expect: Expect = Expect(status=200)
    timeout: Duration | None = None


class HttpProbe(BaseAction):
    """Asks, and compares the answer with what is expected."""

    name = "http.probe"
    summary = "Ask a service and compare its answer with what is expected."
    params: ClassVar[type[BaseModel]] = HttpProbeParams
    result: ClassVar[Mapping[str, str]] = {
        "status": "status code",
        "latency_seconds": "time until the whole answer was read",
        "json": "the answer's body, when it is JSON",
        "unmet": "what was expected and did not hold",
    }
    fact = "boolean: whether it answered as expected; refused, timed out and wrong answers are false"
    read_only = True
    idempotent = True

    def __init__(self, services: Mapping[str, Service] | None, client: ServiceClient) -> None:
        self._services = services
        self._client = client

    def refuse(self, params: HttpProbeParams) -> str | None:
        """Keep to the services and paths of the inventory."""
        return refuse_request(self._services, params.service, params.method, params.path)

    async def act(self, params: HttpProbeParams, call: Call) -> Outcome:
        """Look once."""
        entry = (self._services or {})[params.service]
        within = min(call.timeout, params.timeout or entry.timeout)
        try:
            reply = await self._client.request(params.service, params.method, params.path, within=within)
        except ClientError as error:
            outcome = outcome_of(error, only_looked=True)
            return replace(outcome, fact=False) if error.fault in _FALSE else outcome
        except SecretUnavailableError as error:
            return outcome_of(error, only_looked=True)
        return _compared(params.expect, reply)


def _compared(expect: Expect, reply: Reply) -> Outcome:
    faults = unmet(expect, status=reply.status, body=reply.json(), latency=reply.latency)
    result = seen(reply) | {"unmet": list(faults)}
    if faults:
        outcome = failed(FailureReason.UNEXPECTED, "; ".join(faults), **result)
        return replace(outcome, fact=False)
    return succeeded(fact=True, **result)


def seen(reply: Reply) -> dict[str, Any]:
    """Return the result fields that every answer has."""
    shown: dict[str, Any] = {
        "status": reply.status,
        "latency_seconds": round(reply.latency.total_seconds(), 3),
    }
    body = reply.json() if len(reply.body) <= _SHOWN_BYTES else None
    return shown if body is None else shown | {"json": body}
