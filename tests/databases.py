"""Database servers for tests: processes of their own on loopback, with folders of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PASSWORD = "s3cr3t-of-the-tests"

#: Seconds until a server is given up that does not start or end.
PATIENCE = 60.0


class Server:
    """A database server.

    Args:
        folder: Of its data.
        user: Whom it runs as; None for this process's user.
        command: What is run, but for the port.
        url: Its URL, but for the port.
    """

    def __init__(self, folder: Path, user: str | None, command: list[str], url: str) -> None:
        self.port = _free_port()
        self.url = url.format(port=self.port)
        self._command = [part.format(port=self.port) for part in command]
        self._folder, self._user = folder, user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=self._folder, stdout=log, stderr=log, user=self._user)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                return
            time.sleep(0.05)
        raise AssertionError(f"the server did not start: {(self._folder / 'log').read_text()[-2000:]}")

    def stop(self, number: int = signal.SIGINT) -> None:
        """End it: at once, as PostgreSQL takes a SIGINT, or by another signal."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)


@contextmanager
def _server(user: str, make: Callable[[Path, str | None], tuple[list[str], str]], ends: int) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="neps-server-"))
    is_root = os.geteuid() == 0
    if is_root:  # servers refuse to be root
        shutil.chown(folder, user)
    try:
        server = Server(folder, user if is_root else None, *make(folder, user if is_root else None))
        server.start()
        try:
            yield server
        finally:
            server.stop(ends)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str, *folders: str) -> str:
    found = shutil.which(name) or next(
        (p for f in folders for p in map(str, sorted(Path("/").glob(f"{f}/{name}")))), None
    )
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def postgres(syncs: bool = False) -> Iterator[Server]:
    """PostgreSQL; skips the test where it is not installed.

    Args:
        syncs: Whether it waits for the disk at each commit, as it does by default.
    """
    pytest.importorskip("psycopg")
    programs = "usr/lib/postgresql/*/bin"
    initdb, binary = _program("initdb", programs), _program("postgres", programs)

    def make(folder: Path, user: str | None) -> tuple[list[str], str]:
        secret = folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        subprocess.run(
            [initdb, "-D", folder / "data", "-U", "neps", "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync"],
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
        )
        settings: tuple[str, ...] = ("port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}")
        settings += (f"fsync={'on' if syncs else 'off'}", "max_connections=300")
        options = [part for each in settings for part in ("-c", each)]
        return [
            binary,
            "-D",
            str(folder / "data"),
            *options,
        ], f"postgresql+psycopg://neps:{PASSWORD}@127.0.0.1:{{port}}/postgres"

    with _server("postgres", make, signal.SIGINT) as server:
        _wait_until_it_answers(server.url)
        yield server


@contextmanager
def mariadb(syncs: bool = False) -> Iterator[Server]:
    """MariaDB; skips the test where it is not installed. See `postgres`."""
    pytest.importorskip("pymysql")
    install, binary = _program("mariadb-install-db", "usr/bin"), _program("mariadbd", "usr/sbin")

    def make(folder: Path, user: str | None) -> tuple[list[str], str]:
        begin = folder / "begin.sql"
        begin.write_text(
            "CREATE DATABASE IF NOT EXISTS neps;\n"
            f"CREATE USER IF NOT EXISTS 'neps'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            "GRANT ALL ON neps.* TO 'neps'@'127.0.0.1';\n"
        )
        begin.chmod(0o644)
        data = f"--datadir={folder}/data"
        subprocess.run(
            [install, "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
        )
        options = ["--bind-address=127.0.0.1", "--port={port}", f"--socket={folder}/socket", f"--init-file={begin}"]
        settings = [f"--innodb-flush-log-at-trx-commit={int(syncs)}", "--skip-name-resolve", f"--pid-file={folder}/pid"]
        command = [binary, "--no-defaults", data, *options, *settings]
        return command, f"mysql+pymysql://neps:{PASSWORD}@127.0.0.1:{{port}}/neps"

    with _server("mysql", make, signal.SIGKILL) as server:
        _wait_until_it_answers(server.url)
        yield server


def _wait_until_it_answers(url: str) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            engine.connect().close()
            return
        except sqlalchemy.exc.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
