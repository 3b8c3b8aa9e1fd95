"""What the folder of a trial holds: files, links and empty folders that the user's function has made there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from attrs import Factory, frozen

from neps_core.files import TEMPORARY
from neps_core.run_folder import FILES, PREVIOUS

#: The file in a trial's folder that says whether it is whole on this host.
MARK = ".artifacts"

#: What it says while the folder is being filled, by an evaluation or from a store; after that; and if it could not be
#: copied to a store then, with what that calls it.
BEGUN, WHOLE, OWED = "begun", "whole", "owed "

#: What is in the folder of a trial, and not of the user's.
_OURS = {MARK, *FILES, PREVIOUS, *(name + TEMPORARY for name in (MARK, *FILES, PREVIOUS))}

#: The version of manifests.
FORMAT = 1

_READ = 1024**2


@frozen
class Content:
    """What a file holds.

    Attributes:
        size: In bytes.
        digest: SHA-256, in hexadecimal.
    """

    size: int
    digest: str


@frozen
class Contents:
    """What a folder holds, by path from there, with `/`.

    Attributes:
        files: The files.
        links: Symbolic links that stay in the folder, and what they say.
        folders: Folders with nothing in them.
    """

    files: dict[str, Content] = Factory(dict)
    links: dict[str, str] = Factory(dict)
    folders: list[str] = Factory(list)

    def to_manifest(self) -> bytes:
        """As it is stored. Cut off anywhere it can't be read."""
        files = {path: [content.size, content.digest] for path, content in self.files.items()}
        document = {"format": FORMAT, "files": files, "links": self.links, "folders": self.folders}
        return json.dumps(document, separators=(",", ":")).encode("ascii")


def read_manifest(text: bytes) -> Contents:
    """What a manifest says.

    Raises:
        ValueError: If it is none, or names something outside of the folder.
    """
    document: Any = json.loads(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError("it is no manifest of this version of neps-framework")
    try:
        files = {path: Content(int(size), str(digest)) for path, (size, digest) in document["files"].items()}
        contents = Contents(files, dict(document["links"]), list(document["folders"]))
    except (KeyError, TypeError, AttributeError) as reason:
        raise ValueError(f"it is no manifest: {reason!r}") from None
    for path in (*contents.files, *contents.links, *contents.folders):
        parts = path.split("/") if isinstance(path, str) else [".."]
        above = {"/".join(parts[:n]) for n in range(1, len(parts))}
        if {"", ".", ".."} & set(parts) or "\0" in path or parts[0] in _OURS or above & contents.links.keys():
            raise ValueError(f"it names {path!r}")
    for path, target in contents.links.items():
        if not _stays(path, target):
            raise ValueError(f"it names a link from {path!r} to {target!r}")
    for content in contents.files.values():
        if content.size < 0 or not content.digest.isalnum():
            raise ValueError("it names an impossible file")
    return contents


def _stays(path: str, target: str) -> bool:
    """Whether a link leads to something in the folder, without a way around."""
    if not isinstance(target, str) or target.startswith("/") or "\0" in target:
        return False
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = parts.count("..")
    return ups <= path.count("/") and ".." not in parts[ups:]


def look(directory: Path) -> tuple[list[str], dict[str, str], list[str]]:
    """The files, links and empty folders in a folder.

    A link to a file outside counts as a file. Other links that lead out or nowhere, and what is neither a file nor a
    folder, are left out.

    Raises:
        OSError: If something can't be read, or has just gone.
    """
    files: list[str] = []
    links: dict[str, str] = {}
    folders: list[str] = []
    rest = [""]
    while rest:
        prefix = rest.pop()
        with os.scandir(directory / prefix) as entries:
            found = [entry for entry in entries if prefix or entry.name not in _OURS]
        if prefix and not found:
            folders.append(prefix.rstrip("/"))
        for entry in found:
            path = prefix + entry.name
            if entry.is_symlink() and _stays(path, target := os.readlink(entry.path)):  # noqa: PTH115 - as a string
                links[path] = target
            elif entry.is_file():
                files.append(path)
            elif entry.is_dir(follow_symlinks=False):
                rest.append(f"{path}/")
    return sorted(files), links, sorted(folders)


def blocks_of(file: Path, size: int = _READ) -> Iterator[bytes]:
    """A file, block by block."""
    with file.open("rb") as opened:
        while block := opened.read(size):
            yield block


def content_of(file: Path) -> Content:
    """What a file holds.

    Raises:
        OSError: If it can't be read.
    """
    digest, size = hashlib.sha256(), 0
    for block in blocks_of(file):
        digest.update(block)
        size += len(block)
    return Content(size, digest.hexdigest())


def holds(file: Path, content: Content) -> bool:
    """Whether a file, and no link, holds this."""
    try:
        found = file.lstat()
        return stat.S_ISREG(found.st_mode) and found.st_size == content.size and content_of(file) == content
    except OSError:
        return False


def remove_others(directory: Path, contents: Contents) -> None:
    """Delete what is left in a folder from an evaluation that did not end, so that it holds nothing but these contents.

    Raises:
        OSError: If something can't be deleted.
    """
    for entry in list(directory.rglob("*")):
        path = entry.relative_to(directory).as_posix()
        if path in _OURS or (path in contents.files and holds(entry, contents.files[path])):
            continue
        if entry.is_symlink() or not entry.is_dir():
            entry.unlink(missing_ok=True)
    is_wanted = {str(parent) for path in contents.files for parent in PurePosixPath(path).parents}
    for entry in sorted((e for e in directory.rglob("*") if e.is_dir()), reverse=True):
        if entry.relative_to(directory).as_posix() not in is_wanted:
            shutil.rmtree(entry)


def mark_of(directory: Path) -> str | None:
    """What is said of a folder; None if nothing is."""
    try:
        return (directory / MARK).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def is_whole(directory: Path) -> bool:
    """Whether a folder holds all that the evaluation of its trial has left, and nothing else."""
    return (mark_of(directory) or BEGUN) != BEGUN


def mark(directory: Path, says: str) -> None:
    """Say something of a folder."""
    temporary = directory / (MARK + TEMPORARY)
    temporary.write_text(says, encoding="utf-8")
    temporary.replace(directory / MARK)
