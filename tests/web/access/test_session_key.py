"""The key that signs sessions is nobody else's to read."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from remediator.secret_refs import SecretUnavailableError
from remediator.session_key import SessionKeyError, key_path, session_key
from remediator.settings import Server, Settings, StoreSettings
from remediator.settings_access import Login


def settings(folder: Path, key: str | None = None) -> Settings:
    store = StoreSettings(sqlite=folder / "data" / "db.sqlite")
    return Settings(store=store, server=Server(login=Login(key=key)))


def test_it_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = session_key(settings(tmp_path))
    path = key_path(settings(tmp_path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert session_key(settings(tmp_path)) == first
    assert len(first) >= 32
    path.unlink()
    assert session_key(settings(tmp_path)) != first


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_reach_is_not_used(tmp_path: Path, mode: int) -> None:
    session_key(settings(tmp_path))
    key_path(settings(tmp_path)).chmod(mode)
    with pytest.raises(SessionKeyError, match="session-key"):
        session_key(settings(tmp_path))


def test_a_file_that_was_cut_off_is_not_used(tmp_path: Path) -> None:
    session_key(settings(tmp_path))
    key_path(settings(tmp_path)).write_text("")
    with pytest.raises(SessionKeyError, match="0 characters"):
        session_key(settings(tmp_path))


def test_it_may_be_a_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_KEY", "k" * 32)
    assert session_key(settings(tmp_path, "env:SESSION_KEY")) == b"k" * 32
    assert not key_path(settings(tmp_path)).exists()
    monkeypatch.setenv("SESSION_KEY", "k" * 31)
    with pytest.raises(SessionKeyError, match="31 characters") as caught:
        session_key(settings(tmp_path, "env:SESSION_KEY"))
    assert "kkkk" not in str(caught.value)
    monkeypatch.delenv("SESSION_KEY")
    with pytest.raises(SecretUnavailableError):
        session_key(settings(tmp_path, "env:SESSION_KEY"))
