"""Our matchers and Alertmanager's own, `amtool config routes test`, on thousands of generated pairs.

One configuration holds a route for each list of matchers, so one process tells for all of them which
match a set of labels.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from random import Random

import pytest

from remediator.policy.matchers import Matcher, MatcherError, Operator, parse_matchers
from tests.real.require import require

pytestmark = pytest.mark.real

SEED = 20260101
LISTS = 300
LABEL_SETS = 100
NAMES = ["a", "b_1", "Severity", "_c", "long:name"]
OPERATORS: list[Operator] = ["=", "!=", "=~", "!~"]
VALUES = [
    *("", "x", "y", "xy", "X", "x y", " x", "x ", "0", "-", "x|y", "critical", "P1", "P12"),
    *(
        'say "x"',
        "back\\slash",
        "trailing\\",
        "new\nline",
        "tab\there",
        "comma,here",
        "{brace}",
        "}",
        "'x'",
        "=",
        "~x",
    ),
    *("é", "日本", "🔥", "\u017f", "\u212a", "a\u0301", "\u00a0"),
]
PATTERNS = [
    *("x", "x|y", "x.*", ".*x", ".*", ".+", "", "x?", "[a-z]+", "[^x]", "(x|y)+", "critical|P1", "P1", "P."),
    *(
        "(?i)x",
        "(?i)[ks]",
        "(?s)new.line",
        "new.line",
        "new\\nline",
        "^x$",
        "x$|^y",
        "x)|(y",
        "\\d+",
        "\\w+",
        "\\s*x",
        "x\\.y",
    ),
    *(
        'say "x"',
        "back\\\\slash",
        "\\{brace\\}",
        "{brace}",
        "é|日本",
        "\\p{L}+",
        "\\x{e9}",
        "🔥",
        ".",
        "..",
        "x{1,2}",
    ),
]
# Pieces of text of which some make matchers and most do not.
PIECES = [
    "a",
    "b",
    "1",
    "=",
    "!",
    "~",
    "=~",
    "!~",
    '"',
    "\\",
    "\\n",
    '\\"',
    " ",
    ",",
    "{",
    "}",
    "x",
    "é",
    "(",
    "|",
    "'",
]


def generated_value(random: Random, op: Operator) -> str:
    if op in ("=", "!="):
        return random.choice(VALUES)
    parts = [random.choice(PATTERNS) for _ in range(random.choice([1, 1, 2]))]
    return "|".join(parts)


def spelled(random: Random, matcher: Matcher) -> str:
    """Write a matcher in one of the ways that there are: quoted or bare, with spaces or without."""
    before, after = random.choice(["", " "]), random.choice(["", " ", "\t"])
    quoted = str(matcher).removeprefix(f"{matcher.name}{matcher.op}")
    bare = matcher.value
    plain = bare == bare.strip() and not any(character in bare for character in '"\\,{}\n\t')
    return f"{matcher.name}{before}{matcher.op}{after}{bare if plain and random.random() < 0.5 else quoted}"


def generated_lists(random: Random) -> list[str]:
    found: list[str] = []
    while len(found) < LISTS:
        matchers = []
        for _ in range(random.choice([1, 1, 1, 2, 3])):
            op = random.choice(OPERATORS)
            try:
                matchers.append(Matcher(random.choice(NAMES), op, generated_value(random, op)))
            except MatcherError:
                continue
        if matchers:
            text = ",".join(spelled(random, matcher) for matcher in matchers)
            found.append(f"{{{text}}}" if random.random() < 0.2 else text)
    return found


def generated_labels(random: Random) -> list[dict[str, str]]:
    return [
        {name: random.choice(VALUES) for name in random.sample(NAMES, random.randint(1, len(NAMES)))}
        for _ in range(LABEL_SETS)
    ]


def configuration(path: Path, lists: list[str]) -> Path:
    names = [f"r{at}" for at in range(len(lists))]
    routes = [
        {"receiver": name, "continue": True, "matchers": [text]}
        for name, text in zip(names, lists, strict=True)
    ]
    receivers = [{"name": name} for name in ("default", *names)]
    config = {"route": {"receiver": "default", "routes": routes}, "receivers": receivers}
    # As YAML, JSON's pairs of surrogates are no characters.
    path.write_text(json.dumps(config, ensure_ascii=False))
    return path


def test_thousands_of_pairs_match_the_same(tmp_path: Path) -> None:
    amtool, random = require("amtool"), Random(SEED)
    lists, sets = generated_lists(random), generated_labels(random)
    ours = [parse_matchers(text) for text in lists]
    path = configuration(tmp_path / "alertmanager.yml", lists)
    matched = 0
    for labels in sets:
        written = [str(Matcher(name, "=", value)) for name, value in labels.items()]
        command = [amtool, "config", "routes", "test", f"--config.file={path}", *written]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        theirs = set(done.stdout.strip().split(",")) - {"default"}
        holding = [at for at, matchers in enumerate(ours) if all(one.matches(labels) for one in matchers)]
        assert theirs == {f"r{at}" for at in holding}, (labels, [lists[at] for at in holding])
        matched += len(holding)
    # Neither side is nearly empty, or the comparison would say little.
    pairs = len(lists) * len(sets)
    assert pairs >= 30_000
    assert pairs / 10 < matched < pairs * 9 / 10


def test_the_same_texts_are_matchers(tmp_path: Path) -> None:
    amtool, random = require("amtool"), Random(SEED)
    texts = {"".join(random.choices(PIECES, k=random.randint(1, 9))) for _ in range(4000)}
    # Half of them begin well, so that more than the beginning is tried.
    texts |= {f"a={text}" for text in texts}
    good, bad = [], []
    for text in sorted(texts):
        try:
            parse_matchers(text)
        except MatcherError:
            bad.append(text)
        else:
            good.append(text)
    assert len(good) > 1000
    assert len(bad) > 1000
    accepted = configuration(tmp_path / "good.yml", good)
    done = subprocess.run([amtool, "check-config", str(accepted)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    refused = [
        configuration(tmp_path / f"{at}.yml", [text]) for at, text in enumerate(random.sample(bad, 500))
    ]
    done = subprocess.run([amtool, "check-config", *map(str, refused)], capture_output=True, text=True)
    said = (done.stdout + done.stderr).split("Checking ")[1:]
    assert len(said) == len(refused)
    assert [part for part in said if "FAILED" not in part] == []
