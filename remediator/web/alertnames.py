"""Finds records by the alert that they are about: runs and decisions know only the episode."""

from __future__ import annotations

from remediator.runs.episodes import Episode
from remediator.store.base import Filter, Reads

# The newest ones: what is older than so many alerts of one name is found by time or policy.
_MOST_EPISODES = 5000


def episodes_named(reads: Reads, alertname: str) -> list[int]:
    """Return the ids of the newest episodes of an alert."""
    where = Filter(equal={"alertname": alertname}, limit=_MOST_EPISODES)
    return [episode.id for episode in reads.select(Episode, where)]
