"""Open episodes as they were last written, so that an alert that goes on firing asks the database nothing.

There is one writer, so nobody else changes what is kept here.
"""

from __future__ import annotations

from collections.abc import Iterable

from remediator.runs.episodes import Episode

# Some 20 MB of alerts; beyond it the database is asked.
_MOST = 8192

Identity = tuple[str, str]
"""Source and fingerprint."""


class OpenEpisodes:
    """Keeps those that were written or asked for last; `forget` what a transaction that failed did to it."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._kept: dict[Identity, Episode] = {}

    def get(self, identity: Identity) -> Episode | None:
        """Return the open episode of an identity, if it is kept."""
        return self._kept.get(identity)

    def note(self, episode: Episode) -> None:
        """Keep an episode as it now is; one that is closed is dropped."""
        identity = (episode.source, episode.fingerprint)
        if not episode.open:
            self._kept.pop(identity, None)
            return
        self._kept[identity] = episode
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]

    def forget(self, identities: Iterable[Identity]) -> None:
        """Drop what may not be true any more."""
        for identity in identities:
            self._kept.pop(identity, None)

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()
