"""`slack:` in `remediator.yaml`: approving and denying by buttons in Slack."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, HttpUrl

from remediator.secret_refs import SecretRef
from remediator.settings_section import EntryName, Section

SlackUser = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,30}$")]


class Slack(Section):
    """A Slack app whose buttons decide on plans; docs/slack.md tells how to set it up."""

    signing_secret: SecretRef = Field(
        description="The app's signing secret: requests without it are refused."
    )
    users: dict[SlackUser, EntryName] = Field(
        description="Which member of the workspace is who under `tokens`; nobody else decides."
    )
    webhooks: dict[EntryName, SecretRef] = Field(
        default={},
        description="By channel: the incoming webhook that its requests for approval go to, with buttons.",
    )
    answers: HttpUrl = Field(
        default=HttpUrl("https://hooks.slack.com/"),
        description="How the addresses begin that Slack asks to be answered at.",
    )
