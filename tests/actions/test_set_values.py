from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from remediator.actions.set_values import SetValue, SetValues, refuse_values
from remediator.settings_section import SecretValues

BOUNDS = {
    "PMS_TYPE": SecretValues(values=("mock", "qloapps")),
    "RATE_LIMIT_PER_MINUTE": SecretValues(min=60, max=300),
    "PMS_BASE_URL": SecretValues(values=("env:PMS_URL", "env:BACKUP_PMS_URL")),
    "ANY": None,
}


@pytest.mark.parametrize(
    ("name", "to", "fits"),
    [
        ("PMS_TYPE", "mock", True),
        ("PMS_TYPE", "other", False),
        ("PMS_TYPE", "env:PMS_URL", False),
        ("RATE_LIMIT_PER_MINUTE", "300", True),
        ("RATE_LIMIT_PER_MINUTE", "60", True),
        ("RATE_LIMIT_PER_MINUTE", "301", False),
        ("RATE_LIMIT_PER_MINUTE", "-1", False),
        ("RATE_LIMIT_PER_MINUTE", "1e2", False),
        ("RATE_LIMIT_PER_MINUTE", "\u0661\u0660", False),
        ("RATE_LIMIT_PER_MINUTE", "100\n", False),
        ("RATE_LIMIT_PER_MINUTE", "9" * 5000, False),
        ("PMS_BASE_URL", "env:BACKUP_PMS_URL", True),
        ("PMS_BASE_URL", "env:ADMIN_TOKEN", False),
        ("PMS_BASE_URL", "file:/etc/shadow", False),
        ("ANY", "whatever", True),
        ("ANY", "env:ADMIN_TOKEN", False),
        ("OTHER", "mock", False),
    ],
)
def test_bounds(name: str, to: str, fits: bool) -> None:
    assert (refuse_values({name: SetValue(to=to)}, BOUNDS, "fly.apps.a.secrets") is None) is fits
    fine = {"PMS_TYPE": "mock", "RATE_LIMIT_PER_MINUTE": "60", "PMS_BASE_URL": "env:PMS_URL"}.get(name, "x")
    back = {name: SetValue(to=fine, back=to)}
    assert (refuse_values(back, BOUNDS, "fly.apps.a.secrets") is None) is fits


def test_without_bounds_every_name_is_allowed_but_no_reference() -> None:
    assert refuse_values({"X": SetValue(to="1")}, None, "docker.env.a") is None
    said = refuse_values({"X": SetValue(to="env:ADMIN_TOKEN")}, None, "docker.env.a")
    assert (
        said == "X: the reference 'env:ADMIN_TOKEN' is not listed under values"
        " by docker.env.a.X in remediator.yaml"
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"A": "x"}, SetValue(to="x")),
        ({"A": 300}, SetValue(to="300")),
        ({"A": True}, SetValue(to="true")),
        ({"A": {"to": 1, "back": 2.5}}, SetValue(to="1", back="2.5")),
    ],
)
def test_how_it_is_written(written: Any, meant: SetValue) -> None:
    assert TypeAdapter(SetValues).validate_python(written) == {"A": meant}


@pytest.mark.parametrize(
    "written",
    [{}, {"A B": "x"}, {"A=B": "x"}, {"A\nB": "x"}, {"A": {"back": "x"}}, {"A": None}, {"A": ["x"]}],
)
def test_what_is_no_value(written: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(SetValues).validate_python(written)
