"""A run is its events: in another place they are the same run."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from neps_core.errors import NePSError, StorageError
from neps_core.run import Run
from neps_core.storage import shown_location, storage_at

#: Events that are written together.
BATCH = 500


def copy_run(source: str | Path, target: str | Path) -> Run:
    """Copy a run, as it is now, from one storage to another: of a folder, a database, or what a plugin knows.

    Args:
        source: Where it is: a folder, or the URL of a database, with `?run=NAME` if that holds several runs.
        target: Where it shall be. The URL of a database gets the name of the source's folder if it has no
            `?run=NAME`. A folder also gets the files for people; what `evaluate_pipeline` has put into the folders of
            trials stays where it is.

    Returns:
        The copy.

    Raises:
        FileNotFoundError: If there is no run to copy.
        StorageError: If there is a run at the target, or either can't be used. Nothing is left there then. If this
            process dies on the way, there is the whole run, or one in which nothing has happened yet: copy it again.
    """
    old = storage_at(str(source))
    if not old.journal.exists():
        raise FileNotFoundError(f"there is no run in {shown_location(source)}.")
    if "://" in str(target) and "://" in str(source) and "run=" not in str(target):
        raise NePSError(f"say what the copy is called: {shown_location(target)}?run=NAME")
    new = storage_at(str(target), None if "://" in str(source) else Path(source).expanduser().absolute())
    if new.read_only is not None or (new.journal.exists() and new.journal.read(0)[0]):
        raise StorageError(f"there is a run in {shown_location(target)} already. Choose another place for the copy.")
    new.folder.create(is_run=new.journal.exists)
    new.journal.create()
    with new.locks.lock("start"), new.locks.lock("journal"):
        if new.journal.read(0)[0]:
            raise StorageError(f"somebody has just made a run in {shown_location(target)}.")
        try:
            events = (new.folder.lightened(old.folder.whole(event)) for event in old.journal.read(0)[0])
            new.journal.fill(iter(lambda: list(islice(events, BATCH)), []))
        except BaseException:
            new.journal.destroy()
            raise
        run = Run(new)
        run.refresh()
        run.folder.publish_run(run.log)
        run.folder.repair(run.log, thorough=True)
    return run
