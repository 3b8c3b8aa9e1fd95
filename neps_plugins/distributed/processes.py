"""This process among others: what it was started as, whom it has called `neps.run` for, and what its children learn.

A launcher inside `evaluate_pipeline` starts processes that run the same program from its beginning, when the leader is
in the middle of it. So the leader tells them by an environment variable, which children inherit, who it is, how often
it has called `neps.run` on which folder, and which of these calls go on.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from attrs import frozen

from neps_plugins.distributed.jobs import job_of, local_rank
from neps_plugins.distributed.notes import Note

#: The environment variable that a leader sets for its children while it works.
LEADER = "NEPS_LEADER"


@frozen
class Parent:
    """The process that started this one inside an evaluation, as it was then.

    Attributes:
        job: What the job of it and its children is called.
        calls: How often it had called `neps.run`, by folder.
        leading: What it tells as the leader of those calls that were going on, by folder.
    """

    job: str
    calls: Mapping[str, int]
    leading: Mapping[str, Note]


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
        self._calls: Counter[str] = Counter()
        self._leading: dict[str, Note] = {}
        self._lock = threading.Lock()

    def count(self, root: str) -> int:
        """Count a call of `neps.run`; gives how many there were with this folder, this one included."""
        with self._lock:
            self._calls[root] += 1
            return self._calls[root]

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
                os.environ[LEADER] = json.dumps({"job": self.name, "calls": self._calls, "leading": leading})
            elif self._inherited is None:
                os.environ.pop(LEADER, None)
            else:
                os.environ[LEADER] = self._inherited


def _parsed(text: str | None) -> Parent | None:
    """What the environment variable says; None if no leader has written it."""
    try:
        told = json.loads(text or "")
        leading = {root: Note(**note) for root, note in told["leading"].items()}
        return Parent(told["job"], told["calls"], leading)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


_this: Process | None = None


def this_process() -> Process:
    """This process; a forked one is another."""
    global _this
    if _this is None or _this.pid != os.getpid():
        _this = Process()
    return _this
