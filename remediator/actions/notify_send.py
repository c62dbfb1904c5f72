"""`notify.send`: tell a channel something, in the policy's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Protocol

from pydantic import BaseModel, Field

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    FailureReason,
    Inventory,
    Outcome,
    ProbeAnswer,
    failed,
    succeeded,
)


class QueuesMessages(Protocol):
    """Takes messages for channels; they are sent by and by."""

    async def queue(self, channel: str, title: str, text: str, *, key: str, run_id: int | None) -> int:
        """Queue a message once for each key, durably, and return its notice's id."""
        ...


class NotifySendParams(ActionParams):
    """What is told, and where."""

    channel: Annotated[str, Inventory("channels")]
    title: str = Field(default="remediator", min_length=1, max_length=150, description="Its first line.")
    text: str = Field(min_length=1, max_length=4000, description="What it says; may hold templates.")


class NotifySend(BaseAction):
    """Queues a message. It is delivered as notices are; a dead channel fails no step."""

    name: ClassVar[str] = "notify.send"
    summary: ClassVar[str] = "Tells a channel something, in the policy's own words."
    params: ClassVar[type[BaseModel]] = NotifySendParams
    result: ClassVar[Mapping[str, str]] = {"notice": "id of the notice, as `GET /api/v1/notices` lists it"}
    idempotent = True
    tells = True

    def __init__(self, messages: QueuesMessages | None) -> None:
        self._messages = messages

    async def act(self, params: NotifySendParams, call: Call) -> Outcome:
        """Queue it; the same step queues it once."""
        if self._messages is None:
            return failed(FailureReason.REFUSED, "nothing is sent from here")
        notice = await self._messages.queue(
            params.channel, params.title, params.text, key=call.key, run_id=call.run_id
        )
        return succeeded(notice=notice)

    async def probe(
        self,
        params: NotifySendParams,  # noqa: ARG002
        call: Call,  # noqa: ARG002
        captured: Mapping[str, object],  # noqa: ARG002
    ) -> ProbeAnswer:
        """Queueing again does no harm."""
        return ProbeAnswer.NOT_DONE
