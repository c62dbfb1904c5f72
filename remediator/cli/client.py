"""The running server's HTTP API, as commands use it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from remediator.cli.api_error import ApiError

TOKEN_VARIABLE = "REMEDIATOR_TOKEN"  # nosec B105  # not a password
_TIMEOUT_SECONDS = 15.0
# The answer was understood and is no: somebody was faster, it expired, it does not fit its state.
_REFUSALS = frozenset({409, 410})


class ApiClient:
    """One command's connection."""

    def __init__(self, url: str, token: str | None = None) -> None:
        token = token if token is not None else os.environ.get(TOKEN_VARIABLE, "")
        self._url = url.rstrip("/")
        self._has_token = bool(token)
        try:
            self._http = httpx.Client(
                base_url=self._url,
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=_TIMEOUT_SECONDS,
                verify=ssl.create_default_context(),
                # The token goes to the server that was named, not to a proxy of the environment.
                trust_env=False,
            )
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise ApiError(f"{url} can't be used: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """Ask for something; parameters that are None are left out.

        Raises:
            ApiError: saying what to do about it.
        """
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a command; entries that are None are left out."""
        return self._call("POST", path, body=body)

    def delete(self, path: str) -> Any:
        """Remove something."""
        return self._call("DELETE", path)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        params = {name: value for name, value in (query or {}).items() if value is not None}
        content = None if body is None else {name: value for name, value in body.items() if value is not None}
        try:
            answer = self._http.request(method, path, params=params, json=content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            hint = "is it running? `--url` or REMEDIATOR_URL says where"
            raise ApiError(f"{self._url} can't be reached ({error}); {hint}") from None
        if not answer.is_success:
            raise ApiError(self._explain(answer), refused=answer.status_code in _REFUSALS)
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise ApiError(f"{self._url} answered with something that is not JSON") from None

    def _explain(self, answer: httpx.Response) -> str:
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            why = "does not know this token" if self._has_token else "asks for a token"
            return f"the server {why}; set {TOKEN_VARIABLE} to one of remediator.yaml's"
        try:
            problem = answer.json()
            text = str(problem.get("detail") or problem.get("title") or "")
        except (ValueError, AttributeError):
            text = ""
        return text or f"the server answered {answer.status_code} {answer.reason_phrase}"
