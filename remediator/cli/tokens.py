"""`remediator token …`: make API tokens. Only a token's digest goes into the configuration."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated

import typer
from pydantic import ValidationError

from remediator.cli.options import JsonOutput
from remediator.cli.output import fail, print_json, say
from remediator.settings import Role, Token

_TOKEN_BYTES = 32


def new_token(
    name: Annotated[str, typer.Argument(help="Whose it is; the audit log goes by it.", show_default=False)],
    role: Annotated[
        list[Role], typer.Option("--role", help="What it may do; may be repeated.", show_default=False)
    ],
    group: Annotated[list[str] | None, typer.Option("--group", help="For approvals; repeatable.")] = None,
    as_json: JsonOutput = False,
) -> None:
    """Make a token, print it this once, and the entry for `tokens:` in remediator.yaml."""
    text = secrets.token_urlsafe(_TOKEN_BYTES)
    digest = hashlib.sha256(text.encode()).hexdigest()
    try:
        token = Token(name=name, sha256=digest, roles=tuple(role), groups=tuple(group or ()))
    except ValidationError:
        fail("names are letters, digits, dots, dashes and underscores, at most 63 of them")
    entry = token.model_dump(mode="json")
    if as_json:
        print_json({"token": text, "entry": entry})
        return
    say(f"token: {text}")
    say("It is not stored anywhere; keep it now. Into remediator.yaml goes:", style="dim")
    quoted = ", ".join(f'"{group}"' for group in token.groups)
    groups = f", groups: [{quoted}]" if quoted else ""
    roles = ", ".join(token.roles)
    say(f'tokens:\n  - {{name: "{token.name}", sha256: "{digest}", roles: [{roles}]{groups}}}')
