"""`remediator episodes …` and `remediator leases …`: alerts, and temporary changes that stand."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from remediator.cli.client import ApiClient
from remediator.cli.options import (
    DEFAULT_URL,
    Alertname,
    Comment,
    Cursor,
    JsonOutput,
    Limit,
    Policy,
    Since,
    Until,
    Url,
)
from remediator.cli.output import print_json, print_table, say, when
from remediator.plain_text import one_line


class EpisodeState(StrEnum):
    """Whether an alert still fires, as far as is known."""

    OPEN = "open"
    CLOSED = "closed"


def list_episodes(
    alertname: Alertname = None,
    state: Annotated[EpisodeState | None, typer.Option("--state", help="Only these.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """List alerts from firing to resolved, newest first."""
    query = {"alertname": alertname, "state": state, "since": since, "until": until}
    with ApiClient(url) as api:
        page = api.get("/api/v1/episodes", **query, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    columns = ("id", "alertname", "source", "opened", "closed", "why", "acknowledged by", "labels")
    rows = [
        (
            episode["id"],
            episode["alertname"],
            episode["source"],
            when(episode["opened_at"]),
            when(episode["closed_at"]),
            episode.get("close_reason"),
            episode.get("acknowledged_by"),
            episode.get("labels"),
        )
        for episode in page["items"]
    ]
    print_table(columns, rows, empty="There are no such episodes.")
    if page.get("next_cursor"):
        say(f"There are more: --cursor {page['next_cursor']}", style="dim")


def acknowledge_episode(
    episode_id: Annotated[int, typer.Argument(min=1, help="The episode's id.", show_default=False)],
    comment: Comment = "",
    duration: Annotated[
        str | None, typer.Option("--for", help="How long (30m, 2h); until it closes when left out.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """Say that somebody looks at it: escalation stops, nothing else does."""
    body = {"comment": comment, "for": duration}
    with ApiClient(url) as api:
        answer = api.post(f"/api/v1/episodes/{episode_id}/acknowledge", body)
    if as_json:
        print_json(answer)
    else:
        say(one_line(f"episode {episode_id}: {answer['message']}"))


def list_leases(
    policy: Policy = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """List temporary changes that stand, with what they go back to."""
    with ApiClient(url) as api:
        page = api.get("/api/v1/leases", policy=policy, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    columns = ("id", "resource", "attribute", "policy", "run", "state", "original", "applied", "until")
    names = ("id", "resource", "attribute", "policy", "run_id", "state", "original", "applied")
    rows = [(*(lease.get(name) for name in names), when(lease.get("expires_at"))) for lease in page["items"]]
    print_table(columns, rows, empty="Nothing is changed for a time.")
