"""A server that sees mounts of its own: a disk that is small, a file that is read-only. Needs no rights."""

from __future__ import annotations

import functools
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.real.require import require


@functools.cache
def _allowed() -> bool:
    return subprocess.run(_within("mount -t tmpfs tmpfs /mnt", ["true"]), capture_output=True).returncode == 0


def require_own_mounts() -> None:
    """Skip the test where nobody may mount; in CI, where everything has to be there, fail."""
    require("unshare")
    if _allowed():
        return
    if os.environ.get("CI") == "true":
        pytest.fail("no mounts of one's own (unshare -rm), and in CI nothing may be skipped")
    pytest.skip("no mounts of one's own here (unshare -rm)")


def serving_within(script: str) -> Sequence[str]:
    """Return what Python runs as the server, after a shell script that mounts."""
    starts = "import os, sys; os.execvp(sys.argv[1], [*sys.argv[1:]])"
    return ("-c", starts, *_within(script, [sys.executable, "-m", "remediator"]))


def _within(script: str, argv: Sequence[str]) -> Sequence[str]:
    return ("unshare", "-rm", "sh", "-ec", f'{script}; exec {shlex.join(argv)} "$@"', "sh")
