"""Finds secrets that are written into a policy: by their form anywhere, by the key they stand under.

Only what is surely or very likely one: a token with its issuer's prefix, a private key, credentials in
a URL, a bearer literal, and under a key like `password` any text that is no reference.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from remediator.policy.expressions import is_template
from remediator.secret_refs import is_secret_ref

_KEY = re.compile(
    r"(?:^|[_-])(?:token|password|passwd|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|authorization"
    r"|credentials?)$",
    re.IGNORECASE,
)
# Under these, text that looks random is one: a name or a mode is not.
_PERHAPS_KEY = re.compile(r"(?:^|[_-])(?:auth|key|cookie|session|signature|pass|bearer|dsn)$", re.IGNORECASE)
# What it is, what of it is always there (in lower case: quickly looked for), and its form.
_FORMS = (
    ("a private key", ("-----begin ",), re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("an AWS access key", ("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    (
        "a GitHub token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b"),
    ),
    ("a GitLab token", ("glpat-",), re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}")),
    ("a Slack token", ("xox",), re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}")),
    (
        "a Slack webhook",
        ("hooks.slack.com/services/",),
        re.compile(r"\bhooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{20,}"),
    ),
    ("a Stripe key", ("k_live_",), re.compile(r"\b[rs]k_live_[A-Za-z0-9]{16,}\b")),
    ("a Google API key", ("aiza",), re.compile(r"\bAIza[A-Za-z0-9_-]{35}")),
    (
        "a Fly.io token",
        ("flyv1 ", "fm1", "fm2", "fo1_"),
        re.compile(r"\b(?:FlyV1 |fm[12][ar]?_|fo1_)[A-Za-z0-9+/=_-]{20,}"),
    ),
    (
        "a JSON web token",
        ("eyj",),
        re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    ),
    (
        "a bearer token",
        ("bearer ",),
        re.compile(r"\bBearer +(?=[A-Za-z0-9._~+/=-]*[0-9])[A-Za-z0-9._~+/=-]{12,}", re.IGNORECASE),
    ),
    (
        "basic credentials",
        ("basic ",),
        re.compile(r"\bBasic +(?=[A-Za-z0-9+/]*[0-9A-Z])[A-Za-z0-9+/]{11,}={0,2}(?![A-Za-z0-9+/])"),
    ),
    (
        "a URL with a password",
        ("://",),
        re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/@{}'\"<]+:(?!\*+@)[^\s/@{}'\"$<]+@[^\s@]", re.IGNORECASE),
    ),
)
_RANDOM_BITS = 3.5
_RANDOM_LENGTH = 20


def forms_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the beginning and the end of each secret in `text` with what it is, in order."""
    lowered = text.lower()
    found = [
        (match.start(), match.end(), name)
        for name, parts, form in _FORMS
        if any(part in lowered for part in parts)
        for match in form.finditer(text)
    ]
    end = 0
    for start, stop, name in sorted(found):
        if start >= end:
            yield start, stop, name
            end = stop


def is_plain_secret(keys: tuple[str | int, ...], text: str) -> bool:
    """Tell whether `text`, reached by these keys, stands where a secret would; references do not count."""
    if not text or is_secret_ref(text) or is_template(text):
        return False
    names = [key for key in keys if isinstance(key, str)]
    if any(_KEY.search(name) for name in names):
        return True
    return any(_PERHAPS_KEY.search(name) for name in names) and _looks_random(text)


def _looks_random(text: str) -> bool:
    if len(text) < _RANDOM_LENGTH or not re.fullmatch(r"[A-Za-z0-9+/=_.-]+", text):
        return False
    mixed = any(one.isdigit() for one in text) and any(one.isalpha() for one in text)
    shares = [count / len(text) for count in Counter(text).values()]
    return mixed and -sum(share * math.log2(share) for share in shares) > _RANDOM_BITS
