from __future__ import annotations

import runpy
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.clients.errors import ClientError, Fault
from remediator.clients.fly import secret_lines
from tests.stand_ins.fly_state import PROGRAM

# As the real flyctl reads its stdin; see internal/command/secrets/parser.go there.
PARSE: Callable[[str], dict[str, str]] = runpy.run_path(str(PROGRAM))["parse_secrets"]


@pytest.mark.parametrize(
    "value",
    [
        "mock",
        "postgres://u:p@h/db?x=1",
        " padded ",
        "has # hash",
        "a\nb\n",
        "\nfirst",
        "x=y",
        "it's",
        'in"side',
        "",
    ],
)
def test_flyctl_reads_back_what_was_meant(value: str) -> None:
    assert PARSE(secret_lines({"ONE": value, "TWO": "2"}).decode()) == {"ONE": value, "TWO": "2"}


@pytest.mark.parametrize("value", ['"quoted"', 'a"""b', "a\rb", "a\0b", 'a # "b"', "x" * 70_000])
def test_what_it_would_not_read_back_is_refused(value: str) -> None:
    with pytest.raises(ClientError) as caught:
        secret_lines({"ONE": value})
    assert caught.value.fault is Fault.REFUSED
    assert value not in str(caught.value)


@given(st.text(alphabet="a \"'#=\n\r\\", max_size=12))
def test_a_value_is_read_back_or_refused(value: str) -> None:
    try:
        lines = secret_lines({"ONE": value, "TWO": "2"})
    except ClientError:
        return
    assert PARSE(lines.decode()) == {"ONE": value, "TWO": "2"}
