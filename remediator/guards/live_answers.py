"""Live answers as a verdict's inputs show them: JSON, and not more than a person reads."""

from __future__ import annotations

from math import isfinite
from typing import Any

from remediator.runs.answers import Answer

_SHOWN = 5


def samples_json(answer: Answer) -> dict[str, Any]:
    """Return the number of samples, and the first few; NaN and infinities are no JSON, so text."""
    return {
        "count": len(answer.samples),
        "samples": [
            {
                "labels": dict(sample.labels),
                "value": sample.value if isfinite(sample.value) else str(sample.value),
            }
            for sample in answer.samples[:_SHOWN]
        ],
    }


def one_number(answer: Answer) -> float | None:
    """Return the number that an answer is; None when it is none, several, or not finite."""
    if len(answer.samples) != 1 or not isfinite(answer.samples[0].value):
        return None
    return answer.samples[0].value
