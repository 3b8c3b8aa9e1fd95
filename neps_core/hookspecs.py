"""The hooks: everything that a plugin can give, or be told.

A plugin is a module (or an object) with functions of these names, marked with `@neps_core.hookimpl`, and
found through an entry point in the group `neps`. A function may leave out arguments that it doesn't
need. Hooks marked *first result* are asked one plugin after the other, the one registered last first,
until one answers with something other than None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from neps_core.budgets import BudgetSpec
    from neps_core.optimizers import OptimizerSpec, Selection
    from neps_core.run import Run
    from neps_core.spaces.protocol import SearchSpace
    from neps_core.storage import Storage
    from neps_core.trials import Trial
    from neps_core.worker import RunResult

PROJECT = "neps"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def neps_parse_space(space: Any) -> SearchSpace | None:
    """Make a search space of what a user gave as `pipeline_space` (first result).

    Args:
        space: Any object.

    Returns:
        The space; None if this kind of object is not yours.

    Raises:
        SpaceError: If it is yours and can't be meant; name the parameter.
    """


@hookspec(firstresult=True)
def neps_load_space(document: Mapping[str, Any]) -> Any:
    """Make again a space that was stored with a run (first result).

    Args:
        document: What the space's `to_document` gave: plain data, whose `format` names its kind.

    Returns:
        An object that `neps_parse_space` takes, of the kind that the user wrote; None if it is not yours.

    Raises:
        SpaceError: If it is yours and can't be read.
    """


@hookspec
def neps_example_spaces() -> Mapping[str, Any]:
    """Small spaces of the kind that this plugin brings, by what is special about them.

    `neps.testing.gallery` shows them, so every optimizer that is checked with `neps.testing.check_optimizer` is
    tried on them. A dozen trials should say something about a space: a few decisions, one thing that is special.

    Returns:
        Objects that `neps_parse_space` takes, by a name that no other plugin gives; none where a package that they
        need isn't installed.
    """


@hookspec
def neps_optimizers() -> Sequence[OptimizerSpec]:
    """The optimizers that this plugin brings, by name.

    Called whenever somebody asks for an optimizer, so it must be quick. Give the factory as `"module:attribute"` if
    its module is slow to import: it is imported when the optimizer is chosen.
    """


@hookspec(firstresult=True)
def neps_choose_optimizer(space: SearchSpace) -> Selection | None:
    """What `optimizer="auto"` means for a space (first result).

    Returns:
        A name, or a name with keywords as a tuple; None to leave the choice to another plugin.
    """


@hookspec
def neps_budgets() -> Sequence[BudgetSpec]:
    """The budgets that this plugin brings, by name.

    A user sets one with `neps.run(..., budgets={name: limit})`.
    """


@hookspec(firstresult=True)
def neps_open_storage(location: str) -> Storage | None:
    """Open what a run is kept in (first result). Nothing is created yet.

    Args:
        location: `root_directory` as text: a path, or something with a scheme (`memory://name`).

    Returns:
        The storage; None if such a location is not yours.
    """


@hookspec
def neps_run_started(run: Run) -> None:
    """A worker has joined a run. `run.trials`, `run.space` and `run.root_directory` are there to look at.

    An exception in this or another observer (the next three) is logged and does not stop the run.
    """


@hookspec
def neps_trial_started(run: Run, trial: Trial) -> None:
    """This worker is about to evaluate a trial."""


@hookspec
def neps_trial_finished(run: Run, trial: Trial) -> None:
    """A trial's result, good or bad, was recorded: by this worker, or by `save_pipeline_results`."""


@hookspec
def neps_run_finished(run: Run, result: RunResult) -> None:
    """This worker has left the run (`result.stopped_because` says why, an error too), or has not been one.

    Also called when trials were removed or imported by hand, so that what is made of the trials can be made again.
    """


@hookspec
def neps_commands(subparsers: _SubParsersAction[Any]) -> None:
    """Add commands to `neps`.

    Add a parser to `subparsers` and set its default `run` to a function that takes the parsed arguments,
    prints what there is to say, and returns the exit code.
    """
