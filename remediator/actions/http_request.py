"""`http.request`: ask a service of the inventory to do something."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, Field, JsonValue

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
from remediator.actions.faults import FAULTS, outcome_of
from remediator.actions.http_probe import seen
from remediator.actions.services import LOOKS, refuse_request, repeatable
from remediator.clients.http import ServiceClient
from remediator.settings import Service
from remediator.settings_checks import Expect

_HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,1000}")
# Who asks, whom, and how the message is framed is not a policy's to say.
_OWN_HEADERS = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "idempotency-key",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
            raise ValueError(f"the header {name[:64]!r} can't be set by a policy")
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"the value of the header {name} holds characters that a header can't have")
    return headers


class HttpRequestParams(ActionParams):
    """One request."""

    service: Annotated[str, Inventory("services", lock="services")]
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="POST", description="GET and HEAD only look."
    )
    path: str = Field(description="Below the service's url.")
    json_: JsonValue = Field(default=None, alias="json", description="Body, sent as JSON.")
    headers: Annotated[dict[str, str], AfterValidator(_check_headers)] = Field(
        default={}, description="Sent as they are; credentials belong to the service's auth."
    )
    expect: Expect = Field(default=Expect(), description="Without a status, any 2xx will do.")


class HttpRequest(BaseAction):
    """Sends one request, with the step's key as its Idempotency-Key."""

    name = "http.request"
    summary = "Send a request to a service."
    params: ClassVar[type[BaseModel]] = HttpRequestParams
    result: ClassVar[Mapping[str, str]] = {
        "status": "status code",
        "latency_seconds": "time until the whole answer was read",
        "json": "the answer's body, when it is JSON",
    }
    lasting = True

    def __init__(self, services: Mapping[str, Service] | None, client: ServiceClient) -> None:
        self._services = services
        self._client = client

    def idempotent_for(self, params: HttpRequestParams) -> bool:
        """Only what the inventory says may be sent twice; GET and HEAD always."""
        return repeatable(self._services, params.service, params.method, params.path)

    def read_only_for(self, params: HttpRequestParams) -> bool:
        """GET and HEAD only look."""
        return params.method in LOOKS

    def refuse(self, params: HttpRequestParams) -> str | None:
        """Keep to the services and paths of the inventory."""
        return refuse_request(self._services, params.service, params.method, params.path)

    def attributes(self, params: HttpRequestParams) -> tuple[tuple[str, str], ...]:
        """What was asked, of whom: nobody can know what it changed there."""
        if self.read_only_for(params):
            return ()
        return ((f"services:{params.service}", f"{params.method} {params.path}"),)

    async def act(self, params: HttpRequestParams, call: Call) -> Outcome:
        """Send it once."""
        entry = (self._services or {})[params.service]
        try:
            reply = await self._client.request(
                params.service,
                params.method,
                params.path,
                within=min(call.timeout, entry.timeout),
                headers={**params.headers, "Idempotency-Key": call.key},
                body=params.json_,
            )
        except FAULTS as error:
            return outcome_of(error, only_looked=self.read_only_for(params))
        faults = unmet(params.expect, status=reply.status, body=reply.json(), latency=reply.latency)
        if faults:
            return failed(FailureReason.UNEXPECTED, "; ".join(faults), **seen(reply))
        return succeeded(**seen(reply))
