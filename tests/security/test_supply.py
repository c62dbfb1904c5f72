"""What is installed is what is pinned, and the code is looked through for the usual mistakes.

Whether a pinned version is known to be vulnerable can't be known without a network: `make advisories` asks.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from remediator.authoring.reference import PROJECT

_LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
_PINNED = set(re.findall(r"^([a-z0-9.-]+)==([^\s;\\]+)", _LOCK, re.MULTILINE))
_SOURCES = sorted((PROJECT / "remediator").rglob("*.py"))


def _bandit(*paths: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "bandit", "--quiet", "--recursive", *map(str, paths)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)


def test_what_is_installed_is_what_is_pinned() -> None:
    installed = {
        re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(): one.version for one in metadata.distributions()
    }
    assert len(_PINNED) > 50
    # Some are for other systems, or in one version for each Python.
    names = {name for name, _ in _PINNED} & installed.keys()
    assert [(name, installed[name]) for name in names if (name, installed[name]) not in _PINNED] == []


def test_every_hash_is_of_the_strong_kind() -> None:
    hashes = re.findall(r"--hash=(\w+):(\w+)", _LOCK)
    assert {kind for kind, _ in hashes} == {"sha256"}
    assert all(len(value) == 64 for _, value in hashes)


def test_what_bandit_is_told_to_pass_over_is_named_and_has_a_reason() -> None:
    for path in _SOURCES:
        for line in path.read_text(encoding="utf-8").splitlines():
            if "# nosec" in line:
                assert re.search(r"# nosec B\d{3}(?:, ?B\d{3})*(?:$|  # \S)", line), f"{path}: {line}"
                assert "# noqa: S" in line or line.partition("nosec")[2].count("#"), f"{path}: {line}"


def test_make_check_asks_bandit_and_passes_nothing_over() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    (asked,) = re.findall(r"bandit --.*", makefile)
    assert "--skip" not in asked
    assert "[tool.bandit]" not in (PROJECT / "pyproject.toml").read_text(encoding="utf-8")


def test_bandit_finds_a_shell(tmp_path: Path) -> None:
    mistake = tmp_path / "mistake.py"
    mistake.write_text("import subprocess\n\nsubprocess.run(input(), shell=True)\n")
    found = _bandit(mistake)
    assert found.returncode == 1
    assert "B602" in found.stdout
