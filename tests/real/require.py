"""Real components that a machine may lack: then their tests skip, and in CI they fail."""

from __future__ import annotations

import os
import shutil
import socket

import pytest


def require(binary: str) -> str:
    """Return where a program is, or skip the test; in CI, where everything has to be there, fail."""
    found = shutil.which(binary)
    if found is not None:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(f"{binary} is not installed, and in CI nothing may be skipped")
    pytest.skip(f"{binary} is not installed")


def free_port() -> int:
    """Return a loopback port that nobody listens on right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
