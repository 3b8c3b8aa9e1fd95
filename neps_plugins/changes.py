"""Changes to a run from outside, while workers work on it or not. Each is an event in its journal."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from neps_core import events as ev
from neps_core.errors import ConfigError, NePSError, RunError, TrialError
from neps_core.optimizers.asking import Chosen
from neps_core.optimizers.choosing import choose, restore
from neps_core.results import shown
from neps_core.run import Run, check_seed, open_run
from neps_core.run_setup import set_up
from neps_core.run_status import running
from neps_core.space_parsing import parse_space, read_config
from neps_core.spaces.protocol import Config, SearchSpace
from neps_core.spaces.sources import check_mapping, replay
from neps_core.trials import SampledConfig, State, Trial, check_id, number_of

logger = logging.getLogger("neps.changes")

#: What names all workers of a run that are alive.
ALL = "all"


def enqueue(
    root_directory: str | Path,
    configs: Mapping[str, Any] | Iterable[Mapping[str, Any]],
    pipeline_space: Any = None,
    optimizer: Any = "auto",
    again: bool = False,
    trust_space: bool = False,
    seed: int | None = None,
    storage: str | None = None,
) -> list[str]:
    """Have configurations evaluated before anything that the optimizer proposes: a first guess, a colleague's idea.

    The workers of the run, those of now or those to come, take them next, in this order. They count towards budgets as
    any other, the optimizer learns from them, and what it would have proposed it proposes after them. Doing this twice
    changes nothing: a configuration that is there already, fidelity included, is passed over.

    Args:
        root_directory: The run's folder.
        configs: The configurations, or a single one: in stored form, or plain arguments (enough for a flat space). One
            that leaves out a fidelity begins where the optimizer begins its own: at the lowest rung of brackets, from
            which it may be promoted, and at the highest fidelity if the optimizer has no rungs.
        pipeline_space: The space, to create the run if there is none.
        optimizer: What a run that is created shall use; as for `run`.
        again: Evaluate what is there already once more.
        trust_space: Whether what the space in the folder names may be imported and called, as for `run`.
        seed: That of a run that is created; as for `run`, which takes no other one afterwards.
        storage: What the run is kept in, if not in the folder; as for `run`.

    Returns:
        The ids of the trials, one for each configuration; of what is there already, that of the first such trial.

    Raises:
        FileNotFoundError: If there is no run, and no space to create one.
        ConfigError: If a configuration does not fit the space; the message says which, and why. Then none is added.
        NePSError: As `run` does for a space, an optimizer or a folder that can't be used.
    """
    if pipeline_space is None:
        run = open_run(root_directory, storage=storage)
        run.check_writable()
        space = parse_space(run.stored_space(trust_space))
        chosen = _optimizer_of(run, space)
        decisions = _decisions(space, chosen, configs)
    else:
        setup = set_up(
            root_directory, pipeline_space, optimizer, overwrite=False, trust_space=trust_space, storage=storage
        )
        run, chosen = setup.run, setup.chosen
        decisions = _decisions(setup.space, chosen, configs)
        with setup.begun(check_seed(seed)):
            run.use(setup.chosen)
    return _add(run, chosen, decisions, again)


def _optimizer_of(run: Run, space: SearchSpace) -> Chosen | None:
    """The run's optimizer, to be asked where configurations begin; None if it can't be had and need not be asked."""
    try:
        return choose(restore(run.log.optimizers[-1]) if run.log.optimizers else "auto", space)
    except NePSError:
        if space.fidelities:
            raise
        return None


def _decisions(space: SearchSpace, chosen: Chosen | None, configs: Any) -> list[Config]:
    """Configurations in stored form, complete and within the space.

    Raises:
        ConfigError: If one is not.
    """
    if isinstance(configs, Mapping):
        configs = [configs]
    if isinstance(configs, (str, bytes)) or not isinstance(configs, Iterable):
        raise ConfigError(f"configs must be a list of configurations, not {shown(configs)}.")
    first = {path: getattr(domain, "upper", None) for path, domain in space.fidelities.items()}
    if chosen is not None:
        first.update(getattr(chosen.optimizer, "begins_at", {}))
    decisions = []
    for i, config in enumerate(configs):
        try:
            check_mapping("the configuration", config)
            decisions.append(replay(space, {**first, **read_config(space, config)}).config)
        except ConfigError as reason:
            raise ConfigError(f"configs[{i}] = {shown(config)}: {reason} Nothing was enqueued.") from None
    return decisions


def _add(run: Run, chosen: Chosen | None, configs: Sequence[Config], again: bool) -> list[str]:
    """Add those that are not there yet, as trials that nobody proposed."""
    with run.locked("sampling"):
        run.refresh()
        known = {} if again else _first_of_each(run.trials.values())
        new: dict[int, Config] = {}
        firsts: dict[frozenset[tuple[str, Any]], int] = {}
        for i, config in enumerate(configs):
            if again or (_key(config) not in known and firsts.setdefault(_key(config), i) == i):
                new[i] = config
        given = list(new.values())
        named = [SampledConfig(each) for each in given] if chosen is None else chosen.imported(given, run.trials)
        number = max([run.log.highest_number, *(number_of(each.id or "") for each in named)])
        ids: dict[int, str] = {}
        for i, each in zip(new, named):
            number += each.id is None
            ids[i] = str(number) if each.id is None else each.id
        if ids:
            run.record(
                *(
                    ev.Sampled(ids[i], dict(each.config), previous=each.previous_config_id)
                    for i, each in zip(ids, named)
                )
            )
        logger.info("%d of %d configurations were enqueued in %s.", len(ids), len(configs), run.root_directory)
    return [ids[i] if i in ids else known.get(_key(each)) or ids[firsts[_key(each)]] for i, each in enumerate(configs)]


def _first_of_each(trials: Iterable[Trial]) -> dict[frozenset[tuple[str, Any]], str]:
    known: dict[frozenset[tuple[str, Any]], str] = {}
    for trial in trials:
        known.setdefault(_key(trial.config), trial.id)
    return known


def _key(config: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
    return frozenset(config.items())


def requeue(run: Run, trial_id: Any) -> Trial:
    """Put a trial back that went wrong, whose worker is dead, or whose asynchronous result will never come.

    Args:
        run: The run.
        trial_id: The trial's id. Its folder keeps what `evaluate_pipeline` has put there, such as checkpoints.

    Returns:
        The trial, which is pending.

    Raises:
        StorageError: If the run can only be looked at.
        TrialError: If there is no such trial, it has a result that is none of an error, or it is pending or being
            evaluated.
    """
    run.check_writable()
    with run.locked("sampling"):
        run.refresh()
        trial = run.trial(trial_id)
        alive = [each.worker for each in running(run) if each.trial.id == trial.id and each.is_alive]
        if alive:
            raise TrialError(f"trial {trial.id} is being evaluated by worker {alive[0]}. Stop the worker first.")
        if trial.state not in (State.EVALUATING, State.FAILED, State.CRASHED):
            raise TrialError(
                f"trial {trial.id} is {trial.state.value}. What can be put back is a trial that failed or crashed, or "
                "one whose worker is dead."
            )
        if trial.state is State.EVALUATING and not trial.metadata.is_asynchronous:
            worker = trial.metadata.evaluating_worker_id
            run.record(ev.Requeued(trial.id, time.time(), "somebody put it back", orderly=True, worker=worker))
        else:
            of, note_of_it = trial.metadata, run.log.notes.get(trial.id)
            sampled = ev.Sampled(
                trial.id, dict(trial.config), of.time_sampled, of.sampling_worker_id, of.previous_trial_id
            )
            notes = [] if note_of_it is None else [ev.Noted(trial.id, note_of_it, time.time())]
            run.record(ev.Deleted(trial.id), sampled, *notes)
    return run.trials[trial.id]


def stop_worker(run: Run, worker_id: str | None = None) -> list[str]:
    """Ask a worker to leave after its present evaluation. One that is started later is not meant.

    Args:
        run: The run.
        worker_id: Who; None or `"all"` for all that are alive now.

    Returns:
        The ids of those that were asked.

    Raises:
        StorageError: If the run can only be looked at.
        RunError: If no such worker is alive.
    """
    run.check_writable()
    with run.locked("start"):  # nobody becomes a worker meanwhile
        alive = run.locks.living_workers()
        if worker_id is None or worker_id == ALL:
            asked = alive
        elif check_id("worker_id", worker_id, RunError) in alive:
            asked = [worker_id]
        else:
            names = ", ".join(alive) or "none"
            raise RunError(f"no worker {worker_id!r} is alive in {run.root_directory}. Those that are: {names}.")
        if asked:
            run.record(*(ev.Dismissed(worker, time.time()) for worker in asked))
    return asked


def note(run: Run, trial_id: Any, text: str) -> None:
    """Remark something on a trial, in place of what was remarked before; `run.log.notes` has it.

    Args:
        run: The run.
        trial_id: The trial's id.
        text: At most 10,000 characters; empty to take back what was remarked.

    Raises:
        StorageError: If the run can only be looked at.
        TrialError: If there is no such trial, or that is no such text.
    """
    if not isinstance(text, str) or len(text) > ev.LONGEST_NOTE:
        raise TrialError(f"a note must be a text of at most {ev.LONGEST_NOTE:,} characters, not {shown(text)}.")
    run.check_writable()
    run.refresh()
    run.record(ev.Noted(run.trial(trial_id).id, text, time.time()))
