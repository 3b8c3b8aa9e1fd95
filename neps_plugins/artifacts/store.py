"""Objects in a store that fsspec knows: read and written whole, and streamed where they are large.

Access keys come from where the store's own library finds them: the environment, its configuration files, or those of
fsspec (`FSSPEC_S3_KEY`, ...). None is taken from the URL, so none can get into a file, a log or a message of ours.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec

from neps_core import StorageError
from neps_core.storage import shown_location

#: Bytes that are sent, or asked for, at a time; what is smaller goes as a whole.
BLOCK = 8 * 1024**2

#: How many blocks an object may have: S3 takes 10,000 parts.
MOST_BLOCKS = 9_000

#: Stores in which an object is there as a whole or not at all. All others are taken for file systems.
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "oci", "tos", "obs"}


class StoreAwayError(StorageError):
    """A store that does not do what is asked of it, perhaps only now."""


class Store:
    """A place in a store.

    Args:
        url: Where.

    Raises:
        StorageError: If it can't be used: it is unknown, its package is missing, or it holds a password.
    """

    def __init__(self, url: str) -> None:
        stripped = url.rstrip("/")
        self.url = stripped if "://" in stripped else url  # without its slashes it would be a path here
        shown = shown_location(url)
        if "?" in url or "#" in url or urlsplit(url).password is not None:
            raise StorageError(
                f"artifacts={re.split('[?#]', shown)[0]!r}: give no passwords, keys or options there. They come from "
                "the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, FSSPEC_S3_..., for example), as fsspec reads it."
            )
        try:
            system, path = self._found()
        except ImportError as reason:
            raise StorageError(f"artifacts={shown!r} needs a package that is not installed: {reason}.") from reason
        except Exception as reason:  # a store's code, so anything
            raise StorageError(f"artifacts={shown!r} can't be used: {_said(reason)}.") from reason
        if _protocol(system) == "file":  # a process with another working directory has to find it, too
            self.url = f"file://{path}"

    def __str__(self) -> str:
        return shown_location(self.url)

    def _found(self) -> tuple[Any, str]:
        """The file system, which is made anew in a forked child, and where we are in it."""
        system, path = fsspec.core.url_to_fs(self.url)
        return system, path.rstrip("/")

    @contextmanager
    def _at(self, key: str) -> Iterator[tuple[Any, str]]:
        """The file system, and what it calls an object.

        Raises:
            FileNotFoundError: If there is no such object.
            StoreAwayError: If anything else goes wrong.
        """
        try:
            system, root = self._found()
            yield system, f"{root}/{key}"
        except (FileNotFoundError, StoreAwayError):
            raise
        except Exception as reason:  # a store's code, so anything
            raise StoreAwayError(f"{self} can't be used: {_said(reason)}") from reason

    # ------------------------------------------------------------------ writing

    def write(self, key: str, content: bytes) -> None:
        """Store an object, as a whole or not at all.

        Raises:
            StoreAwayError: If it could not be stored.
        """
        with self._writing(key) as (system, path):
            system.pipe_file(path, content)

    def upload(self, key: str, size: int, blocks: Iterator[bytes]) -> None:
        """Store a large object block by block, as a whole or not at all.

        Args:
            key: Its name.
            size: Its size, in bytes.
            blocks: What it holds. If this raises, nothing is stored.

        Raises:
            StoreAwayError: If it could not be stored.
        """
        with self._writing(key) as (system, path):
            in_parts = _protocol(system) in OBJECT_STORES
            block_size = BLOCK * -(-size // (BLOCK * MOST_BLOCKS))
            remote = system.open(path, "wb", block_size=block_size, autocommit=not in_parts)
            try:
                for block in blocks:
                    remote.write(block)
                remote.close()
                if in_parts:
                    remote.commit()
            except BaseException:
                with suppress(Exception):
                    if in_parts:
                        remote.discard()
                        remote.closed = True  # or else its destructor would store what there is
                    remote.close()
                raise

    @contextmanager
    def _writing(self, key: str) -> Iterator[tuple[Any, str]]:
        with self._at(key) as (system, path):
            try:
                if _protocol(system) in OBJECT_STORES:
                    yield system, path
                else:
                    system.makedirs(path.rpartition("/")[0], exist_ok=True)
                    part = f"{path}.{secrets.token_hex(4)}.part"
                    try:
                        yield system, part
                        system.mv(part, path)
                    except BaseException:
                        with suppress(Exception):
                            system.rm_file(part)
                        raise
            except FileNotFoundError as reason:
                raise StoreAwayError(f"{self} can't be written: {_said(reason)}") from reason

    # ------------------------------------------------------------------ reading

    def read(self, key: str, size: int | None = None) -> bytes:
        """What an object holds.

        Args:
            key: Its name.
            size: How much of it at most, in bytes.

        Raises:
            FileNotFoundError: If there is none.
            StoreAwayError: If it can't be read.
        """
        with self._at(key) as (system, path):
            content: bytes = system.cat_file(path) if size is None else system.cat_file(path, start=0, end=size)
            return content

    def download(self, key: str, size: int, file: Path) -> None:
        """Write an object to a file, block by block.

        Raises:
            FileNotFoundError: If there is none.
            StoreAwayError: If it can't be read.
        """
        with self._at(key) as (system, path), file.open("wb") as local:
            for start in range(0, size, BLOCK):
                local.write(system.cat_file(path, start=start, end=min(start + BLOCK, size)))


def _protocol(system: Any) -> str:
    protocol = system.protocol
    return str(protocol if isinstance(protocol, str) else protocol[0])


def _said(reason: BaseException) -> str:
    """What an error says, without what signs a request."""
    line = (" ".join(str(reason).split()) or type(reason).__name__)[:300]
    return re.sub(r"(\w+://)[^\s/@]*@", r"\1***@", re.sub(r"\?[^\s'\"]*", "?***", line)).rstrip(".")
