"""The hooks: everything that a plugin can give, or be told.

A plugin is a module (or an object) with functions of these names, marked with `@neps_core.hookimpl`, and
found through an entry point in the group `neps`. A function may leave out arguments that it doesn't
need. Hooks marked *first result* are asked one plugin after the other, the one registered last first,
until one answers with something other than None. Whatever a plugin raises names it and harms no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neps_core.plugins import hookspec

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from neps_core.artifacts import Artifacts
    from neps_core.budgets import BudgetInfo, BudgetSpec
    from neps_core.executors import ExecutorSpec
    from neps_core.observers import ObserverSpec
    from neps_core.optimizers.spec import OptimizerSpec
    from neps_core.ranks import FollowingRank, LeadingRank
    from neps_core.run import Run
    from neps_core.run_result import RunResult
    from neps_core.selection import Selection
    from neps_core.spaces.protocol import Config, SearchSpace
    from neps_core.stopping import StoppingRuleSpec
    from neps_core.storage import Storage
    from neps_core.trials import Trial

#: The version of these hooks. It rises when a plugin that was written for an earlier one may have to be changed.
HOOK_VERSION = 1


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


@hookspec(firstresult=True)
def neps_read_config(space: SearchSpace, config: Mapping[str, Any]) -> Config | None:
    """Read a configuration in a notation of another framework (first result).

    Args:
        space: The space that it is one of.
        config: Names and values, as somebody has given or stored them.

    Returns:
        Its decisions by path; those of fidelities may be left out. None if this is no notation of yours.

    Raises:
        ConfigError: If it is yours, and no configuration of the space; name what does not fit.
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
def neps_open_storage(location: str, root_directory: Path | None) -> Storage | None:
    """Open what a run is kept in (first result). Nothing is created yet.

    Args:
        location: `root_directory` as text: a path, or something with a scheme (`memory://name`). Or `storage`, where
            that was given.
        root_directory: The folder of the run's files, where `storage` was given; it need not exist, and the storage's
            own `folder` is not used then. None if `location` is all that was given.

    Returns:
        The storage; None if such a location is not yours.
    """


@hookspec(firstresult=True)
def neps_open_artifacts(location: str) -> Artifacts | None:
    """Open a store for what evaluations leave in the folders of trials (first result). Nothing is written yet.

    Args:
        location: What a user gave as `artifacts`: a URL.

    Returns:
        The store; None if such a location is not yours.

    Raises:
        StorageError: If it is yours and can't be used.
    """


@hookspec(firstresult=True)
def neps_rank(storage: Storage, distributed: tuple[int, str] | None) -> LeadingRank | FollowingRank | None:
    """What this process is where several evaluate each trial together (first result).

    Asked by each `neps.run` before it writes anything, unless the user said `distributed=False`.

    Args:
        storage: What the run is kept in. It need not exist yet, and may be about to be overwritten.
        distributed: This process's rank and the name of its job (or ""), if the user gave them.

    Returns:
        A `neps_core.FollowingRank` if another process is the worker, a `neps_core.LeadingRank` if this one is; None to
        leave the answer to another plugin.

    Raises:
        RunError: If this process should follow and can't.
    """


@hookspec
def neps_observers() -> Sequence[ObserverSpec]:
    """The observers that this plugin brings, by name.

    A user chooses them with `neps.run(..., observers=[name, (name, {keyword: value})])`. An observer is an object with
    any of the methods `neps_run_started` to `neps_run_finished` below, which take what the hooks take, or less.
    A plugin that implements one of those hooks itself observes every run without being chosen.
    """


@hookspec
def neps_stopping_rules() -> Sequence[StoppingRuleSpec]:
    """The rules for stopping evaluations early that this plugin brings, by name.

    A user chooses one with `neps.run(..., stopping_rule=name)`; `neps_core.StoppingRule` says what one is.
    """


@hookspec
def neps_executors() -> Sequence[ExecutorSpec]:
    """The executors that this plugin brings, by name: engines that run evaluations elsewhere.

    A user chooses one with `neps.run(..., executor=name)`; `neps_core.Engine` says what its factory has to give.
    """


@hookspec
def neps_run_started(run: Run, budgets: BudgetInfo) -> None:
    """A worker has joined a run. `run.trials`, `run.space` and `run.root_directory` are there to look at.

    All observers are told once of each thing, by the process that caused it, after it was recorded. An exception in
    one is logged, the first time that it raises here, and stops nothing.

    Args:
        run: The run.
        budgets: What may be spent, and what is spent already.
    """


@hookspec
def neps_trial_started(run: Run, trial: Trial) -> None:
    """A trial is about to be evaluated."""


@hookspec
def neps_trial_reported(run: Run, trial: Trial, step: float) -> None:
    """A trial has reported intermediate results; `trial.points` are all of them.

    Results that follow each other quickly are told together.

    Args:
        run: The run.
        trial: The trial as it is now: what is reported last may be told when it has finished.
        step: The last one.
    """


@hookspec(firstresult=True)
def neps_send_report(objective: Any, step: float | None, cost: float | None, extra: Mapping[str, Any]) -> bool | None:
    """Send what `neps.report` was given to the worker, from a process that evaluates no trial itself (first result).

    The arguments are those of `neps.report`, as they were given.

    Returns:
        Whether the evaluation is to go on; None if this process is no part of an evaluation, as far as you know.

    Raises:
        ResultError: If the worker refuses the report, or does not answer.
    """


@hookspec
def neps_trial_finished(run: Run, trial: Trial) -> None:
    """A trial's result, good or bad, was recorded: by a worker, as given up after its workers died, by
    `save_pipeline_results`, or by an import.
    """


@hookspec
def neps_trial_removed(run: Run, trial: Trial) -> None:
    """A trial was removed (`neps clean`); `trial` is what it was."""


@hookspec
def neps_run_finished(run: Run, result: RunResult) -> None:
    """This worker has left the run (`result.stopped_because` says why, an error too), or has not been one.

    Also told when trials were removed or imported by hand, so that what is made of the trials can be made again.
    """


@hookspec(firstresult=True)
def neps_as_html(thing: Any) -> str | None:
    """Show something in a notebook (first result): a `RunResult`, a `Trial`, trials by id, an optimizer, or yours.

    Anything may ask for it, by the base class `neps_core.Shown`. Everything that comes from
    users (values, names, errors) has to be escaped, and 10,000 trials have to be as short as ten.

    Returns:
        HTML, with no script in it; None if this kind of thing is not yours.
    """


@hookspec
def neps_commands(subparsers: _SubParsersAction[Any]) -> None:
    """Add commands to `neps`.

    Add a parser to `subparsers` and set its default `run` to a function that takes the parsed arguments,
    prints what there is to say, and returns the exit code.
    """
