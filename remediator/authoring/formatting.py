"""Writes YAML the way this project writes it: layout and order change, never what it means.

Two spaces a level, lists indented below their key, keys of a policy in the model's order. Quotes,
block and flow style, anchors, blank lines, durations and numbers stay as they are written, and so
does every comment. What can't be formatted without losing something is left alone, with the reason.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.emitter import Emitter
from ruamel.yaml.error import YAMLError

from remediator.authoring.key_order import in_model_order
from remediator.authoring.yaml_comments import comments
from remediator.errors import ConfigError, Problem
from remediator.yaml_source import read_yaml

_WIDTH = 120
# A first pass may move what only the second then lays out; more than that would be a fault.
_MOST_PASSES = 4
_UNBREAKABLE = 1_000_000


class _Layout(Emitter):
    """Breaks lines between the entries of a flow collection and nowhere else."""

    def write_plain(self, text: Any, split: Any = True) -> None:  # noqa: FBT002, ARG002  (as in Emitter)
        """Write it on one line."""
        super().write_plain(text, split=False)

    def write_single_quoted(self, text: Any, split: Any = True) -> None:  # noqa: FBT002, ARG002
        """Write it on one line."""
        super().write_single_quoted(text, split=False)

    def write_double_quoted(self, text: Any, split: Any = True) -> None:  # noqa: FBT002, ARG002
        """Write it on one line."""
        super().write_double_quoted(text, split=False)

    def expect_flow_mapping_simple_value(self) -> None:
        """Write a value beside its key."""
        width, self.best_width = self.best_width, _UNBREAKABLE
        super().expect_flow_mapping_simple_value()
        self.best_width = width


def format_yaml(file: str, text: str) -> str:
    """Return a policy, or another YAML document, as it should be laid out. Formatting twice changes nothing.

    Raises:
        ConfigError: with what is wrong with it, or why it can't be formatted.
    """
    source = read_yaml(file, text)
    is_policy = isinstance(source.data, dict) and {"policy", "options"} <= source.data.keys()
    for _ in range(_MOST_PASSES):
        ordered = in_model_order(file, text) if is_policy else text
        formatted = _lay_out(file, ordered)
        _check_nothing_lost(file, text, formatted)
        if formatted == text:
            return formatted
        text = formatted
    raise _refusal(file, 1, "does not come to rest when it is formatted", "write its odd parts plainly")


def _lay_out(file: str, text: str) -> str:
    layout = YAML(typ="rt")
    layout.Emitter = _Layout
    layout.preserve_quotes = True
    layout.width = _WIDTH
    layout.brace_single_entry_mapping_in_flow_sequence = True
    layout.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    try:
        document = layout.load(text)
        _keep_anchors(document)
        layout.dump(document, out)
    except YAMLError as error:
        raise _refusal(file, 1, f"can't be laid out: {str(error)[:200]}", "write it more plainly") from None
    return _without_trailing_space(file, out.getvalue())


def _keep_anchors(node: Any) -> None:
    """Have every anchor written again; by itself the library drops those that no alias refers to."""
    if getattr(node, "anchor", None) is not None:
        node.anchor.always_dump = True
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        _keep_anchors(child)


def _without_trailing_space(file: str, text: str) -> str:
    stripped = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    # In a block scalar, spaces at the end of a line are part of what it says.
    return stripped if read_yaml(file, stripped).data == read_yaml(file, text).data else text


def _check_nothing_lost(file: str, before: str, after: str) -> None:
    lost = Counter(words for _, words in comments(before)) - Counter(words for _, words in comments(after))
    for line, words in comments(before):
        if words in lost:
            fix = "move the comment to a line of its own"
            raise _refusal(file, line, "formatting would lose a comment here; it was left alone", fix)
    if _typed(read_yaml(file, before).data) != _typed(read_yaml(file, after).data):
        fix = "write numbers, empty values and quotes plainly"
        raise _refusal(file, 1, "formatting would change what it says; it was left alone", fix)


def _typed(data: Any) -> Any:
    """Return data that is equal only if the types are: in Python, 1 is True and 1.0."""
    if isinstance(data, dict):
        return {key: _typed(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_typed(value) for value in data]
    return (type(data), data)


def _refusal(file: str, line: int, what: str, fix: str) -> ConfigError:
    return ConfigError([Problem(file, line, 1, what, fix)])


def write_in_place(path: Path, text: str) -> None:
    """Replace a file's text at once, with its permissions; whoever reads it sees the old or the new.

    Raises:
        OSError: when it can't be written; the file is then as it was.
    """
    path = path.resolve()  # a link stays a link
    mode = path.stat().st_mode
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode & 0o7777)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
