"""Renders a file of the inventory from its template."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from remediator.clients.errors import ClientError, Fault
from remediator.clients.placed_file import MOST_BYTES


def render_template(path: Path, values: Mapping[str, Any]) -> bytes:
    """Return what a template makes of values; reads the template.

    Raises:
        ClientError: REFUSED, when the template can't be read or rendered, or makes too much.
    """
    # Values are numbers, listed words and addresses, so nothing in them needs escaping.
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=True
    )
    try:
        source = path.read_text(encoding="utf-8")
        text = environment.from_string(source).render(dict(values))
    except (OSError, UnicodeDecodeError) as error:
        raise ClientError(Fault.REFUSED, f"the template {path} can't be read: {error}") from None
    except jinja2.TemplateSyntaxError as error:
        raise ClientError(Fault.REFUSED, f"{path}:{error.lineno}: {error.message}") from None
    except jinja2.TemplateError as error:
        raise ClientError(Fault.REFUSED, f"the template {path} can't be rendered: {error}") from None
    data = text.encode()
    if len(data) > MOST_BYTES:
        raise ClientError(Fault.REFUSED, f"the template {path} makes more than {MOST_BYTES // 1024} KiB")
    return data
