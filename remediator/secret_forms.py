"""How a secret may look in what others say: as it is, encoded, or as a piece that was left at a cut."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

CUT = "…"
"""What stands where text was left out."""
SHORTEST_PIECE = 8
"""Shorter pieces at a cut are left: they could be anything, and give next to nothing away."""
# How many of the first characters of base64 hold bits of so many bytes before.
_MIXED = (0, 2, 3)
# A note on a line of its own begins and ends what it parts.
_AFTER_CUT = re.compile(rf"\A|{CUT}\]\n|{CUT}")
_BEFORE_CUT = re.compile(rf"\n?\[{CUT}|{CUT}|\Z")


def secret_forms(secret: str) -> set[str]:
    """Return the secret as it is, in JSON, as Python writes it, in an address, and within base64."""
    data = secret.encode("utf-8", "surrogateescape")
    forms = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(data), quote(data, safe="")}
    if len(data) >= SHORTEST_PIECE:
        for before, mixed in enumerate(_MIXED):
            encoded = base64.b64encode(bytes(before) + data).decode().rstrip("=")
            # The last character holds bits of what follows, unless a group ends with the secret.
            whole = encoded[mixed:] if (before + len(data)) % 3 == 0 else encoded[mixed:-1]
            forms |= {whole, whole.translate(str.maketrans("+/", "-_"))}
    return forms


def without_pieces(text: str, secret: str, instead: str) -> str:
    """Return `text` without pieces of a secret at its ends and at cuts: half a secret is not found whole."""
    if secret[:SHORTEST_PIECE] in text:
        text = _without_beginnings(text, secret, instead)
    if secret[-SHORTEST_PIECE:] in text:
        text = _without_ends(text, secret, instead)
    return text


def _without_beginnings(text: str, secret: str, instead: str) -> str:
    for cut in reversed([found.start() for found in _BEFORE_CUT.finditer(text)]):
        at = text.find(secret[:SHORTEST_PIECE], max(0, cut - len(secret)), cut)
        while at >= 0:
            if secret.startswith(text[at:cut]):
                text = text[:at] + instead + text[cut:]
                break
            at = text.find(secret[:SHORTEST_PIECE], at + 1, cut)
    return text


def _without_ends(text: str, secret: str, instead: str) -> str:
    for cut in reversed([found.end() for found in _AFTER_CUT.finditer(text)]):
        at = text.rfind(secret[-SHORTEST_PIECE:], cut, cut + len(secret))
        while at >= 0:
            end = at + SHORTEST_PIECE
            if secret.endswith(text[cut:end]):
                text = text[:cut] + instead + text[end:]
                break
            at = text.rfind(secret[-SHORTEST_PIECE:], cut, end - 1)
    return text
