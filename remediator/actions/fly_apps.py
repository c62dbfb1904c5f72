"""Fly apps of the inventory."""

from __future__ import annotations

from remediator.clients.errors import ClientError, Fault
from remediator.clients.fly import FlyClient
from remediator.settings_fly import Fly, FlyApp


class FlyApps:
    """What the inventory lets a policy touch, and the client to do it with."""

    def __init__(self, settings: Fly | None, client: FlyClient | None) -> None:
        self._settings = settings
        self._client = client

    @property
    def client(self) -> FlyClient:
        """The client.

        Raises:
            ClientError: NOT_SENT, when the inventory has no fly section.
        """
        if self._client is None:
            raise ClientError(Fault.NOT_SENT, "remediator.yaml has no fly section")
        return self._client

    def entry(self, app: str) -> FlyApp:
        """Return an app's bounds; `refuse` has said that it is there."""
        return self._settings.apps[app] if self._settings else FlyApp()

    def refuse(self, app: str) -> str | None:
        """Say why an app can't be touched, or None."""
        if self._settings is None:
            return "remediator.yaml has no fly section"
        return None if app in self._settings.apps else f"fly.apps in remediator.yaml has no {app!r}"
