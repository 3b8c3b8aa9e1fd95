"""Bringing and keeping the folders of trials, around their evaluation and in the process that makes it."""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen
from filelock import FileLock

from neps_core import ArtifactsError, StorageError, TrialFolders, interrupts
from neps_core.errors import warn
from neps_core.run_folder import INNER
from neps_plugins.artifacts import store as stores
from neps_plugins.artifacts.contents import (
    BEGUN,
    MARK,
    OWED,
    WHOLE,
    Content,
    Contents,
    blocks_of,
    content_of,
    is_whole,
    look,
    mark,
    mark_of,
    read_manifest,
    remove_others,
)
from neps_plugins.artifacts.patience import patiently, several
from neps_plugins.artifacts.store import Store, StoreAwayError

logger = logging.getLogger("neps.artifacts")

#: What could not be kept yet, by store and name; the stores that failed last time; and the runs in whose folder on this
#: host there was looked for what earlier processes could not keep.
_owed: dict[tuple[str, str], tuple[Store, TrialFolders]] = {}
_away: set[str] = set()
_looked: set[tuple[str, Path]] = set()
_owing = threading.Lock()


class ChangingError(StoreAwayError):
    """A file that was written while it was read."""


class MissingError(StoreAwayError):
    """A folder that is not in a store, or not yet."""


class BrokenError(Exception):
    """A folder in a store that is not whole."""


@frozen
class Keeper:
    """Keeps the folders of trials in a store; see `neps_core.artifacts.Artifacts`."""

    _store: Store

    def check(self) -> None:
        """Write something, so that a wrong name or key is found before anything was evaluated."""
        try:
            self._store.write("neps.txt", b"The folders of trials, of neps.run(artifacts=). Each run-... is one run.\n")
        except StorageError as reason:
            raise StorageError(
                f"artifacts= is of no use: {reason}. Check the URL, that the bucket is there, and the keys in the "
                "environment."
            ) from reason

    def evaluated(self, call: Callable[[], Any], folders: TrialFolders) -> Any:
        self._find_owed(folders.root_directory)
        keep_owed(self._store.url)
        folders.directory.mkdir(parents=True, exist_ok=True)  # an executor's host need not have it
        if folders.previous_directory is not None:
            folders.previous_directory.mkdir(parents=True, exist_ok=True)
            if folders.previous_name is not None:
                self._bring(folders.previous_name, folders.previous_directory, folders.root_directory)
        mark(folders.directory, BEGUN)
        try:
            returned = call()
        except Exception:  # the user's code, so anything; and what it has left may tell why
            self.keep(folders)
            raise
        if returned is None:  # it goes on elsewhere, and nobody here knows what will be in the folder
            (folders.directory / MARK).unlink(missing_ok=True)
        else:
            self.keep(folders)
        return returned

    # ------------------------------------------------------------------ keeping

    def keep(self, folders: TrialFolders) -> None:
        interrupts.hold()  # the result is there, and not recorded yet
        url = self._store.url
        with _owing:
            delays = () if url in _away else None  # while it is away, no trial waits for it for long
        try:
            mark(folders.directory, WHOLE)
            patiently(_Upload(self._store, folders).go, delays)
        except Exception as reason:  # whatever it is, the result counts more
            with suppress(OSError):
                mark(folders.directory, OWED + folders.name)
            with _owing:
                _owed[url, folders.name] = self._store, folders
                if not isinstance(reason, ChangingError):
                    _away.add(url)
            warn(
                f"The folder {folders.directory} could not be copied to artifacts={str(self._store)!r}: {reason}. Its "
                "result is recorded all the same. The copy is tried again before this host's next trial and at the end "
                "of the call; until then, only this host can continue the trial."
            )
            return
        logger.info("The folder %s is kept as %s/%s.", folders.directory, self._store, folders.name)
        with _owing:
            _away.discard(url)
            _owed.pop((url, folders.name), None)

    def _find_owed(self, root: Path) -> None:
        """What earlier processes on this host could not keep; looked for once."""
        with _owing:
            if (self._store.url, root) in _looked:
                return
            _looked.add((self._store.url, root))
            for path in (root / "configs").glob(f"*/{MARK}"):
                directory = path.parent
                kind, owes, name = (mark_of(directory) or "").partition(OWED)
                if owes and not kind:
                    folders = TrialFolders(directory, name, None, None, root)
                    _owed[self._store.url, name] = self._store, folders

    # ------------------------------------------------------------------ bringing

    def _bring(self, name: str, directory: Path, root: Path) -> None:
        """Have a folder on this host, as the evaluation of its trial has left it."""
        if is_whole(directory):
            return
        (root / INNER).mkdir(parents=True, exist_ok=True)
        with FileLock(root / INNER / "artifacts.lock", thread_local=False):
            if is_whole(directory):  # somebody else has just brought it
                return
            try:
                patiently(lambda: self._fill(name, directory))
            except MissingError:
                raise FileNotFoundError(
                    f"the folder of the trial that this one continues, {directory}, is neither on this host nor in "
                    f"artifacts={str(self._store)!r}. The copy failed (the worker that evaluated it has said so), "
                    "or it was evaluated without artifacts=. Once it is there, 'neps clean --again' has this trial "
                    "evaluated anew."
                ) from None
            except BrokenError as reason:
                raise FileNotFoundError(
                    f"the folder of the trial that this one continues, {directory}, is damaged in "
                    f"artifacts={str(self._store)!r}: {reason}."
                ) from reason
            except OSError as reason:  # the store's, or of the disk here
                raise ArtifactsError(
                    f"the folder of the trial that this one continues, {directory}, can't be brought: {reason}. The "
                    "trial is put back. Start again when that is mended."
                ) from reason

    def _fill(self, name: str, directory: Path) -> None:
        """Fill a folder with what the store has.

        Raises:
            MissingError: If the store has no such folder.
            BrokenError: If what it has is not whole.
            StoreAwayError: If it does not answer.
            OSError: If something can't be written here.
        """
        try:
            contents = _manifest(self._store, name)
        except MissingError:
            if mark_of(directory) is None and any(look(directory)):
                return  # it was evaluated here before there were artifacts
            raise
        mark(directory, BEGUN)
        remove_others(directory, contents)
        objects = f"{name.partition('/')[0]}/objects"
        for path in contents.folders:
            (directory / path).mkdir(parents=True, exist_ok=True)
        for path in contents.files:
            (directory / path).parent.mkdir(parents=True, exist_ok=True)

        def fetch(entry: tuple[str, Content]) -> None:
            path, content = entry
            if not (directory / path).exists():  # or else it is the right one
                _fetch(self._store, f"{objects}/{content.digest}", content, directory / path)

        several(fetch, list(contents.files.items()))
        for path, target in contents.links.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).symlink_to(target)
        mark(directory, WHOLE)
        logger.info("The folder %s was brought from %s/%s.", directory, self._store, name)


def keep_owed(url: str | None = None) -> None:
    """Try again, once, what could not be kept: in one store, or in all of them."""
    if interrupts.is_told_to_leave():
        return
    with _owing:
        owed = [(key, each) for key, each in _owed.items() if url in (None, key[0])]
    for key, (store, folders) in owed:
        try:
            patiently(_Upload(store, folders).go, ())
        except Exception as reason:  # it was said already
            logger.info("The folder %s can't be kept yet: %s", folders.directory, reason)
            if isinstance(reason, StoreAwayError) and not isinstance(reason, ChangingError):
                return
            continue
        if mark_of(folders.directory) == OWED + folders.name:
            mark(folders.directory, WHOLE)
        logger.warning("The folder %s is kept in %s now.", folders.directory, store)
        with _owing:
            _owed.pop(key, None)
            _away.discard(store.url)


class _Upload:
    """One folder on its way to a store. What has arrived is not sent again at the next try."""

    def __init__(self, store: Store, folders: TrialFolders) -> None:
        self._store = store
        self._folders = folders
        self._objects = f"{folders.name.partition('/')[0]}/objects"
        self._there: set[str] | None = None  # digests

    def go(self) -> None:
        """Send what is not there, and the manifest last.

        Raises:
            StoreAwayError: If something could not be stored.
            OSError: If something can't be read here.
        """
        if self._there is None:
            before = [self._known(self._folders.name), self._known(self._folders.previous_name)]
            self._there = {each.digest for contents in before for each in contents.files.values()}
        paths, links, folders = look(self._folders.directory)
        files = dict(zip(paths, several(self._sent, paths)))
        self._store.write(f"{self._folders.name}.json", Contents(files, links, folders).to_manifest())

    def _known(self, name: str | None) -> Contents:
        try:
            return Contents() if name is None else _manifest(self._store, name)
        except (MissingError, BrokenError):
            return Contents()

    def _sent(self, path: str) -> Content:
        assert self._there is not None
        file = self._folders.directory / path
        try:
            content = content_of(file)
        except FileNotFoundError:
            raise ChangingError(f"{file} was deleted while it was copied") from None
        if content.size and content.digest not in self._there:
            key = f"{self._objects}/{content.digest}"
            if content.size <= stores.BLOCK:
                self._store.write(key, b"".join(_unchanged(file, content)))
            else:
                self._store.upload(key, content.size, _unchanged(file, content))
            self._there.add(content.digest)
        return content


def _unchanged(file: Path, content: Content) -> Iterator[bytes]:
    """The blocks of a file, if they are those that were seen before."""
    digest, size = hashlib.sha256(), 0
    for block in blocks_of(file, stores.BLOCK):
        digest.update(block)
        size += len(block)
        if size > content.size:
            break
        yield block
    if Content(size, digest.hexdigest()) != content:
        raise ChangingError(f"{file} was written to while it was copied")


def _fetch(store: Store, key: str, content: Content, file: Path) -> None:
    part = file.with_name(f".{secrets.token_hex(8)}.part")
    try:
        if content.size == 0:
            part.touch()
        elif content.size <= stores.BLOCK:
            part.write_bytes(store.read(key, content.size))
        else:
            store.download(key, content.size, part)
        if content_of(part) != content:
            raise BrokenError(f"the object {key} does not hold what the manifest says")
        part.replace(file)
    except FileNotFoundError as reason:
        raise BrokenError(f"there is no object {key}") from reason
    finally:
        part.unlink(missing_ok=True)


def _manifest(store: Store, name: str) -> Contents:
    """What a folder in a store holds.

    Raises:
        MissingError: If there is none.
        BrokenError: If its manifest can't be read.
        StoreAwayError: If the store does not answer.
    """
    try:
        return read_manifest(store.read(f"{name}.json"))
    except FileNotFoundError:
        raise MissingError from None
    except ValueError as reason:
        raise BrokenError(f"the manifest {name}.json can't be used: {reason}") from reason
