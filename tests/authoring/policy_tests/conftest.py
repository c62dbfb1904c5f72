"""A folder with a policy, for tests of its tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.authoring.policy_tests.files import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.make(tmp_path)
