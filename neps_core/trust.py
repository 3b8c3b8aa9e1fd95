"""Whether a stored space or optimizer is this user's own word: its signature, with a key that nobody else can read.

What they name by import path may be imported and called if the user wrote it. A run's folder may be anybody's, so
it proves nothing; a signature in it does. That is an HMAC-SHA256 of the whole document. The key is 32 random bytes in
the user's configuration folder, made when it is first needed. Without it (no home, or one that can't be written) runs
are unsigned, and taken for those of somebody else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import stat
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from neps_core.errors import NePSWarning
from neps_core.files import BINARY, NO_FOLLOW, NO_WAIT

logger = logging.getLogger("neps.trust")

KEY_BYTES = 32

#: What the key signs, so that a signature of something else can't be taken for one of these.
_PURPOSE = b"neps space 1\0"


def sign(document: Mapping[str, Any]) -> str | None:
    """The signature of a document; None if it names no code, which needs none, or there is no key."""
    text, path = _canonical(document), _key_file()
    if not names_code(document) or path is None or not (os.path.lexists(path) or _created(path)):
        return None
    key = _read(path)
    return None if key is None else _signature(key, text)


def is_own(document: Mapping[str, Any], signature: str | None) -> bool:
    """Whether this user signed this very document."""
    path = _key_file()
    if signature is None or path is None or not os.path.lexists(path):
        return False
    key = _read(path)
    given = signature.encode("utf-8", "replace")
    return key is not None and hmac.compare_digest(_signature(key, _canonical(document)).encode(), given)


def names_code(document: Mapping[str, Any]) -> bool:
    """Whether there is anything in it that could be imported or called."""
    text = _canonical(document)
    return b'"type":"Import"' in text or b'"type":"Instance"' in text


def document_of(optimizer: str, info: Mapping[str, Any]) -> dict[str, Any]:
    """What is signed of an optimizer: its name, which may be an import path, and its keywords."""
    return {"optimizer": {"type": "Import", "path": optimizer} if ":" in optimizer else optimizer, "info": info}


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _signature(key: bytes, text: bytes) -> str:
    return hmac.new(key, _PURPOSE + text, hashlib.sha256).hexdigest()


def _key_file() -> Path | None:
    """Where the key is; None where there is no home."""
    try:
        if os.name == "nt":
            folder = Path(os.environ["APPDATA"])
        else:
            folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
            folder = folder if folder.is_absolute() else Path.home() / ".config"
    except (KeyError, RuntimeError):
        return None
    return folder / "neps" / "key"


def _read(path: Path) -> bytes | None:
    """The key; None, with a warning, if others may know it or have put it there."""
    try:
        # Not through a link, and without waiting for whoever would write to a pipe.
        descriptor = os.open(path, os.O_RDONLY | NO_FOLLOW | NO_WAIT | BINARY)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            key = file.read(KEY_BYTES + 1) if stat.S_ISREG(status.st_mode) else b""
    except OSError as reason:
        problem = str(reason)
    else:
        is_posix = os.name == "posix"
        if len(key) != KEY_BYTES:
            problem = f"it is no file of {KEY_BYTES} bytes"
        elif is_posix and status.st_uid != os.geteuid():
            problem = "it belongs to another user"
        elif is_posix and status.st_mode & 0o077:
            problem = "others have access to it"
        else:
            return key
    warnings.warn(
        f"the key {path} is not used: {problem}. So spaces are not signed, and not known again as yours. Remove it; "
        "a new one is made when it is needed.",
        NePSWarning,
        stacklevel=3,
    )
    return None


def _created(path: Path) -> bool:
    """Make a key, unless another process does meanwhile; False if it can't be written."""
    draft = path.with_name(f".key-{secrets.token_hex(8)}")
    try:
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o600), "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            with suppress(FileExistsError):
                os.link(draft, path)  # whole at once, and of several the first one stays
        finally:
            draft.unlink(missing_ok=True)
    except OSError as reason:
        logger.info("No key can be made (%s), so the space is not signed.", reason)
        return False
    return True
