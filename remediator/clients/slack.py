"""What is said to Slack: messages to an incoming webhook, and answers to whoever pressed a button."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import aiohttp

from remediator.clients.errors import ClientError, Fault
from remediator.secret_refs import SecretUnavailableError, resolve_secret

_DEADLINE = timedelta(seconds=10)


class SlackWebhooks:
    """Incoming webhooks, given by reference."""

    async def ask(self, reference: str, message: Mapping[str, Any]) -> None:
        """Post one message.

        Raises:
            ClientError: when it was not taken in time.
        """
        try:
            url = resolve_secret(reference)
        except SecretUnavailableError as error:
            raise ClientError(Fault.NOT_SENT, str(error)) from None
        await post_to_slack(url, message)


async def post_to_slack(url: str, message: Mapping[str, Any]) -> None:
    """Post one message. The address is a secret, and no error tells of it.

    Raises:
        ClientError: when it was not taken in time.
    """
    timeout = aiohttp.ClientTimeout(total=_DEADLINE.total_seconds())
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, json=message, allow_redirects=False) as reply,
        ):
            if reply.status != HTTPStatus.OK:
                raise ClientError(Fault.REFUSED, f"Slack answered {reply.status}")
    except TimeoutError:
        raise ClientError(Fault.TIMED_OUT, f"Slack took longer than {_DEADLINE.total_seconds():g}s") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise ClientError(Fault.NOT_SENT, f"Slack can't be reached: {type(error).__name__}") from None
