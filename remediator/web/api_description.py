"""What is said of the API, made once: the OpenAPI document, and a page written from it.

The page loads nothing and runs no script; its style stands in it and is allowed by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader


@dataclass(frozen=True, slots=True)
class ApiDescription:
    """The document as JSON, and the page with the Content-Security-Policy that it is served under."""

    document: bytes
    page: str
    page_security_policy: str


def describe(document: Mapping[str, Any]) -> ApiDescription:
    """Return what is served of an OpenAPI document."""
    style = files("remediator.web").joinpath("templates/api_docs.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    templates = Environment(loader=PackageLoader("remediator.web"), autoescape=True)
    return ApiDescription(
        document=json.dumps(document, separators=(",", ":")).encode("ascii"),
        page=templates.get_template("api_docs.html").render(document=document, style=style),
        page_security_policy=(
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        ),
    )
