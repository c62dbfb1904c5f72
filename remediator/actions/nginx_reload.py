"""`nginx.reload`: have an nginx of the inventory read its configuration again, if it is good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import BaseModel

from remediator.actions.base import ActionParams, BaseAction, Call, Inventory, Outcome, succeeded
from remediator.actions.faults import outcome_of
from remediator.actions.nginx_control import NginxControl
from remediator.actions.time_left import TimeLeft
from remediator.clients.errors import ClientError


class NginxReloadParams(ActionParams):
    """Which nginx."""

    nginx: Annotated[str, Inventory("nginx", lock="nginx")]


class NginxReload(BaseAction):
    """Tests first, and reloads only what passes: a failed test has changed nothing.

    After a `file.render` of its own this is not needed, and less: give that step `nginx:`, and the file goes
    back at once when the test fails, and nginx is reloaded as well when the file is put back later.
    """

    name = "nginx.reload"
    summary = "Have nginx read its configuration again, if its test passes."
    params: ClassVar[type[BaseModel]] = NginxReloadParams
    result: ClassVar[Mapping[str, str]] = {"reloaded": "the nginx"}
    idempotent = True

    def __init__(self, control: NginxControl) -> None:
        self._control = control

    def refuse(self, params: NginxReloadParams) -> str | None:
        """Keep to the servers of the inventory."""
        return self._control.refuse(params.nginx)

    async def act(self, params: NginxReloadParams, call: Call) -> Outcome:
        """Test, then reload."""
        time = TimeLeft(call.timeout)
        try:
            await self._control.test(params.nginx, time.now(), call.key)
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        try:
            await self._control.reload(params.nginx, time.now(), call.key)
        except ClientError as error:
            return outcome_of(error)
        return succeeded(reloaded=params.nginx)
