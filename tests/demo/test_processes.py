"""The demo's agent and PMS as processes of their own, and the commands that act on them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from remediator.demo import ctl
from remediator.demo.backup import make_backup
from remediator.demo.service_process import ServiceProcess


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def port() -> int:
    return _free_port()


@pytest.fixture
def pms(tmp_path: Path, port: int) -> Iterator[ServiceProcess]:
    process = ServiceProcess(tmp_path, "pms")
    process.set_up(port, os.getpid())
    process.start()
    yield process
    process.stop(gently=False)


def _ctl(folder: Path, *arguments: str) -> int:
    command = [sys.executable, "-m", "remediator.demo.ctl", *arguments, "--state", str(folder)]
    return subprocess.run(command, capture_output=True, timeout=60).returncode


def _restart(folder: Path) -> None:
    assert _ctl(folder, "restart", "pms") == 0


def _health(port: int) -> int:
    return httpx.get(f"http://127.0.0.1:{port}/api/health", trust_env=False).status_code


def test_the_restart_command_brings_a_killed_pms_back(pms: ServiceProcess, port: int, tmp_path: Path) -> None:
    before = pms.pid
    pms.stop(gently=False)
    assert pms.pid is None
    with pytest.raises(httpx.ConnectError):
        _health(port)
    _restart(tmp_path)
    assert pms.pid not in (None, before)
    assert _health(port) == 200


def test_what_is_broken_stays_broken_over_a_restart(pms: ServiceProcess, port: int, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{port}/admin/break"
    httpx.post(url, json={"mode": "down"}, trust_env=False).raise_for_status()
    _restart(tmp_path)
    assert _health(port) == 503
    httpx.post(url, json={"mode": "off"}, trust_env=False).raise_for_status()
    assert _health(port) == 200


def test_a_pid_file_that_names_another_process_is_not_believed(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (tmp_path / "pms.pid").write_text(str(bystander.pid))
        ServiceProcess(tmp_path, "pms").stop(gently=False)
        assert bystander.poll() is None
    finally:
        bystander.communicate(b"\n", timeout=60)


@pytest.mark.parametrize(
    "module", ["remediator.demo.pms", "remediator.demo.backend", "remediator.demo.hotel"]
)
def test_ends_when_its_owner_is_gone(module: str, port: int) -> None:
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = subprocess.Popen([sys.executable, "-m", module, "--port", str(port), "--owner", str(owner.pid)])
    owner.communicate(b"\n", timeout=60)
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("address", ["not-an-address", "192.0.2.1/../../settings/pms-type", "--help; reboot"])
def test_block_address_takes_addresses_only(address: str) -> None:
    with pytest.raises(SystemExit):
        ctl.main(["block-address", address, "--agent-url", "http://127.0.0.1:9"])


def test_a_restore_mends_a_broken_database_from_a_whole_backup(tmp_path: Path, port: int) -> None:
    database = ServiceProcess(tmp_path, "database")
    database.set_up(port, os.getpid())
    database.start()
    try:
        httpx.post(f"http://127.0.0.1:{port}/admin/break", json={"mode": "down"}, trust_env=False)
        assert _ctl(tmp_path, "restart", "database") == 0
        assert _health(port) == 503
        make_backup(tmp_path)
        assert _ctl(tmp_path, "verify-data") == 1
        assert _ctl(tmp_path, "restore-backup") == 0
        assert _ctl(tmp_path, "verify-data") == 0
        assert _health(port) == 200
    finally:
        database.stop()


@pytest.mark.parametrize("cut", [0, 10, -4])
def test_a_backup_that_is_cut_off_is_not_whole(tmp_path: Path, cut: int) -> None:
    assert ctl.main(["check-backup", "--state", str(tmp_path)]) == 1, "there is none"
    make_backup(tmp_path)
    assert ctl.main(["check-backup", "--state", str(tmp_path)]) == 0
    (backup,) = tmp_path.glob("*.gz")
    backup.write_bytes(backup.read_bytes()[:cut])
    assert ctl.main(["check-backup", "--state", str(tmp_path)]) == 1
    assert ctl.main(["restore-backup", "--state", str(tmp_path)]) == 1


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "192.168.0.1", "172.20.0.5"])
def test_what_is_inside_is_never_blocked(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl.main(["block-address", address, "--agent-url", "http://127.0.0.1:9"]) == 1
    assert f"{address} is protected" in capsys.readouterr().err
