"""Sends messages by apprise, in threads with a deadline. URLs are resolved when they are needed.

What apprise says of a failure may hold parts of the URL, which is a secret as a whole; they are taken
out, and apprise's own log goes nowhere.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from concurrent.futures import Future
from datetime import timedelta
from urllib.parse import unquote

from remediator.clients.errors import ClientError, Fault
from remediator.secret_refs import SecretUnavailableError, resolve_secret

_DEADLINE = timedelta(seconds=20)
_SHORTEST_SECRET = 3
_LONGEST_ERROR = 300
_BETWEEN = re.compile(r"[^\w.~%+!$*'-]+")


class AppriseSender:
    """See the module. One message at a time for each URL: what hangs holds up nothing else."""

    def __init__(self, deadline: timedelta = _DEADLINE) -> None:
        self._deadline = deadline
        self._busy: dict[str, threading.Thread] = {}

    async def send(self, reference: str, title: str, body: str) -> None:
        """Send one message to the URL that `reference` points at.

        Raises:
            ClientError: when it was not taken in time; without anything secret.
        """
        try:
            url = resolve_secret(reference)
        except SecretUnavailableError as error:
            raise ClientError(Fault.NOT_SENT, str(error)) from None
        hanging = self._busy.get(reference)
        if hanging is not None and hanging.is_alive():
            raise ClientError(Fault.NOT_SENT, "the attempt before still hangs")
        future: Future[str | None] = Future()
        # A daemon: a server that trickles its answer must not keep this process from ending.
        thread = threading.Thread(
            target=_deliver_into, args=(future, url, title, body), name="notice", daemon=True
        )
        self._busy[reference] = thread
        thread.start()
        seconds = self._deadline.total_seconds()
        try:
            error_text = await asyncio.wait_for(asyncio.wrap_future(future), seconds)
        except TimeoutError:
            raise ClientError(Fault.TIMED_OUT, f"it was not taken within {seconds:g}s") from None
        if error_text is not None:
            raise ClientError(Fault.REFUSED, error_text)


def _deliver_into(future: Future[str | None], url: str, title: str, body: str) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(_deliver(url, title, body))
    except Exception as error:  # noqa: BLE001  plugins raise anything, and its text may hold the URL
        future.set_result(f"apprise failed: {type(error).__name__}")


def _deliver(url: str, title: str, body: str) -> str | None:
    """Return why it was not taken, or None."""
    import apprise  # noqa: PLC0415  heavy, and most commands never send

    _hush()
    # Followed, a POST could become a GET without its message, and count as sent.
    asset = apprise.AppriseAsset(app_id="remediator", storage_mode="memory", http_redirects=False)
    service = apprise.Apprise(asset=asset)
    if not service.add(url):
        return "it is not a URL that apprise knows; see apprise's list of services"
    said_as = apprise.NotifyFormat.TEXT
    for plugin in service:
        # Too long for a service means cut, not refused: an alert's values could bring that about. Several
        # messages instead would take longer than the deadline, for apprise waits between them.
        if plugin.overflow_mode == apprise.OverflowMode.UPSTREAM:
            plugin.overflow_mode = apprise.OverflowMode.TRUNCATE
        # What is sent holds no markup from outside. Escaped once more, links to runs would not be links.
        if plugin.notify_format == apprise.NotifyFormat.MARKDOWN:
            said_as = apprise.NotifyFormat.MARKDOWN
    result = service.notify(title=title, body=body, body_format=said_as)
    if result:
        return None
    said = "; ".join(entry.message for entry in result.logs())
    return without_secrets(said, url)[:_LONGEST_ERROR] or "it was not taken"


def without_secrets(text: str, url: str) -> str:
    """Return `text` without any part of `url` in it."""
    scheme, _, rest = url.partition("://")
    parts = {part for piece in (rest, unquote(rest)) for part in _BETWEEN.split(piece)}
    for part in sorted({url, rest, *parts}, key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET and part != scheme:
            text = text.replace(part, "…")
    return " ".join(text.split())


def _hush() -> None:
    """Keep apprise's log and urllib3's warnings, which name whole addresses, out of ours."""
    apprise_log = logging.getLogger("apprise")
    apprise_log.propagate = False
    if not apprise_log.handlers:
        apprise_log.addHandler(logging.NullHandler())
    logging.getLogger("urllib3.connectionpool").setLevel(logging.CRITICAL)
