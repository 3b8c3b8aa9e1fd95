"""The folder of a run: a folder for each trial, and files for people, whatever the run itself is kept in.

The files are made from the log and never read back by a run. The three at the top (space, optimizer, shared state)
are held against the log when a run is opened, so that somebody who edits one is told that it has no effect. They are
compared byte for byte, never parsed.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve, fields

from neps_core.errors import StorageError
from neps_core.events import FORMAT, Event, Finished
from neps_core.files import TEMPORARY, check_no_link, holds, make_directory, overwrite, to_yaml, write_atomically
from neps_core.large import KEY, StoredList, lightened, shown_curve, whole
from neps_core.tables import METADATA
from neps_core.trial_log import TrialLog
from neps_core.trials import Report, Trial

logger = logging.getLogger("neps.run_folder")

#: Where storages keep what is not for people.
INNER = ".neps"

#: How many of the trials that changed last are held against the log word for word when a run begins: a crash can have
#: come between the log and the files of those only.
RECENT = 100

#: The files of a finished trial.
FILES = ("config.yaml", "metadata.json", "report.yaml")

#: What a trial of a multi-fidelity optimizer has besides; it never changes, like `config.yaml`.
PREVIOUS = "previous_trial_id.txt"

#: The ids that trials get from us and from our optimizers.
OUR_ID = re.compile(r"[0-9]+(_rung_[0-9]+)?")

_REPORT = [f.name for f in fields(Report)]
#: Fields that few reports have, and the files of the others don't show.
_SELDOM = {"objective_names", "constraints", "constraint_names"}


class RunFolder:
    """The folder of one run.

    Args:
        root: The folder, which need not exist. None for one that is made when a trial needs it and goes with this
            object; nothing is shown to people there.
        kept_in: Where the run is kept, in words, if that is not the folder. Other hosts may see the run and not the
            folder then, so that nothing of the run itself may be in it.
    """

    def __init__(self, root: Path | None = None, kept_in: str | None = None) -> None:
        self._root = None if root is None else root.expanduser().absolute()
        self._kept_in = kept_in
        self._is_for_people = root is not None

    def __str__(self) -> str:
        return str(self._root) if self._is_for_people else self._kept_in or "memory"

    @property
    def root_directory(self) -> Path:
        """The folder."""
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="neps-"))
            weakref.finalize(self, _remove, self._root, os.getpid())
        return self._root

    # ------------------------------------------------------------------ as a whole

    def create(self, is_run: Callable[[], bool]) -> None:
        """Make the folder.

        Args:
            is_run: Says whether a run is stored already. Another one may be making it at this moment.

        Raises:
            StorageError: If that's impossible, or somebody else's run is in it.
        """
        if not self._is_for_people:
            return
        root = self.root_directory
        if root.exists() and not root.is_dir():
            raise StorageError(f"the root directory {root} is a file. Choose another folder.")
        is_shown = (root / "optimizer_info.yaml").exists()
        if is_shown and self._kept_in and not is_run():
            raise StorageError(
                f"{root} shows a run that is not in {self._kept_in}. Check storage=, or choose another root_directory."
            )
        if is_shown and not is_run():
            raise StorageError(
                f"{root} holds a run of another version of this framework, which has no journal, or one that is kept "
                "in a database (give storage= then). Choose another folder; the old one is left as it is."
            )
        with as_storage_error(f"can't create a run in {root}", "Choose a folder that you may write to"):
            (root / "configs").mkdir(parents=True, exist_ok=True)
            if self._kept_in:
                (root / INNER).mkdir(exist_ok=True)  # says that this is a run's folder

    def check_not_emptied(self, log: TrialLog) -> None:
        """Make sure that a run without a beginning has none because it is new.

        Raises:
            StorageError: If there are folders of trials.
        """
        if log.format or log.space is not None or log.trials or not self._is_for_people:
            return
        folder = self.root_directory / "configs"
        lost = [path.name for path in folder.glob("config_*")] if folder.is_dir() else []
        if lost and self._kept_in:
            raise StorageError(
                f"{self.root_directory} has folders of {len(lost)} trial(s), and the run in {self._kept_in} has no "
                "trials: it is another one, or somebody has emptied it. Check storage=, or choose another "
                "root_directory."
            )
        if lost:
            raise StorageError(
                f"the journal of the run in {self.root_directory} is empty, and there are folders of {len(lost)} "
                "trial(s): somebody has emptied it. Put a copy of it back, or make it again from these folders with "
                f"'neps repair {self.root_directory}'."
            )

    def check_removable(self) -> None:
        """Make sure that `clear` deletes nothing but a run.

        Raises:
            StorageError: If the folder is not empty and does not look like a run.
        """
        if not self._is_for_people:
            return
        root = self.root_directory
        if not root.exists():
            return
        if not root.is_dir():
            raise StorageError(f"the root directory {root} is a file, not a run; it is not overwritten.")
        names = {path.name for path in root.iterdir()}  # before the rest, as another one may be making it
        begins = names == {"configs"} and not any((root / "configs").iterdir())
        is_run = begins or (root / INNER).is_dir() or {"configs", "optimizer_info.yaml"} <= names
        if names and not is_run:
            raise StorageError(
                f"{root} is not empty and does not look like a run, so it is not deleted. "
                "Check root_directory=, or delete the folder yourself."
            )

    def clear(self) -> None:
        """Delete everything in the folder but what is the storage's.

        Raises:
            StorageError: If that's impossible.
        """
        root = self.root_directory
        if not root.is_dir():
            return
        with as_storage_error(f"can't delete {root}", "Delete it yourself"):
            for path in root.iterdir():  # not the folder itself, which may be a symbolic link
                if path.name == INNER:  # the storage's, with the locks that are held
                    continue
                if path.name == "configs" and not path.is_symlink():  # others may be about to use it
                    for directory in path.iterdir():
                        _delete(directory)
                else:
                    _delete(path)

    # ------------------------------------------------------------------ trials

    def trial_directory(self, trial_id: str) -> Path:
        """The folder of a trial, which exists when this returns.

        Raises:
            StorageError: If it can't be made, or is a symbolic link.
        """
        directory = self._directory(trial_id)
        with as_storage_error(f"can't make {directory}", "Check the folder and its permissions"):
            return Path(self._make_directory(trial_id))

    def _directory(self, trial_id: str) -> str:
        return f"{self.root_directory}/configs/config_{trial_id}"

    def _make_directory(self, trial_id: str) -> str:
        directory = self._directory(trial_id)
        make_directory(directory)
        return directory

    def lightened(self, event: Event) -> Event:
        """An event as it goes into the journal: what is large in it is stored in its trial's folder, and durably.

        What can't be stored there stays in the event.
        """
        if not self._is_for_people or self._kept_in:  # the folder is this process's or this host's, and the run isn't
            return event
        try:
            return lightened(event, partial(self._put, getattr(event, "id", "")))
        except OSError as reason:
            logger.warning("What is large in a result stays in the journal: %s", reason)
            return event

    def _put(self, trial_id: str, name: str, text: str) -> str:
        write_atomically(f"{self._make_directory(trial_id)}/{name}", text, durable=True)
        return f"configs/config_{trial_id}/{name}"

    def resolved(self, events: Iterable[Event]) -> Iterator[Event]:
        """Events as they come from the journal, with learning curves that are read when they are looked at."""
        for event in events:
            if isinstance(event, Finished) and isinstance(event.report.learning_curve, Mapping):
                path = str(event.report.learning_curve.get(KEY))
                curve = StoredList(self.root_directory, path)
                yield evolve(event, report=evolve(event.report, learning_curve=curve))
            else:
                yield event

    def whole(self, event: Event) -> Event:
        """An event of the journal with what is large in it, as it was before `lightened`.

        Raises:
            StorageError: If that can't be read.
        """
        return whole(event, self.root_directory) if self._is_for_people else event

    def publish(self, log: TrialLog, trial_ids: Iterable[str]) -> None:
        """Show the present state of trials to people. Called under the lock `"journal"`.

        Args:
            log: What has happened.
            trial_ids: Which; what is no trial (any more) is left out.

        Raises:
            OSError: If it can't be written.
        """
        if not self._is_for_people:
            return
        for trial in (log.trials[trial_id] for trial_id in trial_ids if trial_id in log.trials):
            directory = self._make_directory(trial.id)
            files = _files_of(trial, log.constants)
            # After a power cut the folder may hold the configuration of a trial that the journal has lost.
            if trial.report is None or not os.path.exists(f"{directory}/config.yaml"):
                for name in (PREVIOUS, "config.yaml"):
                    if name in files:
                        write_atomically(f"{directory}/{name}", files[name]())
            overwrite(f"{directory}/metadata.json", files["metadata.json"]())
            if trial.report is not None:
                write_atomically(f"{directory}/report.yaml", files["report.yaml"]())

    def remove(self, trial_ids: Iterable[str]) -> None:
        """Delete the folders of trials."""
        for trial_id in trial_ids:
            directory = self._directory(trial_id)
            if os.path.islink(directory):  # noqa: PTH114 - what it leads to is not ours
                with suppress(OSError):
                    os.unlink(directory)
            else:
                shutil.rmtree(directory, ignore_errors=True)

    def remove_results(self, trial_ids: Iterable[str]) -> None:
        """Delete the results that are shown of trials which will be evaluated once more; what is theirs stays."""
        for trial_id in trial_ids:
            with suppress(OSError):
                os.unlink(f"{self._directory(trial_id)}/report.yaml")

    # ------------------------------------------------------------------ the run

    def publish_run(self, log: TrialLog, replaces: bool = False) -> None:
        """Show the run's space, optimizer and seed. Called under the lock `"journal"`.

        Args:
            log: What has happened.
            replaces: Whether to replace what somebody has changed.

        Raises:
            StorageError: If what was shown before was changed by somebody.
            OSError: If it can't be written.
        """
        if not replaces:
            self.check(log)
        for path, versions in self._of_run(log):
            if not holds(path, versions[-1]):
                write_atomically(path, versions[-1])

    def check(self, log: TrialLog) -> None:
        """Hold the files at the top against the log; changes nothing.

        Raises:
            StorageError: If one was changed by somebody.
        """
        for path, versions in self._of_run(log):
            # A file that shows an earlier version is just behind, an empty one was cut off by a power cut.
            with as_storage_error(f"can't read {path}", "Delete it to have it written again"):
                shows = os.path.lexists(path) and path.lstat().st_size
                is_ours = not shows or any(holds(path, version) for version in versions)
            if not is_ours:
                raise StorageError(
                    f"{path} was changed since it was written. It only shows what the run's journal holds, so a change "
                    "has no effect, and it is not read: delete it to have it written again, or start a new run with "
                    "other settings."
                )

    def _of_run(self, log: TrialLog) -> Iterator[tuple[Path, list[bytes]]]:
        """The files at the top, and what each has held over time, oldest first."""
        if not self._is_for_people:
            return
        root = self.root_directory
        if log.space is not None:
            yield root / "pipeline_space.yaml", [_encoded(to_yaml(log.space))]
        if log.optimizers:
            records = [
                {"name": r.name, "info": r.info, **({"details": r.details} if r.details else {})}
                for r in log.optimizers
            ]
            yield root / "optimizer_info.yaml", [_encoded(to_yaml(record)) for record in records]
            formats = range(1, FORMAT + 1)  # it was written in an earlier one, perhaps
            states = [{"format": f, "seed": log.seed, "optimizer": record} for record in records for f in formats]
            yield root / "optimizer_state.pkl", [pickle.dumps(state, protocol=4) for state in states]

    def _tidy(self, log: TrialLog) -> None:
        """Delete what a crash can have left: half-made files, and folders of trials that the journal doesn't have."""
        root = self.root_directory
        ours = [root / f"{path.name}{TEMPORARY}" for path, _ in self._of_run(log)]
        for path in (*ours, *(root / INNER).glob(f"*{TEMPORARY}")):
            path.unlink(missing_ok=True)
        for name in os.listdir(root / "configs") if (root / "configs").is_dir() else ():  # noqa: PTH208 - many, quickly
            trial_id = name.removeprefix("config_")
            if trial_id == name or trial_id in log.trials:
                continue
            folder = root / "configs" / name
            if trial_id in log.removed or (not (folder / "report.yaml").exists() and _is_ours(trial_id, folder)):
                shutil.rmtree(folder, ignore_errors=True)  # sampled just before a power cut, or removed before a crash
            elif (folder / "report.yaml").exists():
                logger.warning(
                    "%s holds the result of a trial that the journal does not have; 'neps repair %s' takes it back.",
                    folder,
                    root,
                )

    def repair(self, log: TrialLog, thorough: bool = False) -> list[str]:
        """Write the files of trials again that are missing or show something else than the log.

        Called under the lock `"journal"`.

        Args:
            log: What has happened.
            thorough: Look into every file. Otherwise into those that a crash can have left behind: of trials that are
                not finished, or changed last; of all others it is enough that they are there.

        Returns:
            The ids of the trials some of whose files were written.

        Raises:
            OSError: If one can't be written.
        """
        if not self._is_for_people:
            return []
        self._tidy(log)
        recent = set(log.trials.changes[-RECENT:])
        mended = []
        for trial in log.trials.values():
            directory = self._directory(trial.id)
            looks = thorough or not trial.state.is_finished or trial.id in recent
            if not looks and all(os.path.exists(f"{directory}/{name}") for name in FILES):
                continue
            check_no_link(directory)
            files = _files_of(trial, log.constants).items()
            for path in Path(directory).glob(f"**/*{TEMPORARY}"):
                path.unlink(missing_ok=True)
            wrong = [(name, content) for name, content in files if not _holds(f"{directory}/{name}", content)]
            if trial.report is None and os.path.exists(f"{directory}/report.yaml"):  # of a result that was never stored
                os.unlink(f"{directory}/report.yaml")
            if wrong:
                self._make_directory(trial.id)
                for name, content in wrong:
                    write_atomically(f"{directory}/{name}", content())
                mended.append(trial.id)
        return mended


def _is_ours(trial_id: str, folder: Path) -> bool:
    """Whether a folder is one of ours by its name or its content, and no copy that somebody has made."""
    known = {name + ending for name in (*FILES, PREVIOUS) for ending in ("", TEMPORARY)}
    return OUR_ID.fullmatch(trial_id) is not None or (folder.is_dir() and {p.name for p in folder.iterdir()} <= known)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _remove(folder: Path, pid: int) -> None:
    if os.getpid() == pid:  # a forked child leaves it to its parent
        shutil.rmtree(folder, ignore_errors=True)


#: Gives the content of a file when it is wanted.
_Content = Callable[[], str]


def _files_of(trial: Trial, constants: Mapping[str, Any]) -> Mapping[str, _Content]:
    """The files of a trial by name."""
    metadata = {"id": trial.id, "state": trial.state.value, **{key: getattr(trial.metadata, key) for key in METADATA}}
    if trial.superseded:
        metadata["superseded"] = [_shown(report) for report in trial.superseded]
    files: dict[str, _Content] = {
        "config.yaml": partial(to_yaml, {**constants, **trial.config}),
        "metadata.json": partial(json.dumps, metadata, indent=2),
    }
    if (previous := trial.metadata.previous_trial_id) is not None:
        files[PREVIOUS] = partial(str, previous)
    if trial.report is not None:
        report = _shown(trial.report)
        report["learning_curve"] = shown_curve(report["learning_curve"])
        files["report.yaml"] = partial(to_yaml, report)
    return files


def _shown(report: Report) -> dict[str, Any]:
    values = ((key, getattr(report, key)) for key in _REPORT)
    return {key: value for key, value in values if value is not None or key not in _SELDOM}


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _holds(path: str, content: _Content) -> bool:
    with suppress(OSError):
        return holds(path, _encoded(content()))
    return False


@contextmanager
def as_storage_error(what: str, advice: str) -> Iterator[None]:
    """Turn an error of the operating system into one that says what was tried and what to do.

    Raises:
        StorageError: In place of any other `OSError`.
    """
    try:
        yield
    except OSError as reason:
        if isinstance(reason, StorageError):
            raise
        raise StorageError(f"{what}: {reason.strerror or reason}. {advice}.") from reason
