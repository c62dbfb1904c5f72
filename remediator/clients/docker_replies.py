"""Calls of Docker's API that the SDK does not offer as they are needed here, with its own errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    import docker
    import requests


def update_limits(client: docker.DockerClient, name: str, limits: Mapping[str, Any]) -> None:
    """Change limits of a container; the SDK's own call knows no NanoCpus. Blocks."""
    url = f"{client.api.base_url}/v{client.api.api_version}/containers/{quote(name, safe='')}/update"
    with client.api.post(url, json=dict(limits), timeout=client.api.timeout) as response:
        check_reply(response)


def check_reply(response: requests.Response) -> None:
    """Raise what the SDK raises of a reply that is an error."""
    # Heavy, and most servers ask no container engine.
    import docker.errors  # noqa: PLC0415
    import requests  # noqa: PLC0415

    try:
        response.raise_for_status()
    except requests.HTTPError as error:
        docker.errors.create_api_error_from_http_exception(error)
