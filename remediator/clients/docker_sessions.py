"""Clients of the docker SDK, one for each thread that asks, and how a call of one failed.

Imported by the first call: the SDK is heavy, and most servers ask no container engine.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import TypeVar

import docker
import docker.errors
import requests.exceptions
import urllib3.exceptions

from remediator.clients.capped_output import beginning
from remediator.clients.errors import ClientError, Fault

_UNIX = "unix://"
_LONGEST_ERROR = 500
T = TypeVar("T")


class DockerSessions:
    """The clients for one engine; they may not be shared between threads."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._own = threading.local()
        self._clients: set[docker.DockerClient] = set()

    def call(self, work: Callable[[docker.DockerClient], T], timeout_seconds: int) -> T:
        """Run `work` with this thread's client; blocks.

        Raises:
            ClientError: saying whether it may have happened.
        """
        self._knock()
        client = self._client()
        client.api.timeout = timeout_seconds
        try:
            return work(client)
        except docker.errors.DockerException as error:
            raise _fault(error) from None
        except (requests.exceptions.RequestException, OSError) as error:
            self._forget(client)
            raise _fault(error) from None

    def close(self) -> None:
        """Close all clients."""
        for client in self._clients:
            client.close()
        self._clients.clear()

    def _knock(self) -> None:
        """Connect once for nothing: a socket that is not there was surely sent nothing."""
        if not self._host.startswith(_UNIX):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
            try:
                knocking.connect(self._host.removeprefix(_UNIX))
            except OSError as error:
                why = error.strerror or type(error).__name__
                raise ClientError(Fault.NOT_SENT, f"the container engine can't be reached: {why}") from None

    def _client(self) -> docker.DockerClient:
        client: docker.DockerClient | None = getattr(self._own, "client", None)
        if client is None:
            try:
                client = docker.DockerClient(base_url=self._host, version="auto", max_pool_size=1)
            except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
                why = _first_line(error)
                raise ClientError(Fault.NOT_SENT, f"the container engine can't be reached: {why}") from None
            self._own.client = client
            self._clients.add(client)
        return client

    def _forget(self, client: docker.DockerClient) -> None:
        self._own.client = None
        self._clients.discard(client)
        client.close()


def _fault(error: Exception) -> ClientError:
    text = _first_line(error)
    if isinstance(error, docker.errors.NotFound):
        return ClientError(Fault.REFUSED, text)
    if isinstance(error, docker.errors.DockerException):
        return ClientError(Fault.UNEXPECTED, text)
    if isinstance(error, requests.exceptions.ConnectTimeout) or _not_connected(error):
        return ClientError(Fault.NOT_SENT, f"the container engine can't be reached: {text}")
    if isinstance(error, requests.exceptions.Timeout):
        return ClientError(Fault.TIMED_OUT, "the container engine did not answer in time")
    return ClientError(Fault.LOST, f"the connection to the container engine broke: {text}")


def _not_connected(error: Exception) -> bool:
    wrapped = error.args[0] if error.args else None
    reason = getattr(wrapped, "reason", None)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def _first_line(error: Exception) -> str:
    text = str(error.explanation or error) if isinstance(error, docker.errors.APIError) else str(error)
    return beginning((text.splitlines() or [type(error).__name__])[0], _LONGEST_ERROR)
