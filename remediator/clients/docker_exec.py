"""Runs a program inside a container through Docker's API, reading its two outputs apart and capped.

The API can start such a program but not end it: whoever wants it ended in time puts a program in front of it
that does, such as `timeout`. The SDK's own reading is not used: it reads past the buffer in which the first
output may already stand, and knows no deadline.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from remediator.clients.capped_output import CappedOutput
from remediator.clients.docker_replies import check_reply
from remediator.clients.errors import ClientError, Fault

if TYPE_CHECKING:
    import docker
    import requests

_CAP_BYTES = 256 * 1024
_HEADER = struct.Struct(">BxxxL")
_STDERR = 2
# An engine may note an end a little after the output's.
_NOTED_WITHIN_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """How a program inside a container ended, and what it wrote."""

    exit_code: int
    stdout: str
    stderr: str


def run_inside(
    client: docker.DockerClient,
    container: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    within_seconds: float,
) -> ExecResult:
    """Run `argv` and wait for its end; blocks.

    Raises:
        ClientError: REFUSED when the container is not there or does not run, TIMED_OUT after the deadline.
    """
    ends_at = time.monotonic() + within_seconds
    made = _created(client, container, argv, env)
    out, err = CappedOutput(_CAP_BYTES), CappedOutput(_CAP_BYTES)
    url = f"{client.api.base_url}/v{client.api.api_version}/exec/{made}/start"
    with client.api.post(
        url, json={"Detach": False, "Tty": False}, stream=True, timeout=within_seconds
    ) as response:
        check_reply(response)
        _read(response, out, err, ends_at)
    return ExecResult(exit_code=_exit_code(client, made), stdout=out.text(), stderr=err.text())


def _created(client: docker.DockerClient, container: str, argv: Sequence[str], env: Mapping[str, str]) -> str:
    import docker.errors  # noqa: PLC0415  heavy, and most servers ask no container engine

    try:
        made = client.api.exec_create(container, list(argv), environment=dict(env))
    except docker.errors.NotFound:
        raise
    except docker.errors.APIError:
        # Docker says 409 of a container that is down, podman 4.3 500: so look.
        state = client.api.inspect_container(container).get("State") or {}
        if not state.get("Running"):
            raise ClientError(Fault.REFUSED, f"the container {container} does not run") from None
        raise
    return str(made["Id"])


def _read(response: requests.Response, out: CappedOutput, err: CappedOutput, ends_at: float) -> None:
    """Take frames (a header with stream and length, then so many bytes) until the other side ends."""
    while header := response.raw.read(_HEADER.size):
        if len(header) < _HEADER.size:
            raise ClientError(Fault.LOST, "the container engine broke off within its answer")
        stream, length = _HEADER.unpack(header)
        (err if stream == _STDERR else out).feed(response.raw.read(length))
        if time.monotonic() > ends_at:
            raise ClientError(Fault.TIMED_OUT, "the program in the container did not end in time")


def _exit_code(client: docker.DockerClient, made: str) -> int:
    ends_at = time.monotonic() + _NOTED_WITHIN_SECONDS
    while True:
        code = client.api.exec_inspect(made).get("ExitCode")
        if code is not None:
            return int(code)
        if time.monotonic() > ends_at:
            raise ClientError(Fault.LOST, "the container engine does not say how the program ended")
        time.sleep(_LOOK_EVERY_SECONDS)
