"""Files: written so that a reader sees the old content or the new, never half of it, and read whoever wrote them.

Nothing here follows a symbolic link to write: one that stands where a file should be is replaced.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import secrets
import stat
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from neps_core.errors import RunError, StorageError

#: Bytes of the largest file that is read as YAML. Its parser takes a hundred times as much memory.
LARGEST = 4_000_000

#: How deeply YAML and JSON may be nested: far below where a parser in C leaves the stack.
DEEPEST = 100

#: What YAML 1.2 and everybody else calls a number, and YAML 1.1 a text: `1e-3`.
_EXPONENT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+$")

#: Numbers in a list above which it is written in one line.
LONG = 100

#: What some systems don't have: to refuse links; not to wait for whoever writes to a pipe; to take bytes as they are,
#: as Windows makes two of each newline otherwise.
NO_FOLLOW, NO_WAIT, BINARY = (getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))

#: How often, and after how many seconds, it is tried again to replace a file that somebody has open, on Windows.
TRIES, PAUSE = 40, 0.05

#: macOS's own way to have the disk write what it has in its cache.
_FULL_SYNC = 51


def to_path(what: str, value: Any) -> Path:
    """A path that a user gave, with `~` for a home directory.

    Args:
        what: What it is called in messages: the name of the argument.
        value: A text or an `os.PathLike`.

    Raises:
        RunError: If it can't be a path.
        StorageError: If it is one that the operating system refuses to look at.
    """
    try:
        text = os.fspath(value)
        text = str.__str__(text) if isinstance(text, str) else None  # a subclass may call itself something else
    except Exception:  # an object of somebody else's, so anything
        text = None
    if text is None:
        raise RunError(f"{what} must be a path (a text or a pathlib.Path), not {type(value).__name__}.")
    if not text.strip() or "\0" in text:
        raise RunError(
            f"{what}={text!r} is no path: it {'contains a NUL' if text.strip() else 'is empty'}. Give a folder."
        )
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        user = Path(text).parts[0]
        raise RunError(f"{what}={text!r}: there is no home directory of {user!r}. Write the path in full.") from None
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, UnicodeError) as reason:
        problem = getattr(reason, "strerror", None) or str(reason)
        shown = text if len(text) <= 200 else f"{text[:200]}... ({len(text)} characters)"
        raise StorageError(f"{what}={shown!r} can't be used: {problem}. Choose another path.") from None
    return path


def make_directory(path: str) -> None:
    """Make a folder, unless it is there.

    Raises:
        StorageError: If it is a symbolic link: what we wrote would end up elsewhere.
        OSError: If it can't be made.
    """
    try:
        os.mkdir(path)  # noqa: PTH102 - once a trial, and pathlib costs as much again
    except FileExistsError:
        check_no_link(path)
    except FileNotFoundError:
        os.makedirs(path, exist_ok=True)  # noqa: PTH103


def check_no_link(path: str) -> None:
    """Make sure that what is written to a folder, or deleted from it, is in there.

    Raises:
        StorageError: If it is a symbolic link.
    """
    if os.path.islink(path):  # noqa: PTH114
        raise StorageError(
            f"{path} is a symbolic link, and nothing is written or deleted through it. Replace it by the folder "
            "itself. (The run's folder as a whole, and `configs` in it, may be links.)"
        )


#: How the name of a file ends that is not there yet. One that a crash has left is replaced by the next.
TEMPORARY = ".tmp"


def write_atomically(path: str | Path, content: str | bytes, durable: bool = False) -> None:
    """Replace a file's content in one step.

    No two may do this to one file at the same time: they hold a lock.

    Args:
        path: The file, which need not exist; a link is replaced, not followed.
        content: Text is encoded as UTF-8.
        durable: Whether it must outlive a power cut once this returns. Otherwise it isn't synced.

    Raises:
        OSError: If the folder doesn't exist, the disk is full, or there's no permission.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    temporary = f"{path}{TEMPORARY}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY
    try:
        descriptor = os.open(temporary, flags, 0o666)
    except FileExistsError:  # of a process that died, or somebody's link
        os.unlink(temporary)
        descriptor = os.open(temporary, flags, 0o666)
    try:
        try:
            write_all(descriptor, data)
            if durable:
                sync(descriptor)
        finally:
            os.close(descriptor)
        replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    if durable:
        sync_directory(os.path.dirname(path))  # noqa: PTH120


def replace(source: str | Path, target: str | Path) -> None:
    """Put a file into the place of another one, in one step.

    Raises:
        OSError: As `os.replace`. On Windows, whoever has the other one open keeps it for so long; that is waited for.
    """
    for left in reversed(range(TRIES if os.name == "nt" else 1)):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if not left:
                raise
            time.sleep(PAUSE)


def sync(descriptor: int) -> None:
    """Wait until what was written to a file would outlive a power cut.

    Raises:
        OSError: If it can't be written.
    """
    if sys.platform == "darwin":  # fsync leaves it in the disk's cache there
        import fcntl

        with suppress(OSError):  # a filesystem that has no such thing
            fcntl.fcntl(descriptor, _FULL_SYNC)
            return
    getattr(os, "fdatasync", os.fsync)(descriptor)


_seeking = threading.Lock()


def read_at(descriptor: int, n: int, position: int) -> bytes:
    """At most n bytes of a file from a position on, whatever the position of its descriptor is.

    Raises:
        OSError: If it can't be read.
    """
    if hasattr(os, "pread"):
        return os.pread(descriptor, n, position)
    with _seeking:  # Windows: nobody else in this process moves it meanwhile
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.read(descriptor, n)


def sync_directory(path: str | Path) -> None:
    """Make the names in a folder outlive a power cut; a system that can't open folders does that by itself."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything, however many calls that takes: one takes at most 2 GiB, or what there is room for.

    Raises:
        OSError: If the disk is full, or lost.
    """
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def overwrite(path: str, content: str) -> None:
    """Replace the content of a small file that may exist, in place where it does not get shorter.

    A single write of a few hundred bytes is as whole as a replacement is, at a fraction of its cost.

    Raises:
        OSError: As `write_atomically`.
    """
    data = content.encode("utf-8", "backslashreplace")
    try:
        descriptor = os.open(path, os.O_WRONLY | NO_FOLLOW | NO_WAIT | BINARY)
    except OSError:  # there is none, or something else: a link, a pipe
        write_atomically(path, data)
        return
    try:
        status = os.fstat(descriptor)
        # Another name of the same file is somebody else's file.
        in_place = status.st_size <= len(data) and status.st_nlink == 1 and stat.S_ISREG(status.st_mode)
        if in_place:
            write_all(descriptor, data)
    finally:
        os.close(descriptor)
    if not in_place:
        write_atomically(path, data)


@lru_cache(maxsize=1)
def _yaml_classes() -> tuple[Any, Any]:
    import yaml  # here, so that importing the face stays quick

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        """Plain data only, and long texts as readable blocks."""

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Plain data only, and each key once."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            keys = [(key.tag, key.value) for key, _ in pairs if isinstance(key, yaml.ScalarNode)]
            twice = [value for (_, value), n in Counter(keys).items() if n > 1]
            if twice:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {twice[0]!r} is there twice", node.start_mark
                )
            made: dict[Any, Any] = super().construct_mapping(node, deep)
            return made

    def text(dumper: Any, value: str) -> Any:
        value = value.encode("utf-8", "backslashreplace").decode()
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    def items(dumper: Any, value: list[Any]) -> Any:
        if len(value) <= LONG or not set(map(type, value)) <= {int, float}:
            return dumper.represent_list(value)
        # Number by number it takes PyYAML seconds; so it gets a word, in the place of which the numbers are put.
        word = f"numbers{secrets.token_hex(16)}"
        dumper.long_lists[word] = value
        return dumper.represent_scalar("tag:yaml.org,2002:str", word)

    Dumper.add_representer(str, text)
    Dumper.add_representer(list, items)
    Dumper.ignore_aliases = lambda *_: True
    for both in (Dumper, Loader):  # so that a text which looks like a number is quoted
        both.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))
    return Dumper, Loader


def to_yaml(data: Any) -> str:
    """Plain data (dicts, lists, strings, numbers, bools, None) as YAML, in the given order."""
    stream = io.StringIO()
    dumper = _yaml_classes()[0](stream, sort_keys=False, allow_unicode=True, width=120)
    dumper.long_lists = {}
    try:
        dumper.open()
        dumper.represent(data)
        dumper.close()
    finally:
        dumper.dispose()
    text = stream.getvalue()
    for word, numbers in dumper.long_lists.items():
        text = text.replace(word, _flow(numbers), 1)
    return text


def _flow(numbers: list[Any]) -> str:
    """Numbers as a YAML list in a line, for readers of YAML 1.1, too, to which 1e-5 is a text."""
    text = re.sub(r"(?<![\d.])(\d+)e", r"\1.0e", json.dumps(numbers))
    return text.replace("Infinity", ".inf").replace("NaN", ".nan")


def from_yaml(text: str) -> Any:
    """Plain data from YAML. What it may hold is bounded, so that nobody's file takes the memory, the stack or the time.

    Raises:
        ValueError: If it's no YAML, or holds anything but plain data (objects, code), or references within itself,
            or the same key twice, or is nested too deeply.
    """
    import yaml

    loader = _yaml_classes()[1]
    try:
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            if getattr(event, "anchor", None) is not None:
                raise ValueError(f"it refers to itself ('&' or '*'){event.start_mark}; write out what is meant")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise ValueError(f"it is nested more than {DEEPEST} levels deep")
        return yaml.load(text, Loader=loader)
    except ValueError:
        raise
    except Exception as reason:  # PyYAML's own, and for a tag on what it doesn't fit, almost any other
        raise ValueError(str(reason) or repr(reason)) from reason


def read_text(path: str | Path, largest: int = LARGEST) -> str:
    """The text in a file that anybody may have written.

    Raises:
        ValueError: If it is no file, larger than `largest` bytes, or not UTF-8.
        OSError: If it can't be read.
    """
    descriptor = os.open(path, os.O_RDONLY | NO_WAIT | BINARY)  # a pipe must not keep us waiting
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no file")
        if status.st_size > largest:
            raise ValueError(f"it has {status.st_size} bytes, and no more than {largest} are read")
        return file.read(largest).decode().removeprefix("\ufeff")


def holds(path: str | Path, content: bytes) -> bool:
    """Whether there is a file, no link or pipe, of just this content.

    Raises:
        OSError: If it can't be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | NO_FOLLOW | NO_WAIT | BINARY)
    except OSError as reason:
        if reason.errno in (errno.ENOENT, errno.ELOOP):
            return False
        raise
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        return stat.S_ISREG(status.st_mode) and status.st_size == len(content) and file.read() == content


def name_of(file: Path | IO[str]) -> str:
    """What a file is called in messages."""
    return str(file if isinstance(file, Path) else getattr(file, "name", "the file"))


def read_yaml(path: Path | IO[str], error: type[Exception]) -> Any:
    """The plain data in a file that anybody may have written.

    Args:
        path: The file, or an open one.
        error: What is raised if it holds no such thing.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    try:
        return from_yaml(read_text(path) if isinstance(path, Path) else path.read())
    except FileNotFoundError:
        raise
    except (ValueError, OSError) as reason:
        problem = reason.strerror if isinstance(reason, OSError) else reason
        raise error(f"{name_of(path)} can't be read as plain data: {problem}.") from reason
