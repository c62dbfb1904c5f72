"""`http.probe`: look at a service of the inventory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, model_validator

from remediator.actions.answer_headers import HeaderName, shown_headers
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
from remediator.actions.from_container import FromContainer, answered
from remediator.actions.services import refuse_request
from remediator.clients.docker_exec import ExecResult
from remediator.clients.errors import ClientError, Fault
from remediator.clients.http import Reply, ServiceClient
from remediator.durations import Duration
from remediator.secret_refs import SecretUnavailableError
from remediator.settings import Service
from remediator.settings_checks import Expect

_STATUS = re.compile(r"(?:^|HTTP/[0-9.]{1,3} )([1-5][0-9]{2})(?=\s|$)", re.MULTILINE)
# Larger bodies are compared, but not kept with the run.
_SHOWN_BYTES = 16 * 1024
# What the other side did, or did not do: an answer about it, and so a value.
_FALSE = (Fault.NOT_SENT, Fault.TIMED_OUT, Fault.LOST)


class HttpProbeParams(ActionParams):
    """What to look at, and what is expected of the answer."""

    service: Annotated[str, Inventory("services")]
    path: str = Field(description="Below the service's url.")
    method: Literal["GET", "HEAD"] = Field(default="GET", description="HEAD asks for no body.")
    expect: Expect = Field(default=Expect(status=200), description="What must hold of the answer.")
    timeout: Duration | None = Field(default=None, description="The service's own when left out.")
    headers: tuple[HeaderName, ...] = Field(
        default=(), max_length=20, description="Headers of the answer to keep: rate limits, Retry-After."
    )
    from_: Annotated[str, Inventory("docker.probes")] | None = Field(
        default=None,
        alias="from",
        description="A container to ask from, without credentials; only the status is compared then.",
    )

    @model_validator(mode="after")
    def _only_a_status(self) -> HttpProbeParams:
        expect = self.expect
        more = expect.json_ or expect.absent or expect.latency_below or self.headers or self.method != "GET"
        if self.from_ is not None and more:
            raise ValueError("with from, only a GET is made and only a status can be expected")
        return self


class HttpProbe(BaseAction):
    """Asks, and compares the answer with what is expected."""

    name = "http.probe"
    summary = "Ask a service and compare its answer with what is expected."
    params: ClassVar[type[BaseModel]] = HttpProbeParams
    result: ClassVar[Mapping[str, str]] = {
        "status": "status code",
        "latency_seconds": "time until the whole answer was read",
        "json": "the answer's body, when it is JSON",
        "headers": "those of `headers` that the answer has, names in lower case",
        "rejected": "credentials (401, 403), rate (429), or null",
        "unmet": "what was expected and did not hold",
        "exit_code": "how the command ended, when asked from a container",
    }
    fact = "boolean: whether it answered as expected; refused, timed out and wrong answers are false"
    read_only = True
    idempotent = True

    def __init__(
        self, services: Mapping[str, Service] | None, client: ServiceClient, inside: FromContainer
    ) -> None:
        self._services = services
        self._client = client
        self._inside = inside

    def refuse(self, params: HttpProbeParams) -> str | None:
        """Keep to the services and paths of the inventory."""
        return refuse_request(
            self._services, params.service, params.method, params.path
        ) or self._inside.refuse(params.from_, "http")

    async def act(self, params: HttpProbeParams, call: Call) -> Outcome:
        """Look once."""
        entry = (self._services or {})[params.service]
        within = min(call.timeout, params.timeout or entry.timeout)
        if params.from_ is not None:
            return await self._from_container(params, params.from_, within)
        try:
            reply = await self._client.request(params.service, params.method, params.path, within=within)
        except ClientError as error:
            outcome = outcome_of(error, only_looked=True)
            return replace(outcome, fact=False) if error.fault in _FALSE else outcome
        except SecretUnavailableError as error:
            return outcome_of(error, only_looked=True)
        return _compared(params, reply)

    async def _from_container(self, params: HttpProbeParams, container: str, within: timedelta) -> Outcome:
        try:
            url = self._client.address(params.service, params.path)
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        ended = await self._inside.run(container, "http", {"url": url}, within)
        if isinstance(ended, Outcome):
            return ended
        status = status_in(ended)
        if status is None and ended.exit_code == 0:
            detail = f"the command of docker.probes.{container}.http wrote no status code"
            return failed(FailureReason.UNEXPECTED, detail, exit_code=0)
        if status is None:
            detail = f"{params.service} did not answer {container}"
            return answered(FailureReason.UNEXPECTED, detail, exit_code=ended.exit_code)
        faults = unmet(params.expect, status=status, body=None, latency=timedelta(0))
        result = {"status": status, "rejected": _rejected(status), "exit_code": ended.exit_code}
        return _answer(faults, result)


def _compared(params: HttpProbeParams, reply: Reply) -> Outcome:
    faults = unmet(params.expect, status=reply.status, body=reply.json(), latency=reply.latency)
    more = {"headers": shown_headers(reply.headers, params.headers), "rejected": _rejected(reply.status)}
    return _answer(faults, seen(reply) | more)


def _answer(faults: tuple[str, ...], result: dict[str, Any]) -> Outcome:
    shown = result | {"unmet": list(faults)}
    if faults:
        return answered(FailureReason.UNEXPECTED, "; ".join(faults), **shown)
    return succeeded(fact=True, **shown)


def _rejected(status: int) -> str | None:
    return {401: "credentials", 403: "credentials", 429: "rate"}.get(status)


def status_in(ended: ExecResult) -> int | None:
    """Return the last status code that a command wrote: alone (curl's http_code), or in a status line.

    000, which curl writes without an answer, is none.
    """
    found = _STATUS.findall(f"{ended.stdout}\n{ended.stderr}")
    return int(found[-1]) if found else None


def seen(reply: Reply) -> dict[str, Any]:
    """Return the result fields that every answer has."""
    shown: dict[str, Any] = {
        "status": reply.status,
        "latency_seconds": round(reply.latency.total_seconds(), 3),
    }
    body = reply.json() if len(reply.body) <= _SHOWN_BYTES else None
    return shown if body is None else shown | {"json": body}
