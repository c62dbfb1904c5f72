from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.errors import ConfigError, Problem
from remediator.yaml_source import MAX_ALIASES, MAX_CHARACTERS, read_yaml, read_yaml_file, render_problem


def faults(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(ConfigError) as caught:
        read_yaml("f.yaml", text)
    return [(problem.line, problem.column, problem.what) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("on: yes", {"on": "yes"}),
        ("off: [no, on, y]", {"off": ["no", "on", "y"]}),
        ("t: 22:22", {"t": "22:22"}),
        ("d: 2020-01-01", {"d": "2020-01-01"}),
        ("b: [true, False]", {"b": [True, False]}),
        ("n: [null, ~, '~']", {"n": [None, None, "~"]}),
        ("n:", {"n": None}),
        ("i: [1, -2, 0x1f, 0o17, '3']", {"i": [1, -2, 31, 15, "3"]}),
        ("f: [1.5, 1e3, .5]", {"f": [1.5, 1000.0, 0.5]}),
        ("s: [1_000, 30s, 1.2.3]", {"s": ["1_000", "30s", "1.2.3"]}),
        ("s: !!str 5", {"s": "5"}),
        ("f: !!float 5", {"f": 5.0}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("\ufeffa: x\r\nb: y", {"a": "x", "b": "y"}),
        ("", None),
        ("# nothing", None),
    ],
)
def test_core_types(text: str, data: object) -> None:
    found = read_yaml("f.yaml", text).data
    assert found == data
    assert repr(found) == repr(data)


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("a: 1\nb: 2\na: 3", 3, 1, "key 'a' was already given in line 1"),
        ("a:\n  5: x", 2, 3, "key '5' is not text"),
        ("true: x", 1, 1, "key 'true' is not text"),
        ("~: x", 1, 1, "key '~' is not text"),
        ("x: {{ labels.a }}", 1, 5, "a key is a list or a mapping"),
        ("a: !!binary aGk=", 1, 4, "tag tag:yaml.org,2002:binary is not one of the core"),
        (
            "a: !!python/object:os.system x",
            1,
            4,
            "tag tag:yaml.org,2002:python/object:os.system is not one of",
        ),
        ("a: !local [x]", 1, 4, "tag !local is not one of the core"),
        ("a: !!set {x: }", 1, 4, "tag tag:yaml.org,2002:set is not one of the core"),
        ("a: !!int x", 1, 4, "'x' can't be read as int"),
        ("a: 9" + "9" * 40, 1, 4, "can't be read as int"),
        ("a: .inf", 1, 4, ".inf is not a finite number"),
        ("a: -.INF", 1, 4, "-.INF is not a finite number"),
        ("a: .nan", 1, 4, ".nan is not a finite number"),
        ("a: 1e999", 1, 4, "1e999 is not a finite number"),
        ("<<: {a: 1}", 1, 1, "merge keys"),
        ("a: &x [*x]", 1, 4, "contains itself"),
        ("a: *x", 1, 4, "undefined alias"),
        ("a: 1\n---\nb: 2", 2, 1, "another document"),
        ("a: b: c", 1, 5, "mapping values are not allowed"),
        ("a: 'x", 1, 6, "unexpected end of stream"),
        ("\ta: 1", 1, 1, "cannot start any token"),
        ("a: 1\nb: é\x01", 2, 5, "control characters"),
        ("a: \ud800", 0, 0, "half a character"),
        ("[" * 200_000, 1, 41, "more than 40 levels"),
        ("a: &x 1\nb: [" + "*x, " * (MAX_ALIASES + 1) + "]", 2, 5 + 4 * MAX_ALIASES, "more than 16 aliases"),
        ("x" * (MAX_CHARACTERS + 1), 0, 0, "longer than"),
    ],
)
def test_what_is_refused_and_where(text: str, line: int, column: int, what: str) -> None:
    ((found_line, found_column, found_what),) = faults(text)
    assert (found_line, found_column) == (line, column)
    assert what in found_what


def test_a_few_aliases_can_not_write_out_a_bomb() -> None:
    text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    text += "".join(f"a{at + 1}: &a{at + 1} [{', '.join([f'*a{at}'] * 5)}]\n" for at in range(3))
    assert read_yaml("f.yaml", text).data["a3"][4][4][4] == [1] * 10
    long = "a: &a [" + "1, " * 5000 + "]\nb: [*a, *a, *a, *a]"
    ((_, _, what),) = faults(long)
    assert "too many values once its aliases are written out" in what


def test_all_faults_at_once_in_order() -> None:
    text = "a: 1\nb: .inf\na: 2\n7: x\nc: !!set {}\n"
    assert [line for line, _, _ in faults(text)] == [2, 3, 4, 5]


def test_positions_of_keys_and_values() -> None:
    source = read_yaml("f.yaml", "a:\n  - b: x\n    'c': [1, 2]\n")
    assert source.positions[("a", 0, "b")] == (2, 8)
    assert source.keys[("a", 0, "c")] == (3, 5)
    assert source.positions[("a", 0, "c", 1)] == (3, 14)
    assert source.deepest(("a", "tuple[…]", 0, "c", 7, "gone")) == ("a", 0, "c")
    problem = source.problem(("a", 0, "c", "gone"), "what", "fix", at_key=True)
    assert (problem.line, problem.column) == (3, 5)


def test_a_problem_is_shown_with_its_line_and_a_caret() -> None:
    text = "a: 1\n\tb: x\n"
    shown = render_problem(Problem("f.yaml", 2, 5, "is wrong", "mend it"), text)
    assert shown == "f.yaml:2:5: error: is wrong\n  2 | \tb: x\n    | \t   ^ mend it"
    whole = render_problem(Problem("f.yaml", 0, 0, "is missing", "add it"), text)
    assert whole == "f.yaml:0:0: error: is missing\n  add it"


def test_files_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_yaml_file(tmp_path / "gone.yaml")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: é".encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_yaml_file(latin, "latin.yaml")


@given(st.text(alphabet="ab1:-[]{}&*!<? \n'\"#|>,.~%@", max_size=40))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        positions = [*read_yaml("f.yaml", text).positions.values()]
    except ConfigError as error:
        positions = [(problem.line, problem.column) for problem in error.problems]
    assert positions
    assert all(line >= 1 and column >= 1 for line, column in positions)
