from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from remediator.actions.scaling import ScaleParams, Undo, compare, refuse_number
from remediator.settings_section import Bounds


@pytest.mark.parametrize(
    ("params", "count", "met", "refused"),
    [
        ({"at_least": 3}, 2, False, False),
        ({"at_least": 3}, 3, True, False),
        ({"at_least": 3}, 5, True, False),
        ({"to": 3}, 2, False, False),
        ({"to": 3}, 3, True, False),
        ({"to": 3}, 5, False, True),
        ({"to": 3, "allow_decrease": True}, 5, False, False),
        ({"to": 0, "allow_decrease": True}, 1, False, False),
    ],
)
def test_what_to_do_about_a_number(params: dict[str, Any], count: int, met: bool, refused: bool) -> None:
    scale = ScaleParams.model_validate(params)
    assert scale.met(count) is met
    assert (scale.refuses(count) is not None) is refused


@pytest.mark.parametrize(
    "params",
    [{}, {"at_least": 1, "to": 1}, {"at_least": 0}, {"to": -1}, {"at_least": 2, "allow_decrease": True}],
)
def test_exactly_one_number(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ScaleParams.model_validate(params)


@given(st.integers(0, 9), st.integers(1, 9))
def test_at_least_never_asks_for_fewer(count: int, number: int) -> None:
    scale = ScaleParams(at_least=number)
    assert scale.met(count) or number > count


@pytest.mark.parametrize(
    ("number", "bounds", "fits"),
    [
        (1, Bounds(min=1, max=4), True),
        (4, Bounds(min=1, max=4), True),
        (0, Bounds(min=1, max=4), False),
        (5, Bounds(min=1, max=4), False),
        (2, None, False),
    ],
)
def test_bounds(number: int, bounds: Bounds | None, fits: bool) -> None:
    assert (refuse_number(number, bounds, "compose.services.a") is None) is fits


@pytest.mark.parametrize(
    ("present", "original", "applied", "wanted", "found"),
    [
        (3, 2, 3, 3, Undo.PUT_BACK),
        (2, 2, 3, 3, Undo.NOTHING),
        (4, 2, 3, 3, Undo.CHANGED_SINCE),
        (3, 2, None, 3, Undo.PUT_BACK),
        (4, 2, None, 3, Undo.CHANGED_SINCE),
    ],
)
def test_undo(present: int, original: int, applied: int | None, wanted: int, found: Undo) -> None:
    assert compare(present, original, applied, wanted) is found
