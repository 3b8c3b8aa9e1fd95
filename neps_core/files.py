"""Small files for people: written so that a reader sees the old content or the new, never half of it."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

#: How the name of a file ends that is not there yet. One that a crash has left is replaced by the next.
TEMPORARY = ".tmp"


def write_atomically(path: str | Path, content: str | bytes, durable: bool = False) -> None:
    """Replace a file's content in one step.

    No two may do this to one file at the same time: they hold a lock.

    Args:
        path: The file, which need not exist.
        content: What it shall hold.
        durable: Whether that must outlive a power cut. What is only shown to people need not.

    Raises:
        OSError: If the folder doesn't exist, the disk is full, or there's no permission.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    temporary = f"{path}{TEMPORARY}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        try:
            write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


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
        descriptor = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        write_atomically(path, data)
        return
    try:
        in_place = os.fstat(descriptor).st_size <= len(data)
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

    def text(dumper: Any, value: str) -> Any:
        value = value.encode("utf-8", "backslashreplace").decode()
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    Dumper.ignore_aliases = lambda *_: True
    return Dumper, getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def to_yaml(data: Any) -> str:
    """Plain data (dicts, lists, strings, numbers, bools, None) as YAML, in the given order."""
    import yaml

    return str(yaml.dump(data, Dumper=_yaml_classes()[0], sort_keys=False, allow_unicode=True, width=120))


def from_yaml(text: str) -> Any:
    """Plain data from YAML.

    Raises:
        ValueError: If it's no YAML, or holds anything but plain data (objects, code).
    """
    import yaml

    try:
        return yaml.load(text, Loader=_yaml_classes()[1])
    except yaml.YAMLError as reason:
        raise ValueError(str(reason)) from reason
