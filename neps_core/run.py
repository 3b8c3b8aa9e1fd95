"""A run as one process sees it: what it is kept in, what has been read of it, and what may be added."""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from neps_core import documents, results, trust
from neps_core import events as ev
from neps_core.errors import LockLostError, RunError, StorageError, TrialError, nearest
from neps_core.observers import Observers
from neps_core.optimizers.asking import Chosen
from neps_core.shapes import Shape
from neps_core.space_parsing import load_space, parse_space
from neps_core.spaces.domains import exact
from neps_core.spaces.protocol import SearchSpace
from neps_core.storage import LeaseHeld, Storage, open_storage, shown_location
from neps_core.trial_log import TrialLog
from neps_core.trials import Trial, Trials, id_text, shown_id, without_folder

logger = logging.getLogger("neps.run")

#: Seconds after which others may have added so much that it is read before a lock is taken.
STALE = 0.05

#: What need not outlive a power cut: it costs nothing to do again.
_CHEAP = (ev.Sampled, ev.Started, ev.Reported, ev.Dismissed)

#: What changes what the files of a trial show.
_SHOWN = (ev.Sampled, ev.Started, ev.Detached, ev.Finished, ev.Requeued)


class Run:
    """A run, followed and added to. Threads may share one.

    Args:
        storage: What it is kept in.
        observers: Who is told what happens here; the ones by default if left out.

    Attributes:
        journal: Its events.
        locks: By which its users agree.
        folder: Its files.
        log: What has happened, as of the last `refresh` or `record`.
        worker_id: The worker that this process is for the run; "" for one that only looks.
        read_only: Why nothing can be added; None if something can.
        crosses_processes: Whether other processes see it.
    """

    def __init__(self, storage: Storage, observers: Observers | None = None) -> None:
        self.journal, self.locks, self.folder = storage.journal, storage.locks, storage.folder
        self.read_only = storage.read_only
        self.crosses_processes = storage.crosses_processes
        self.log = TrialLog()
        self.worker_id = ""
        self._position = 0
        self._read_at = 0.0
        self._dismissals_before = 0  # of the worker that this process is
        self._space: SearchSpace | None = None
        self._observers = observers
        self._news: deque[tuple[str, dict[str, Any]]] = deque()
        self._mutex = threading.RLock()
        self._depth = 0
        self._teller: int | None = None  # the thread that is telling observers
        self._told = threading.Condition(self._mutex)

    @property
    def trials(self) -> Trials:
        """All trials by id."""
        return self.log.trials

    def trial(self, trial_id: Any) -> Trial:
        """A trial that somebody names: `"1"`, `"config_1"` as its folder is called, or `1`.

        Raises:
            TrialError: If there is none.
        """
        text = id_text("what names a trial", trial_id, TrialError)
        name = text if text in self.trials else without_folder(text)
        if name not in self.trials:
            hint = nearest(name, self.trials)
            raise TrialError(f"there is no trial {shown_id(name)} in {self.folder}. {hint}")
        return self.trials[name]

    @property
    def root_directory(self) -> Path:
        """The run's folder."""
        return self.folder.root_directory

    @property
    def space(self) -> SearchSpace:
        """The search space: the one that this process was given, or else the stored one.

        Raises:
            SpaceError: If the stored one can't be read.
        """
        if self._space is None:
            self._space = parse_space(self.stored_space())
        return self._space

    def stored_space(self, trust_space: bool = False) -> Any:
        """The space that is stored with the run, of the kind that the user wrote.

        Args:
            trust_space: Whether what it names may be imported and called although this user has not signed it.

        Raises:
            FileNotFoundError: If none is stored yet.
            StorageError: If none is, and never will be.
            SpaceError: If it can't be read.
        """
        if self.log.space is None:
            self.check_writable()
            raise FileNotFoundError(f"the run in {self.root_directory} has no space yet.")
        is_own = trust.is_own(self.log.space, self.log.space_signature)
        return load_space(self.log.space, trust_space or is_own)

    @property
    def is_dismissed(self) -> bool:
        """Whether the worker that this process is was asked to leave, as far as is known here."""
        asked = self.log.dismissals[self._dismissals_before :]
        return bool(asked) and any(each.worker == self.worker_id for each in asked)

    def check_writable(self) -> None:
        """Make sure that something can be added to the run.

        Raises:
            StorageError: If it can only be looked at; the message says why, and what to do instead.
        """
        if self.read_only is not None:
            raise StorageError(self.read_only)

    # ------------------------------------------------------------------ events

    def refresh(self) -> None:
        """Read what others have added."""
        with self._mutex:
            self._read_at = time.monotonic()
            events, self._position = self.journal.read(self._position)
            self.log.fold(self.folder.resolved(events))

    @contextmanager
    def locked(self, name: str, tells: bool = True) -> Iterator[None]:
        """Hold a lock of the run. What is recorded meanwhile is told to observers once no lock is held any more.

        Args:
            name: Of the lock.
            tells: Whether it is told here; if not, with what is recorded next, or by `tell_news`.
        """
        try:
            with self._mutex:
                for _ in range(2):  # once more if it took long; no more, as where reading takes its time it always does
                    if self._position and not self._depth and time.monotonic() > self._read_at + STALE:
                        self.refresh()
                self._depth += 1
                try:
                    with self.locks.lock(name):
                        yield
                finally:
                    self._depth -= 1
        finally:
            if tells:
                self.tell_news()

    @contextmanager
    def known_shape(self) -> Iterator[Shape]:
        """What the results have in common; as long as that is open, nobody else records one in this block.

        So of several workers whose first evaluations end at the same time, one has the first result.
        """
        if self.log.shape.is_complete:
            yield self.log.shape
            return
        with self.locked("journal"):
            self.refresh()
            yield self.log.shape

    def tell_news(self, wait: bool = False) -> None:
        """Tell observers what was recorded, in its order, unless a lock is held.

        An observer may record something itself, or wait for a thread that does: that is told when it is its turn, by
        whoever is telling already.

        Args:
            wait: Return only when everything is told, also by another thread; but not to an observer that asks for it.
        """
        with self._told:
            while wait and not self._depth and self._teller not in (None, threading.get_ident()):
                self._told.wait()
            if self._depth or self._teller is not None or not self._news:
                return
            self._teller = threading.get_ident()
        try:
            while True:
                with self._told:
                    if not self._news:
                        return
                    hook, arguments = self._news.popleft()
                if self._observers is None:
                    self._observers = Observers()
                self._observers.tell(hook, run=self, **arguments)
        finally:
            with self._told:
                self._teller = None
                self._told.notify_all()

    def record(self, *events: ev.Event, tells: bool = True) -> None:
        """Add events, take them in, show them to people, and tell the observers: the one way in.

        Once this returns they outlive the death of this process; and a power cut, too, unless they only say that trials
        were sampled, started, or reported something. Those cost nothing yet, and waiting for the disk twice a trial
        would be most of what a trial costs.

        Args:
            events: In order; all of them are added, or (after an error) none.
            tells: As for `locked`.

        Raises:
            StorageError: If they could not be stored.
        """
        self.check_writable()
        events = tuple(map(self.folder.lightened, events))
        while True:
            try:
                self._record(events, tells)
                return
            except LockLostError:
                if self._depth:  # what was found out under a lock that is held further out is void
                    raise

    def _record(self, events: tuple[ev.Event, ...], tells: bool) -> None:
        durable = not all(map(_is_cheap, events))
        shown = dict.fromkeys(event.id for event in events if isinstance(event, _SHOWN))
        with self.locked("journal", tells):  # nobody shows an older state after a newer one
            self.refresh()
            if 0 < self.log.format < ev.FORMAT:  # versions that don't know this one must not go on with it
                events = (ev.Created(ev.FORMAT, self.log.seed or 0, time.time()), *events)
            removed = {event.id: self.trials.get(event.id) for event in events if isinstance(event, ev.Deleted)}
            self.journal.append(events, durable)
            self.refresh()
            self.folder.remove(trial_id for trial_id in removed if trial_id not in self.trials)
            self.folder.remove_results(trial_id for trial_id in removed if trial_id in self.trials)
            try:
                self.folder.publish(self.log, shown)
            except OSError as reason:
                # Only for people, and written again when the run is opened the next time.
                logger.warning("The files of trial %s could not be written: %s", ", ".join(shown), reason)
            self._news.extend(self._of_interest(events, removed))

    def _of_interest(
        self, events: Iterable[ev.Event], removed: dict[str, Trial | None]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """What observers are told of events; of those that came too late and changed nothing, nothing."""
        for event in events:
            if isinstance(event, ev.Deleted):
                if (gone := removed[event.id]) is not None:
                    yield "neps_trial_removed", {"trial": gone}
                continue
            trial = self.trials.get(getattr(event, "id", None) or "")
            if trial is None:
                continue
            told: dict[str, Any] = {"trial": trial}
            if isinstance(event, ev.Started) and trial.metadata.time_started == event.time:
                yield "neps_trial_started", told
            elif isinstance(event, ev.Reported):
                last = event.points[-1][0]
                if trial.points and trial.points[-1].step == last and _is_of(trial, event.worker):
                    yield "neps_trial_reported", {**told, "step": last}
            elif isinstance(event, ev.Finished) and trial.metadata.time_end == event.time:
                yield "neps_trial_finished", told

    def tell(self, hook: str, **arguments: Any) -> None:
        """Tell all observers of something after all that was recorded before, and of which run."""
        with self._mutex:
            self._news.append((hook, arguments))
        self.tell_news(wait=True)

    # ------------------------------------------------------------------ as a whole

    @contextmanager
    def begun(
        self,
        space: SearchSpace | None,
        seed: int | None,
        overwrite: bool = False,
        worker_id: str = "",
        is_given: bool = True,
    ) -> Iterator[None]:
        """Create the run, or join it; and be one of its workers in this block.

        Those who start at the same moment do this one after the other. Of those who want to overwrite a run, the first
        one does, and those who waited for it join the new one.

        Args:
            space: The space; None to use the stored one.
            seed: The seed; None to use the stored one, or to draw one.
            overwrite: Whether to delete the run that is there.
            worker_id: What to be called; "" to be no worker.
            is_given: Whether the user gave the space, and so vouches for it; False for one that was stored.

        Raises:
            RunError: If there is no run and no space, or the run has another space or seed, or a worker is alive that
                is called so.
            StorageError: If the run can't be written, or must not be overwritten.
        """
        before = None
        if overwrite:
            self.folder.check_removable()
            before = self._created()
        if space is None and not self.journal.exists():
            raise RunError(f"there is no run in {self.root_directory} yet, so pipeline_space= is needed.")
        self.folder.create(is_run=lambda: overwrite or self.journal.exists())
        self.journal.create()
        with ExitStack() as stack:
            with self.locked("start"):
                if overwrite and self._created() == before:
                    self._destroy()
                self._begin(space, seed, is_given)
                if worker_id:
                    self.worker_id = worker_id
                    self._dismissals_before = len(self.log.dismissals)  # who asks a worker to leave waits for "start"
                    try:
                        stack.enter_context(self.locks.lease(worker_id))
                    except LeaseHeld:
                        raise RunError(
                            f"a worker with the id {worker_id!r} is alive in {self.root_directory}. "
                            "Give each worker an id of its own, or leave worker_id out."
                        ) from None
            yield

    def _created(self) -> ev.Event | None:
        """What tells the run from one that overwrites it; None if there is none that can be read."""
        try:
            events = self.journal.read(0)[0] if self.journal.exists() else []
        except StorageError:
            return None
        return next((event for event in events if isinstance(event, ev.Created)), None)

    def _begin(self, space: SearchSpace | None, seed: int | None, is_given: bool) -> None:
        with self.locked("journal"):
            self.refresh()
            self.folder.check_not_emptied(self.log)
            if self.log.seed is None:
                drawn = secrets.randbits(32) if seed is None else seed
                self.record(ev.Created(ev.FORMAT, drawn, time.time()))
            elif seed is not None and seed != self.log.seed:
                raise RunError(
                    f"the run in {self.root_directory} has the seed {self.log.seed}, and seed={seed} was given. "
                    "Leave it out: the workers of a run share one seed and still never repeat each other."
                )
            if space is not None:
                self._record_space(space, is_given)
            elif self.log.space is None:
                raise RunError(f"the run in {self.root_directory} has no space yet, so pipeline_space= is needed.")
            self._space = space

    def _record_space(self, space: SearchSpace, is_given: bool) -> None:
        """Record the space of a new run. Where there is one: that it is this one, and now this user's word, too."""
        document = _plain_document(space)
        if self.log.space is not None and (lines := documents.differences(self.log.space, document)):
            raise RunError(
                f"the space differs from the one of the run in {self.root_directory}:\n  "
                + "\n  ".join(lines)
                + "\nLeave pipeline_space out to go on with the stored one, or choose another root_directory."
            )
        # What was read from somebody else's file does not become one's own by being passed on.
        signature = trust.sign(document) if is_given and getattr(space, "is_own", True) else None
        if self.log.space is None:
            self.record(ev.SpaceRecorded(document, dict(getattr(space, "constants", {})), signature))
        elif self.log.space == document and signature not in (None, self.log.space_signature):
            self.record(ev.SpaceRecorded(self.log.space, self.log.constants, signature))

    def use(self, chosen: Chosen) -> None:
        """Record the optimizer, where it isn't the one in force; then show people what they miss.

        Raises:
            StorageError: If it can't be written, or a file that only shows was changed.
        """
        with self.locked("journal"):
            self.refresh()
            signature = trust.sign(trust.document_of(chosen.name, chosen.info))
            record = ev.OptimizerRecorded(chosen.name, chosen.info, chosen.details, signature)
            if chosen.details:
                logger.info("Optimizer %s: %s", chosen.name, chosen.details)
            last = self.log.optimizers[-1] if self.log.optimizers else None
            if last != record or signature not in (None, last.signature):
                self.record(record)
            try:
                self.folder.publish_run(self.log)
                self.folder.repair(self.log)
            except StorageError:  # somebody has changed one
                raise
            except OSError as reason:
                logger.warning("Files for people in %s could not be written: %s", self.root_directory, reason)

    def _destroy(self) -> None:
        """Delete the run, and everything in its folder.

        Raises:
            StorageError: If workers are alive in it.
        """
        if alive := self.locks.living_workers():
            names = ", ".join(alive)
            raise StorageError(f"workers are alive in {self.root_directory}: {names}. Stop them before overwriting it.")
        # The journal goes last: a crash on the way leaves a run that can be overwritten again.
        self.folder.clear()
        self.journal.destroy()
        self.journal.create()
        self._position = 0
        self.log = TrialLog()


def _is_cheap(event: ev.Event) -> bool:
    # What somebody enqueued, no optimizer proposes again.
    return isinstance(event, _CHEAP) and not (isinstance(event, ev.Sampled) and event.time is None)


def _is_of(trial: Trial, worker_id: str) -> bool:
    return trial.metadata.evaluating_worker_id == worker_id


def check_seed(seed: Any) -> int | None:
    """A seed as a Python number.

    Raises:
        RunError: If it is no whole number of at least 0, nor None.
    """
    seed = exact(seed)
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << 256):
        raise RunError(f"seed must be a whole number of at least 0 and below 2**256, not {results.shown(seed)}.")
    return seed


def _plain_document(space: SearchSpace) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(space.to_document()))
    return document


def open_run(location: str | Path, check: bool = False, observers: Any = None, storage: str | None = None) -> Run:
    """A run that exists, as it is now. Nothing is written.

    Args:
        location: Its `root_directory`.
        check: Hold the files at the top of the folder against the journal.
        observers: Who is told what happens, as for `neps.run`; the usual ones if None.
        storage: What it is kept in, if not in that folder; as for `neps.run`.

    Raises:
        FileNotFoundError: If there is no run.
        StorageError: If it can't be read, or (with `check`) a file was changed by somebody.
    """
    run = Run(open_storage(location, storage), None if observers is None else Observers(observers))
    if not run.journal.exists():
        if storage is None:
            raise FileNotFoundError(f"there is no run in {shown_location(location)}.")
        raise FileNotFoundError(
            f"there is no such run in {shown_location(storage)}. It is called as its root_directory is, or as "
            "?run=NAME at the end of the URL says."
        )
    run.refresh()
    if run.read_only is None:
        run.folder.check_not_emptied(run.log)
        if check:
            run.folder.check(run.log)
    return run
