"""Readers of text from outside, fuzzed: all that was ever kept, and new inputs for a few seconds.

The long form is `make torture ARGS='--only fuzzing'`; `python -m fuzz` runs one target.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from fuzz.oracles import ORACLES
from fuzz.running import CORPUS, Result, available, inputs, replay, run
from remediator import durations

_KEPT = [(target, path) for target in ORACLES for path in inputs(target)]
_TRIED = 500
_LARGEST_BYTES = 512 * 1024


@pytest.mark.parametrize("target", ORACLES)
def test_nothing_that_was_kept_breaks_a_reader(target: str) -> None:
    found = [replay(target, path.read_bytes()) for name, path in _KEPT if name == target]
    assert len(found) >= 10
    assert [one for one in found if one is not None] == []


def test_the_corpus_stays_small() -> None:
    assert sum(path.stat().st_size for path in CORPUS.rglob("*")) < _LARGEST_BYTES


def _fuzzed(target: str) -> Result:
    """Try so many inputs, however long this machine takes."""
    return run(target, timedelta(minutes=5), seed=1, most=_TRIED)


@pytest.mark.skipif(not available(), reason="atheris is for Linux on x86-64 only")
def test_new_inputs_break_no_reader() -> None:
    with ThreadPoolExecutor() as pool:  # each in a process of its own, which takes longest to start
        results = list(pool.map(_fuzzed, ORACLES))
    for result in results:
        assert result.findings == (), result.repeat
        assert result.executed >= _TRIED


def test_a_broken_reader_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    lenient = re.compile(durations.PATTERN + r"|.*\n")
    monkeypatch.setattr(durations, "_WHOLE", lenient)
    finding = replay("duration", b"5m\n")
    assert finding is not None
    assert "is accepted" in finding.error
    assert "b'5m\\n'" in str(finding)


@pytest.mark.skipif(not available(), reason="atheris is for Linux on x86-64 only")
def test_what_is_found_is_handed_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import re\nfrom remediator import durations\n"
        "durations._WHOLE = re.compile(durations.PATTERN + r'|[0-9]+q')\n"
    )
    (tmp_path / "duration").mkdir()
    (tmp_path / "duration" / "seed").write_bytes(b"5q")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("fuzz.running.CORPUS", tmp_path)
    result = run("duration", timedelta(minutes=5), seed=1)
    assert [finding.data for finding in result.findings] == [b"5q"]
    assert "--seed 1" in result.repeat
