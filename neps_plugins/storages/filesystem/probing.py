"""Whether the operating system's locks work in a folder. On some network mounts they fail, or do nothing at all."""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path

from filelock import lock_descriptor

#: Tries for a lock that another process holds: exits with 0 if it is kept out, and with 3 if it isn't.
_INTRUDER = """
import fcntl, os, sys
try:
    fcntl.flock(os.open(sys.argv[1], os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    sys.exit(0)
sys.exit(3)
"""

#: Options of mounts whose locks another host doesn't see, by kind of filesystem.
_LOCAL_ONLY = {
    "nfs": {"nolock", "local_lock=all", "local_lock=flock"},
    "nfs4": {"nolock", "local_lock=all", "local_lock=flock"},
    "lustre": {"localflock", "noflock"},
    "cifs": {"nobrl"},
    "smb3": {"nobrl"},
}

#: How often it is tried, as others may be tidying up.
TRIES = 50

#: The devices where another process was kept out: once for each is enough.
_proven: set[int] = set()


def why_locks_fail(folder: Path) -> str | None:
    """Why locks don't work in a folder, in words; None if they do.

    Raises:
        OSError: If the folder can't be written to.
    """
    option = local_option(folder, Path("/proc/mounts"))
    if option is not None:
        return f"it is mounted with the option {option}"
    _remove_left_over(folder)
    for _ in range(TRIES):
        try:
            return _why_they_fail_on(folder / f"probe-{os.getpid()}-{secrets.token_hex(3)}.lock")
        except _TakenAway:
            pass
    return "files vanish while they are locked"


class _TakenAway(Exception):
    """Somebody has taken a file for one that was left over, before it was locked."""


def _why_they_fail_on(path: Path) -> str | None:
    one = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            if not lock_descriptor(one, blocking=False):
                raise _TakenAway
            two = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            raise _TakenAway from None
        except OSError as reason:
            return _told(reason)
        try:
            if lock_descriptor(two, blocking=False):
                return "two users got one lock at the same time"
        except OSError as reason:
            return _told(reason)
        finally:
            os.close(two)
        device = os.fstat(one).st_dev
        if device not in _proven and os.name == "posix" and sys.executable:
            if _lets_another_process_in(path):
                return "two processes got one lock at the same time"
            _proven.add(device)
    finally:
        os.close(one)
        path.unlink(missing_ok=True)
    return None


def _told(reason: OSError) -> str:
    return f"taking one gives {reason.strerror or reason}"


def _remove_left_over(folder: Path) -> None:
    """Delete the files of those that died while they probed: nobody holds their locks."""
    for path in folder.glob("probe-*.lock"):
        with suppress(OSError):  # somebody else does the same
            descriptor = os.open(path, os.O_RDWR)
            try:
                if lock_descriptor(descriptor, blocking=False):
                    path.unlink()
            finally:
                os.close(descriptor)


def _lets_another_process_in(path: Path) -> bool:
    import subprocess  # here, as it takes longer than all the rest

    command = [sys.executable, "-I", "-S", "-c", _INTRUDER, str(path)]
    try:
        return (
            subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=20).returncode
            == 3
        )
    except (OSError, subprocess.SubprocessError):  # no process can be started here, or not in time: it is not known
        return False


def local_option(folder: Path, mounts: Path) -> str | None:
    """The option by which the locks of a folder's mount are unknown to other hosts; None if there is none.

    Args:
        folder: The folder.
        mounts: A table of what is mounted, as in `/proc/mounts`.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not on Linux
        return None
    real = str(folder.resolve())
    found: tuple[int, str | None] = (0, None)
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 4:
            continue
        where = fields[1].encode("utf-8", "surrogateescape").decode("unicode_escape").rstrip("/")
        if (real + "/").startswith(where + "/") and len(where) + 1 >= found[0]:  # the later one lies over the earlier
            options = _LOCAL_ONLY.get(fields[2], set()) & set(fields[3].split(","))
            found = len(where) + 1, min(options, default=None)
    return found[1]
