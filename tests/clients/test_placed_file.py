from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from remediator.clients.errors import ClientError, Fault
from remediator.clients.placed_file import MOST_BYTES, PlacedFile

OLD, NEW = b"old\n", b"new\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "limits.conf"


def shown(path: Path) -> list[str]:
    """What a pattern like nginx's conf.d/* finds."""
    return sorted(one.name for one in path.parent.iterdir() if not one.name.startswith("."))


def test_places_and_keeps_the_old_one(path: Path) -> None:
    path.write_bytes(OLD)
    path.chmod(0o640)
    file = PlacedFile(path)
    file.place(NEW)
    assert file.untested()
    assert file.read() == NEW == path.read_bytes()
    file.settle()
    assert not file.untested()
    assert (path.parent / ".limits.conf.remediator-old").read_bytes() == OLD
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert shown(path) == ["limits.conf"]
    file.place(OLD)
    file.settle()
    assert (path.parent / ".limits.conf.remediator-old").read_bytes() == NEW


def test_puts_the_old_one_back(path: Path) -> None:
    path.write_bytes(OLD)
    inode = path.stat().st_ino
    file = PlacedFile(path)
    file.place(NEW)
    assert file.put_back()
    assert (path.read_bytes(), path.stat().st_ino) == (OLD, inode)
    assert not file.put_back()
    assert not file.untested()


def test_puts_back_that_there_was_none(path: Path) -> None:
    file = PlacedFile(path)
    assert file.read() is None
    file.place(NEW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert file.put_back()
    assert not path.exists()
    assert list(path.parent.iterdir()) == []
    file.place(NEW)
    file.settle()
    file.remove()
    assert file.read() is None


class CutError(Exception):
    """The machine stops here."""


@pytest.mark.parametrize("existed", [True, False])
@pytest.mark.parametrize("call", ["link", "rename", "fsync", "open", "fchmod"])
def test_a_crash_while_placing_is_put_back_by_whoever_comes_next(
    path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool, call: str
) -> None:
    if existed:
        path.write_bytes(OLD)
    real: Callable[..., object] = getattr(os, call)
    made = 0
    while True:
        left = made

        def cutting(*args: object, **more: object) -> object:
            nonlocal left
            if left == 0:
                raise CutError
            left -= 1
            return real(*args, **more)

        with monkeypatch.context() as patched:
            patched.setattr(os, call, cutting)
            try:
                PlacedFile(path).place(NEW)
            except CutError:
                pass
            else:
                break
        after = PlacedFile(path)
        after.put_back()
        assert after.read() == (OLD if existed else None)
        assert not after.untested()
        made += 1
    assert path.read_bytes() == NEW


def test_what_was_half_written_is_in_nobodys_way(path: Path) -> None:
    (path.parent / ".limits.conf.remediator-new").write_bytes(b"half")
    PlacedFile(path).place(NEW)
    assert path.read_bytes() == NEW


@pytest.mark.parametrize("act", [PlacedFile.read, PlacedFile.remove, lambda file: file.place(NEW)])
def test_a_link_is_not_followed(tmp_path: Path, path: Path, act: Callable[[PlacedFile], object]) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(OLD)
    path.symlink_to(secret)
    if act is not PlacedFile.remove:
        with pytest.raises(ClientError, match="plain file") as caught:
            act(PlacedFile(path))
        assert caught.value.fault is Fault.REFUSED
    assert secret.read_bytes() == OLD


def test_nor_is_a_link_among_its_folders(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    file = PlacedFile(tmp_path / "link" / "limits.conf")
    with pytest.raises(ClientError, match="symbolic link"):
        file.place(NEW)
    assert list((tmp_path / "real").iterdir()) == []


def test_a_link_in_place_of_the_new_one_is_not_written_through(tmp_path: Path, path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(OLD)
    (path.parent / ".limits.conf.remediator-new").symlink_to(secret)
    PlacedFile(path).place(NEW)
    assert (secret.read_bytes(), path.read_bytes()) == (OLD, NEW)


def test_what_is_no_plain_file_is_refused(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(ClientError, match="plain file"):
        PlacedFile(path).read()


def test_what_is_too_large_is_refused(path: Path) -> None:
    path.write_bytes(b"x" * (MOST_BYTES + 1))
    with pytest.raises(ClientError, match="larger than"):
        PlacedFile(path).read()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="No such file") as caught:
        PlacedFile(tmp_path / "none" / "x.conf").place(NEW)
    assert caught.value.fault is Fault.UNEXPECTED
