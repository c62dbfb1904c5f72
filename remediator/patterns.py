"""RE2 patterns: matching takes linear time, whatever is matched."""

from __future__ import annotations

from typing import Annotated, Any

import re2
from pydantic import AfterValidator, Field


def compile_pattern(pattern: str) -> Any:
    """Compile a pattern.

    Raises:
        ValueError: saying what is wrong with it.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"{pattern!r} is not an RE2 pattern: {said}") from None


def _check(pattern: str) -> str:
    compile_pattern(pattern)
    return pattern


RE2 = Annotated[str, AfterValidator(_check)]
"""An RE2 pattern in the configuration."""
Pattern = Annotated[str, Field(max_length=500), AfterValidator(_check)]
"""An RE2 pattern as a parameter."""
