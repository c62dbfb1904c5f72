"""What is said of the API, made when it is first asked for: the OpenAPI document, and a page written from it.

The page loads nothing and runs no script; its style stands in it and is allowed by its hash.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader


@dataclass(frozen=True, slots=True)
class Described:
    """The document as JSON, and the page with the Content-Security-Policy that it is served under."""

    document: bytes
    page: str
    page_security_policy: str


class ApiDescription:
    """Describes the API once; most servers are never asked, and making it takes a tenth of their start."""

    def __init__(self, document: Callable[[], Mapping[str, Any]]) -> None:
        self._document = document
        self._described: Described | None = None

    async def get(self) -> Described:
        """Return what is served."""
        if self._described is None:
            # Off the loop, where deliveries come in. Two that ask at once make the same twice.
            self._described = await asyncio.to_thread(lambda: _describe(self._document()))
        return self._described


def _describe(document: Mapping[str, Any]) -> Described:
    style = files("remediator.web").joinpath("templates/api_docs.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    templates = Environment(loader=PackageLoader("remediator.web"), autoescape=True)
    return Described(
        document=json.dumps(document, separators=(",", ":")).encode("ascii"),
        page=templates.get_template("api_docs.html").render(document=document, style=style),
        page_security_policy=(
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        ),
    )
