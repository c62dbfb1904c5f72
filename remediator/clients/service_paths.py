"""Paths of services: what may stand in one, and which ones an inventory entry allows. Pure.

A path may hold a rendered label. It must stay a path on the service that the policy names,
below no other folder than the one that is written, whatever the label says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

_PATH = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*(?:\?[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*)?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%(?:2[fF]|5[cC]|00|0[aAdD]|25)")
_LONGEST = 2048


def path_fault(path: str) -> str | None:
    """Say what is wrong with a request's path (and query), or None."""
    shown = path[:80]
    if len(path) > _LONGEST:
        return f"the path is longer than {_LONGEST} characters"
    if not path.startswith("/") or path.startswith("//"):
        return f"the path {shown!r} must start with one slash"
    if not _PATH.fullmatch(path):
        return f"the path {shown!r} holds a character that must be percent-encoded"
    bare = path.partition("?")[0]
    if _BAD_ESCAPE.search(bare):
        return f"the path {shown!r} holds an encoded slash, percent sign or control character"
    if any(part in (".", "..") for part in unquote(bare).split("/")):
        return f"the path {shown!r} leaves its folder"
    return None


def allowed(patterns: Iterable[str], method: str, path: str) -> bool:
    """Tell whether a "METHOD /path" pattern covers a request; `*` at the end covers everything below.

    The query is not part of what is compared. Escapes are compared decoded.
    """
    bare = unquote(path.partition("?")[0])
    return any(_covers(pattern, method, bare) for pattern in patterns)


def _covers(pattern: str, method: str, path: str) -> bool:
    wanted_method, _, wanted = pattern.partition(" ")
    wanted = wanted.strip()
    if wanted_method.upper() not in (method.upper(), "*"):
        return False
    return path.startswith(wanted[:-1]) if wanted.endswith("*") else path == wanted
