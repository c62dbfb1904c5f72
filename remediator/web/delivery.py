"""What the webhook takes and answers, for the OpenAPI document; deliveries are read more tolerantly."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from remediator.alerts import Alert


class DeliveryInput(BaseModel):
    """Alertmanager's webhook payload, version 4: what is read of it. Further keys are ignored."""

    version: Literal["4"]
    receiver: str = ""
    group_key: str = Field(default="", alias="groupKey")
    truncated_alerts: int = Field(default=0, alias="truncatedAlerts")
    alerts: list[Alert] = Field(description="One that can't be read is set aside; its siblings are not.")


class TakenIn(BaseModel):
    """The delivery is committed."""

    status: Literal["taken in"] = "taken in"
