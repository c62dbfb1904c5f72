"""Secrets that can be told apart, and the search for them, also where they were encoded or cut."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field

# So much of a secret's middle is enough to tell it, and no less can be met by chance.
_PIECE_CHARACTERS = 12


@dataclass
class Canaries:
    """Made-up secrets by the place they were put in."""

    by_place: dict[str, str] = field(default_factory=dict)

    def put(self, place: str) -> str:
        """Make one for a place."""
        return self.by_place.setdefault(place, f"cnry-{secrets.token_hex(20)}")

    def know(self, place: str, value: str) -> None:
        """Take a secret that somebody else made."""
        self.by_place[place] = value

    def found(self, data: bytes) -> set[str]:
        """Return the places whose secrets, or pieces of them, are in some bytes."""
        return {
            place
            for place, value in self.by_place.items()
            if any(piece in data for piece in _pieces(value.removeprefix("cnry-")))
        }


def _pieces(core: str) -> set[bytes]:
    # Of digits and letters alone, so that JSON, HTML and addresses leave them as they are.
    begins = range(0, max(1, len(core) - _PIECE_CHARACTERS + 1), _PIECE_CHARACTERS)
    plain = {core[at : at + _PIECE_CHARACTERS] for at in begins}
    # Within a longer text, base64 begins at one of three places.
    encoded = set()
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + core.encode()).decode().rstrip("=")
        encoded.add(whole[4:20])
    return {piece.encode() for piece in plain | encoded}
