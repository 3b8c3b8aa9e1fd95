"""A run that is followed, also while its folder is away."""

from __future__ import annotations

import gc
import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neps_core import NePSError
from neps_core.run import Run, open_run
from neps_core.storage import shown_location
from neps_plugins.analysis import Analysis

#: Seconds between looks at a run, however many ask.
PAUSE = 1.0

#: Seconds that a short question waits for a long one.
PATIENCE = 0.3

#: How many documents are kept, of the version in which they were made.
KEPT = 64


class RunAway(NePSError):
    """A run's folder is not there, or can't be read, at the moment."""


class Followed:
    """A run that is followed. Threads may share one.

    Args:
        root: The run's folder, or the URL of what it is kept in. It need not be there.
        label: What the run is called.
        storage: What it is kept in, if not in that folder.
    """

    def __init__(self, root: str | Path, label: str, storage: str | None = None) -> None:
        self.root, self.label, self.storage = root, label, storage
        self._analysis: Analysis | None = None
        self._identity: object = None  # of the folder that was opened
        self._opened = ""  # tells the versions of one opening from those of another
        self._looked = float("-inf")
        self._problem: str | None = None
        self._version = ""
        self._documents: OrderedDict[tuple[str, str], tuple[str, bytes]] = OrderedDict()
        self._lock = threading.RLock()

    def open(self) -> Run:
        """The run as it is now, opened anew.

        Raises:
            FileNotFoundError: If there is none.
            StorageError: If it can't be read.
        """
        return open_run(self.root, storage=self.storage)

    def pulse(self) -> dict[str, Any]:
        """How it stands, in short: its version changes whenever a view may have changed.

        If somebody is computing a view for long, this is what was known last.
        """
        if self._lock.acquire(timeout=PATIENCE):
            try:
                self._look()
            finally:
                self._lock.release()
        return {
            "label": self.label,
            "root": shown_location(self.root),
            "version": self._version,
            "problem": self._problem,
        }

    def use(self, function: Callable[[Analysis], Any]) -> Any:
        """What a function makes of the run as it is.

        Raises:
            RunAway: If it isn't there.
        """
        with self._lock:
            self._look()
            if self._analysis is None:
                raise RunAway(self._problem or "The run isn't there.")
            return function(self._analysis)

    def version(self) -> str:
        """As of the last look, of which there is one now if it is time."""
        return str(self.pulse()["version"])

    def document(self, view: str, options: Mapping[str, Any]) -> tuple[str, bytes]:
        """A view as JSON, and the version of the run that it shows.

        Raises:
            RunAway: If the run isn't there.
            NePSError: If there is no such view, or an option is wrong.
        """
        with self._lock:
            self._look()
            if self._analysis is None:
                raise RunAway(self._problem or "The run isn't there.")
            key = view, json.dumps(options, sort_keys=True)
            known = self._documents.get(key)
            if known is None or known[0] != self._version:
                known = self._version, as_json(self._analysis.view(view, **options))
                self._documents[key] = known
                while len(self._documents) > KEPT:
                    self._documents.popitem(last=False)
            self._documents.move_to_end(key)
            return known

    def look_again(self) -> None:
        """Look at it however short ago somebody has: it was changed."""
        with self._lock:
            self._looked = float("-inf")

    def _look(self) -> None:
        if time.monotonic() < self._looked + PAUSE:
            return
        try:
            if self._analysis is None or self._identity != _identity(self.root) or not self._follow():
                self._open()
            assert self._analysis is not None
            workers = ",".join(sorted(self._analysis.run.locks.living_workers()))
            self._version = f"{self._opened}.{self._analysis.version}.{hash(workers) & 0xFFFFFF:x}"
            self._problem = None
        except (NePSError, OSError) as reason:
            self._analysis = None
            self._documents.clear()
            self._problem = f"{str(reason)[:1].upper()}{str(reason)[1:]}"
        self._looked = time.monotonic()

    def _follow(self) -> bool:
        """Read on. Whether that is the run that was opened."""
        assert self._analysis is not None
        try:
            if not self._analysis.run.journal.exists():
                return False
            self._analysis.refresh()
        except (NePSError, OSError):  # it was overwritten, or went away; opening it will tell
            return False
        return True

    def _open(self) -> None:
        self._analysis = None
        self._documents.clear()
        self._identity = _identity(self.root)
        with _collecting_later():
            analysis = Analysis(self.open())
        self._analysis, self._opened = analysis, secrets.token_hex(4)


def as_json(document: Any) -> bytes:
    """A document as it is sent."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


@contextmanager
def _collecting_later() -> Iterator[None]:
    """Look for no cycles meanwhile: the millions of objects of a long run are none, and looking takes a fifth of it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:  # if two overlap, the first one that began switches it on again
            gc.enable()


def _identity(root: str | Path) -> object:
    """What tells a folder from another one that was put in its place."""
    try:
        found = Path(root).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
