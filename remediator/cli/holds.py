"""`remediator holds …`: pause automation, and let it go on."""

from __future__ import annotations

from typing import Annotated

import typer

from remediator.cli.client import ApiClient
from remediator.cli.options import DEFAULT_URL, JsonOutput, Url
from remediator.cli.output import fail, print_json, print_table, say, when
from remediator.plain_text import one_line
from remediator.runs.records import HoldScope


def list_holds(url: Url = DEFAULT_URL, as_json: JsonOutput = False) -> None:
    """List the holds that stand."""
    with ApiClient(url) as api:
        page = api.get("/api/v1/holds")
    if as_json:
        print_json(page)
        return
    columns = ("id", "scope", "value", "reason", "by", "since", "until")
    rows = [
        (
            hold["id"],
            hold["scope"],
            hold["value"] or None,
            hold["reason"],
            hold["created_by"],
            when(hold["created_at"]),
            when(hold["expires_at"]) or "removed by hand",
        )
        for hold in page["items"]
    ]
    print_table(columns, rows, empty="Nothing is held.")


def add_hold(
    scope: Annotated[HoldScope, typer.Argument(help="What to pause.", show_default=False)],
    value: Annotated[str, typer.Argument(help="The policy's name or the target; none for `all`.")] = "",
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why, for whoever finds it.")] = "",
    duration: Annotated[
        str | None, typer.Option("--for", help="How long (30m, 2h); until removed when left out.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """Pause automation: `holds add all --reason …`, `holds add policy NAME …`, `holds add target T …`."""
    if not reason.strip():
        fail("a hold needs a reason; give one with --reason")
    body = {"scope": scope, "value": value, "reason": reason, "for": duration}
    with ApiClient(url) as api:
        answer = api.post("/api/v1/holds", body)
    if as_json:
        print_json(answer)
    else:
        say(
            one_line(
                f"hold {answer['id']}, {answer['message']}; `remediator holds remove {answer['id']}` ends it"
            )
        )


def remove_hold(
    hold_id: Annotated[int, typer.Argument(min=1, help="The hold's id.", show_default=False)],
    url: Url = DEFAULT_URL,
    as_json: JsonOutput = False,
) -> None:
    """Let automation go on."""
    with ApiClient(url) as api:
        answer = api.delete(f"/api/v1/holds/{hold_id}")
    if as_json:
        print_json(answer)
    else:
        say(one_line(f"hold {hold_id}: {answer['message']}"))
