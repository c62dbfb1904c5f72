"""Alertmanager's matchers, with its exact semantics: `severity =~ "critical|P1"`.

The grammar is that of Alertmanager's classic parser (pkg/labels): quotes are optional, `\\"`, `\\\\`
and `\\n` are escapes, any other backslash is literal. Regular expressions are RE2 and anchored
at both ends. A label that is not there equals the empty string.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, get_args

import re2

from remediator.errors import RemediatorError
from remediator.labels import Labels

Operator = Literal["=", "!=", "=~", "!~"]

# Go's \s, which is narrower than Python's.
_SPACE = r"[\t\n\f\r ]*"
_MATCHER = re.compile(
    rf"{_SPACE}(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*){_SPACE}(?P<op>=~|=|!=|!~){_SPACE}(?P<value>.*?){_SPACE}",
    re.DOTALL,
)
# For editors: all but a regular expression's own faults, which are left to the parser.
_BARE = r'(?:[^",\\]|\\[^,])'
_VALUE_PATTERN = rf'(?:"(?:[^"\\]|\\[\s\S])*"|{_BARE}{_BARE}*\\?|\\?)'
_ONE_PATTERN = rf"{_SPACE}[a-zA-Z_:][a-zA-Z0-9_:]*{_SPACE}(?:=~|!=|!~|=){_SPACE}{_VALUE_PATTERN}{_SPACE}"
MATCHER_PATTERN = f"^{_ONE_PATTERN}$"
"""What every matcher fits, as a pattern for JSON Schemas."""
MATCHERS_PATTERN = rf"^\{{?{_ONE_PATTERN}(?:,{_ONE_PATTERN})*,?{_SPACE}\}}?$"
"""What every list of at least one matcher fits."""
_EXAMPLE = 'write it like severity =~ "critical|P1"'


class MatcherError(RemediatorError):
    """Not a matcher."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One matcher: `name op value`, op one of = != =~ !~.

    Raises:
        MatcherError: when the value of a regular expression is not one.
    """

    name: str
    op: Operator
    value: str
    _regex: Any = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.op not in get_args(Operator):
            raise MatcherError(f"{self.op!r} is not an operator; use =, !=, =~ or !~")
        if self.op in ("=~", "!~"):
            object.__setattr__(self, "_regex", _compile(self.value))

    def matches(self, labels: Labels) -> bool:
        """Tell whether it holds; a missing label equals empty."""
        actual = labels.get(self.name, "")
        if self._regex is None:
            return (actual == self.value) is (self.op == "=")
        # A lone surrogate is no text; Go replaces it while it reads JSON, RE2 can't take it.
        text = actual.encode("utf-8", "replace").decode("utf-8")
        return (self._regex.search(text) is not None) is (self.op == "=~")

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        return f'{self.name}{self.op}"{escaped}"'


def parse_matcher(text: str) -> Matcher:
    """Read one matcher.

    Raises:
        MatcherError: with what is wrong and an example.
    """
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise MatcherError(f"{text!r} is not a matcher; {_EXAMPLE}")
    operator: Any = found["op"]
    return Matcher(found["name"], operator, _unescape(found["value"]))


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Read a comma-separated list of matchers; the braces around it are optional.

    Raises:
        MatcherError: with what is wrong and an example.
    """
    tokens: list[str] = []
    start = 0
    inside_quotes = escaped = False
    body = text.removeprefix("{").removesuffix("}")
    for at, character in enumerate(body):
        if character == ",":
            # As in Alertmanager, a comma leaves `escaped` as it is.
            if not inside_quotes:
                tokens.append(body[start:at])
                start = at + 1
        elif character == '"':
            inside_quotes ^= not escaped
            escaped = False
        elif character == "\\":
            escaped = not escaped
        else:
            escaped = False
    if body[start:].strip():
        tokens.append(body[start:].strip())
    return tuple(parse_matcher(token) for token in tokens)


def _unescape(raw: str) -> str:
    quoted = raw.startswith('"')
    body = raw[1:] if quoted else raw
    last = len(body) - 1
    value: list[str] = []
    at = 0
    while at <= last:
        character = body[at]
        if character == "\\" and at < last:
            at += 1
            following = body[at]
            value.append({"n": "\n", '"': '"', "\\": "\\"}.get(following, "\\" + following))
        elif character == '"':
            if not quoted or at < last:
                raise MatcherError(
                    f'{raw} has a double quote inside; write it as \\", or quote the value whole'
                )
            return "".join(value)
        else:
            value.append(character)
        at += 1
    if quoted:
        raise MatcherError(f"{raw} has no closing double quote; {_EXAMPLE}")
    return "".join(value)


# A pure function; many policies ask for the same `critical|warning`.
@lru_cache(maxsize=1024)
def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(f"^(?:{pattern})$", options)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        # What follows the colon quotes the pattern within its anchors, which nobody wrote.
        reason = said.partition(": ")[0]
        raise MatcherError(
            f"{pattern!r} is not an RE2 regular expression ({reason}); "
            "see https://github.com/google/re2/wiki/Syntax"
        ) from None
