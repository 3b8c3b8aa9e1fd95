"""This process among others: what it was started as, whom it has called `neps.run` for, and what its children learn.

A launcher inside `evaluate_pipeline` starts processes that run the same program from its beginning, when the leader is
in the middle of it. So the leader tells them by an environment variable, which children inherit, who it is, how often
it has called `neps.run` on which folder, and which of these calls go on.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from attrs import frozen

from neps_plugins.distributed.jobs import job_of, local_rank
from neps_plugins.distributed.notes import Note

#: The environment variable that a leader sets for its children while it works.
LEADER = "NEPS_LEADER"

#: Folders of which it tells: systems start no process with a longer variable than 128 kB, whatever the process is.
MOST = 200


@frozen
class Parent:
    """The process that started this one inside an evaluation, as it was then.

    Attributes:
        job: What the job of it and its children is called.
        calls: How often it had called `neps.run`, by the digest of the folder.
        forgot: Whether there were more folders than it tells.
        leading: What it tells as the leader of those calls that were going on, by folder.
    """

    job: str
    calls: Mapping[str, int]
    forgot: bool
    leading: Mapping[str, Note]

    def n_calls(self, root: str) -> float:
        """How often it had called `neps.run` on a folder; of one that it may have forgotten, as often as can be."""
        return self.calls.get(_digest(root), float("inf") if self.forgot else 0)


class Process:
    """This process.

    The environment is looked at once, when it calls `neps.run` first: what libraries make of it later, while they
    train, does not change who it is.

    Attributes:
        pid: Its id.
        began: When it called `neps.run` first, in Unix seconds.
        job: The job that its launcher started it for; None if there is none.
        parent: The leader that started it inside an evaluation; None if none has.
        name: The name of the job that it makes with its children.
        rank: Its rank among these.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.began = time.time()
        self.job = job_of(os.environ)
        self.rank = local_rank(os.environ) or 0
        self._inherited = os.environ.get(LEADER)
        self.parent = _parsed(self._inherited) if self.rank else None
        self.name = f"{socket.gethostname()} {self.pid} {secrets.token_hex(8)}"
        self._calls: dict[str, int] = {}  # the last one at the end
        self._leading: dict[str, Note] = {}
        self._lock = threading.Lock()

    def count(self, root: str) -> int:
        """Count a call of `neps.run`; gives how many there were with this folder, this one included."""
        with self._lock:
            key = _digest(root)
            self._calls[key] = self._calls.pop(key, 0) + 1
            return self._calls[key]

    @contextmanager
    def announcing(self, root: str, note: Note) -> Iterator[None]:
        """Let children that are started in this block know of a call that goes on."""
        self._announce(root, note)
        try:
            yield
        finally:
            self._announce(root, None)

    def _announce(self, root: str, note: Note | None) -> None:
        with self._lock:
            if note is None:
                self._leading.pop(root, None)
            else:
                self._leading[root] = note
            if self._leading:
                leading = {root: note.as_plain() for root, note in self._leading.items()}
                forgot = len(self._calls) > MOST
                calls = dict(list(self._calls.items())[-MOST:])
                told = {"job": self.name, "calls": calls, "forgot": forgot, "leading": leading}
                os.environ[LEADER] = json.dumps(told)
            elif self._inherited is None:
                os.environ.pop(LEADER, None)
            else:
                os.environ[LEADER] = self._inherited


def _digest(root: str) -> str:
    return hashlib.blake2b(root.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _parsed(text: str | None) -> Parent | None:
    """What the environment variable says; None if no leader has written it."""
    try:
        told = json.loads(text or "")
        leading = {root: Note(**note) for root, note in told["leading"].items()}
        return Parent(told["job"], told["calls"], told["forgot"], leading)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


_this: Process | None = None


def this_process() -> Process:
    """This process; a forked one is another."""
    global _this
    if _this is None or _this.pid != os.getpid():
        _this = Process()
    return _this
