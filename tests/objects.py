"""An S3 server for tests: a process of its own on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

#: Seconds until a server is given up that does not start.
PATIENCE = 60.0

SECRET = "s3cr3t-key-of-the-tests"


class S3:
    """moto's server: Amazon's S3, in memory."""

    def __init__(self, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.environment = {
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **self.environment})
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                return
            time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(PATIENCE)


@contextmanager
def s3(log: Path) -> Iterator[S3]:
    """A server; skips the test where moto or s3fs is not installed."""
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'neps-framework[s3]'")
    pytest.importorskip("moto", reason="moto is not installed: pip install 'moto[server]'")
    pytest.importorskip("flask", reason="moto's server is not installed: pip install 'moto[server]'")
    server = S3(log)
    server.start()
    try:
        yield server
    finally:
        server.stop()
