"""Setting up a run: what has to be found out before anything is written, be it created or gone on with."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from attrs import frozen

from neps_core.errors import RunError, StorageError
from neps_core.observers import DEFAULT, Observers
from neps_core.optimizers.asking import Chosen
from neps_core.optimizers.choosing import choose, restore
from neps_core.run import Run
from neps_core.space_parsing import parse_space
from neps_core.spaces.protocol import SearchSpace
from neps_core.storage import open_storage


@frozen
class RunSetup:
    """A run that is about to be created or gone on with.

    Attributes:
        run: The run; nothing of it is written yet.
        space: The given space, or else the stored one.
        chosen: The given optimizer; for `"auto"` the run's own, or else one that suits the space.
    """

    run: Run
    space: SearchSpace
    chosen: Chosen
    _overwrite: bool
    _is_given: bool

    def begun(self, seed: int | None = None, worker_id: str = "") -> AbstractContextManager[None]:
        """Create the run, or join it, and be one of its workers in this block; see `Run.begun`."""
        return self.run.begun(self.space, seed, self._overwrite, worker_id, self._is_given)


def set_up(
    root_directory: str | Path,
    pipeline_space: Any,
    optimizer: Any,
    overwrite: bool,
    observers: Any = DEFAULT,
    trust_space: bool = False,
    storage: str | None = None,
) -> RunSetup:
    """Look at what is given and at what is stored.

    Args:
        root_directory: The run's folder.
        pipeline_space: The space; None for the stored one.
        optimizer: The optimizer, in any form; `"auto"` or None for the run's own, or one that is ready.
        overwrite: Whether to delete what is there, when it begins.
        observers: Who is told what happens; as for `neps.run`.
        trust_space: Whether what the stored space names may be imported and called, whoever wrote it.
        storage: What it is kept in, if not in the folder; as for `neps.run`.

    Raises:
        NePSError: If something can't be meant, or can't be had.
    """
    space = None if pipeline_space is None else parse_space(pipeline_space)
    optimizer = "auto" if optimizer is None else optimizer
    run = Run(open_storage(root_directory, storage), Observers(observers))
    if overwrite and run.read_only is not None:
        raise StorageError(f"{run.read_only} It is not overwritten, either: delete it yourself, if you mean to.")
    run.check_writable()
    if run.journal.exists() and not overwrite:
        run.refresh()
    if space is None:
        if run.log.space is None:
            raise RunError(f"there is no run to go on with in {run.root_directory}, so pipeline_space= is needed.")
        space = parse_space(run.stored_space(trust_space))
    recorded = run.log.optimizers[-1] if run.log.optimizers else None
    if recorded is not None and isinstance(optimizer, str) and optimizer == "auto":
        optimizer = restore(recorded)
    chosen = optimizer if isinstance(optimizer, Chosen) else choose(optimizer, space)
    return RunSetup(run, space, chosen, overwrite, pipeline_space is not None)
