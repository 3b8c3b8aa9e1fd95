"""Listening, and opening a browser."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

from neps_core import NePSError
from neps_plugins.dashboard.loopback import is_loopback

#: Where it listens if that port is free.
PORT = 8765

#: How many ports are tried from there on.
TRIES = 50


def serve(
    roots: Sequence[str | Path],
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = True,
    allow_changes: bool = False,
    tell: Callable[[str], object] = lambda text: None,
    storage: str | None = None,
) -> None:
    """Serve the page of runs until it is interrupted.

    Args:
        roots: The folders of the runs, or the URLs of what they are kept in. One that isn't there yet is followed once
            it is.
        host: The address to listen at.
        port: The port; None for the first free one from `PORT` on; 0 for any.
        browser: Whether to open a browser, if there is a screen.
        allow_changes: Whether the page may change the runs.
        tell: Is told where the page is.
        storage: What the runs are kept in, if not in those folders; as for `neps.run`.

    Raises:
        NePSError: If Starlette or uvicorn isn't installed, or the port is taken.
    """
    try:
        import uvicorn

        from neps_plugins.dashboard.app import create_app
    except ImportError as reason:
        raise NePSError("neps dashboard needs Starlette: pip install 'neps-framework[dashboard]'.") from reason
    listener = _listen(host, port)
    # Other users of this computer can reach the loopback, too: they may look, as the page is, but not change anything.
    token = None if is_loopback(host) and not allow_changes else secrets.token_urlsafe(24)
    address = listener.getsockname()
    app = create_app(roots, host=host, port=address[1], token=token, allow_changes=allow_changes, storage=storage)
    # By the name that was given, as the guard knows the server by no other one.
    name = socket.gethostname() if host in ("", "0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    url = f"http://{name}:{address[1]}/" + ("" if token is None else f"?token={token}")
    tell(f"The dashboard is at {url}\nCtrl-C ends it; the runs go on.")
    if browser and _has_screen():
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="off")
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:  # the way to end it
        pass
    finally:
        listener.close()


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens.

    Raises:
        NePSError: If it can't.
    """
    if port is not None and not 0 <= port <= 65535:
        raise NePSError(f"port={port} must be from 0 (any free one) to 65535.")
    ports = range(PORT, PORT + TRIES) if port is None else [port]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for each in ports:
        try:
            listener = socket.create_server((host, each), family=family)
            # Or else an answer's end waits 40 ms for the other side's word that its head has come. Each connection
            # has this from its listener; asyncio would set it only where the socket says that it is TCP.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return listener
        except (OSError, OverflowError) as error:
            reason = error
    where = f"ports {PORT} to {PORT + TRIES - 1}" if port is None else f"port {port}"
    raise NePSError(f"can't listen at {host}, {where}: {reason}. Choose others by --host and --port.") from reason


def _has_screen() -> bool:
    """Whether a browser would show: or else a text browser might take the terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
