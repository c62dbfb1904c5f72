"""Full text, as FTS5 is asked for it: what people type is words to find, never FTS5's own syntax."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from remediator.plain_text import whole

SEARCHED = ("actor", "action", "source", "alertname", "policy", "target", "detail")
"""Columns of the audit log that a search covers."""
KEYED = ("actor", "action", "source", "alertname", "policy", "target", "episode_id", "run_id")
"""Columns whose exact values the index knows as words of their own."""

# Contentless: the index holds no text, and what it finds is read from the log.
_OPTIONS = "content = '', columnsize = 0, tokenize = 'unicode61'"


def words_table(name: str) -> str:
    """Return the statement that makes a table of the log's words."""
    return f"CREATE VIRTUAL TABLE {name} USING fts5({', '.join(SEARCHED)}, keys, {_OPTIONS})"


def words_insert(name: str) -> str:
    """Return the statement that takes the values of `words_of`."""
    return f"INSERT INTO {name} (rowid, {', '.join(SEARCHED)}, keys) VALUES ({', '.join('?' * 9)})"  # nosec B608  # only names of the code's own catalogs; values are bound


def words_delete(name: str) -> str:
    """Return the statement that takes words out again, given the very values that they came by."""
    # Without the text, FTS5 can't know which words were a row's.
    columns = f"{name}, rowid, {', '.join(SEARCHED)}, keys"
    return f"INSERT INTO {name} ({columns}) VALUES ('delete', {', '.join('?' * 9)})"  # nosec B608  # only names of the code


def words_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what the index takes in of a row of the audit log."""
    keys = " ".join(_key(name, row[name]) for name in KEYED if row[name] is not None)
    return (row["sequence"], *(row[name] for name in SEARCHED), keys)


def asking_for(text: str | None, equal: Mapping[str, Any]) -> str:
    """Return the query for rows that have every word of `text` and every value of `equal`.

    A text without any word in it finds nothing.
    """
    asked = [f'"{_key(name, value)}"' for name, value in equal.items()]
    if text is not None:
        # The keys are ours: nobody finds them by typing one.
        asked.append(f"(- keys : ({_words(text)}))")
    return " AND ".join(asked)


def keyed(equal: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an equality filter that the index knows."""
    return {name: value for name, value in equal.items() if name in KEYED and value is not None}


def _words(text: str) -> str:
    words: Sequence[str] = [word.replace('"', '""') for word in whole(text).replace("\x00", " ").split()]
    return " ".join(f'"{word}"' for word in words) or '""'


# A pure function, and most rows name the same few values.
@lru_cache(maxsize=4096, typed=True)
def _key(name: str, value: Any) -> str:
    """Return one word for one value, whatever characters that is made of."""
    given = whole(f"{name}={value}").encode()
    return "k" + hashlib.blake2b(given, digest_size=10).hexdigest()
