"""A real nginx on a free loopback port, all of its files below one folder, reading what is in `conf.d`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.real.require import free_port, require
from tests.real.server_process import server_process

_CONF = """{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 32; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/conf.d/*;
  server {{
    listen 127.0.0.1:{port};
    location / {{ return 200 "ok"; }}
    location = /page {{ alias {folder}/page; }}  # `return` comes before limits
  }}
}}
"""


@dataclass(frozen=True)
class RealNginx:
    """A running nginx."""

    folder: Path
    url: str
    binary: str

    @property
    def test_argv(self) -> tuple[str, ...]:
        """The command that tests its configuration."""
        return (self.binary, "-t", "-q", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"))

    @property
    def reload_argv(self) -> tuple[str, ...]:
        """The command that has it read its configuration again."""
        conf = str(self.folder / "nginx.conf")
        return (self.binary, "-s", "reload", "-p", str(self.folder), "-c", conf)

    def header(self, name: str) -> str | None:
        """Return a header of its answer."""
        found: str | None = httpx.get(self.url, timeout=30, trust_env=False).headers.get(name)
        return found

    def settled_on(self, name: str, value: str | None) -> bool:
        """Say whether every answer has this header: a reload's old worker answers on for a while."""
        return self.header(name) == value and len(self._workers()) == 1

    def _workers(self) -> list[str]:
        master = (self.folder / "nginx.pid").read_text().strip()
        return subprocess.run(
            ["pgrep", "-P", master], capture_output=True, text=True, check=True
        ).stdout.split()


@contextmanager
def nginx(folder: Path) -> Iterator[RealNginx]:
    """Run one until the block ends."""
    # Debian puts it where only root's PATH leads.
    binary = "/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else require("nginx")
    port = free_port()
    (folder / "conf.d").mkdir(parents=True)
    (folder / "page").write_text("a page")
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_CONF.format(folder=folder, port=port, user=user))
    argv = (binary, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;")
    running = RealNginx(folder, f"http://127.0.0.1:{port}/", binary)
    with server_process(argv, running.url, folder / "nginx.log"):
        yield running
