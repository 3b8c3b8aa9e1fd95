"""Whether a plugin keeps the contract: one call each for spaces and optimizers (`storage_check` has storages).

Each check raises `AssertionError` with what was broken and the smallest example at hand. They take seconds,
and need no test framework.
"""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from neps_core import events as ev
from neps_core.budgets import BudgetInfo
from neps_core.errors import NePSError, NePSWarning, OptimizerError, SpaceError
from neps_core.optimizers.asking import Chosen
from neps_core.optimizers.choosing import choose
from neps_core.plugins import plugins
from neps_core.sampling import sample
from neps_core.space_parsing import load_space, parse_space
from neps_core.spaces.identity import canonical
from neps_core.spaces.protocol import SearchSpace
from neps_core.spaces.sources import Prior, Uniform, replay
from neps_core.spaces.variation import crossover, mutate, neighbours
from neps_core.trial_log import TrialLog
from neps_core.trials import Report, State


def gallery() -> dict[str, Any]:
    """Small spaces of every installed kind, by what is special about them.

    Returns:
        Things that may be given as `pipeline_space`: what the plugins give through `neps_example_spaces`. A
        name that two of them use is followed by the plugin's own for the second. A plugin that raises is left out,
        with a warning.
    """
    spaces: dict[str, Any] = {}
    for implementation in reversed(plugins.hook.neps_example_spaces.get_hookimpls()):  # as all hooks are called
        try:
            given = dict(implementation.function())
        except Exception as error:  # a plugin's code, so anything
            warnings.warn(
                f"plugin {implementation.plugin_name!r} gave no example spaces: {error!r}", NePSWarning, stacklevel=2
            )
            continue
        for name, space in given.items():
            spaces[f"{name} ({implementation.plugin_name})" if name in spaces else name] = space
    return spaces


# ---------------------------------------------------------------------- spaces


def check_space(space: Any, n: int = 50, seed: int = 0) -> None:
    """Check that a space does what optimizers and workers rely on.

    Args:
        space: Anything that may be given as `pipeline_space`.
        n: How many configurations to try.
        seed: Of what is random here.

    Raises:
        AssertionError: Saying what was broken.
        SpaceError: If it is no space.
    """
    parsed = parse_space(space)
    document = json.loads(json.dumps(parsed.to_document()))
    assert isinstance(document.get("format"), str), f"to_document() has no 'format': {document}"
    loaded = parse_space(load_space(json.loads(json.dumps(document)), trusted=True))
    again = json.loads(json.dumps(loaded.to_document()))
    assert again == document, f"the loaded space has another document:\n{document}\n{again}"
    rng = np.random.default_rng(seed)
    configs = []
    for source in (Uniform(rng), Prior(rng)):
        for _ in range(n):
            configs.append(_check_config(parsed, loaded, parsed.resolve(source).config))
    for a, b in itertools.islice(itertools.pairwise(configs), n):
        for child in (
            mutate(parsed, a, rng),
            crossover(parsed, a, b, rng),
            *itertools.islice(neighbours(parsed, a, rng), 5),
        ):
            _check_config(parsed, loaded, child.config)
    first, second = ([parsed.resolve(Uniform(np.random.default_rng(seed))).config for _ in range(3)] for _ in range(2))
    assert first == second, f"the same randomness gave {first} and {second}"


def _check_config(space: SearchSpace, loaded: SearchSpace, config: Mapping[str, Any]) -> dict[str, Any]:
    stored = json.loads(json.dumps(dict(config)))
    assert stored == config, f"the configuration changes when it is stored: {config} became {stored}"
    for each, name in ((space, "replayed"), (loaded, "replayed in the loaded space")):
        assert replay(each, stored).config == config, f"{config} {name} is {replay(each, stored).config}"
    assert canonical(space, dict(reversed(stored.items()))) == config, f"the order of {config} makes a difference"
    missing = [name for name, always in space.argument_names.items() if always]
    arguments = replay(space, stored).arguments()
    for name in missing:
        assert name in arguments, f"{config} has no argument {name!r}, which argument_names says is always there"
    for name in arguments:
        assert name in space.argument_names, f"{config} has the argument {name!r}, which argument_names does not know"
    return dict(config)


# ---------------------------------------------------------------------- optimizers


def check_optimizer(
    factory: Any,
    *,
    spaces: Mapping[str, Any] | None = None,
    n_trials: int = 12,
    keywords: Mapping[str, Any] | None = None,
    n_objectives: Sequence[int] = (1, 2, 3),
) -> None:
    """Check that an optimizer keeps the contract, on spaces of every kind.

    It must propose valid configurations; the same ones for the same trials, budget and randomness, whether it
    has seen the trials grow or sees them for the first time; go on with failed, crashed, infinite and pending
    trials; give at most as many as it is asked for; and answer with an empty list when it is exhausted. It
    may refuse a space with an `OptimizerError`. On the first space that it takes, there are several objectives and
    constraints, too.

    Args:
        factory: What may be given as `optimizer`: a name, a class, a callable `(space, **keywords)`.
        spaces: By name; the `gallery` if left out.
        n_trials: How many trials to make on each.
        keywords: For the factory.
        n_objectives: How many objectives it has to go on with: `(1,)` for one that minimises a single one. Empty to
            leave out constraints as well.

    Raises:
        AssertionError: Saying what was broken, and where.
    """
    accepted = 0
    for name, space in (gallery() if spaces is None else spaces).items():
        parsed = parse_space(space)

        def make(parsed: SearchSpace = parsed) -> Chosen:
            return choose((factory, dict(keywords or {})), parsed)

        try:
            make()
        except (OptimizerError, SpaceError) as refusal:
            assert str(refusal), f"space {name!r}: it was refused without a word"
            continue
        checks: dict[str, Callable[[Callable[[], Chosen], SearchSpace, int], None]]
        checks = {"": _check_results, ", batches": _check_batches, ", four workers": _check_workers}
        if not accepted:
            for what, results in _several(n_objectives).items():
                checks[f", {what}"] = partial(_check_results, results=results)
            for m in sorted(set(n_objectives) - {1})[:1]:
                by_name = partial(_check_workers, results=_by_name(m), n_workers=8)
                checks[f", {m} objectives by name and a constraint, eight workers"] = by_name
        accepted += 1
        for what, check in checks.items():
            try:
                check(make, parsed, n_trials)
            except (NePSError, AssertionError) as error:
                raise AssertionError(f"space {name!r}{what}: {error}") from error
    assert accepted, "it refused every space"


def _log() -> TrialLog:
    log = TrialLog()
    log.fold([ev.Created(ev.FORMAT, 11, 0.0)])
    return log


#: What evaluations give, one after another, over and over; each a function of how many there were before.
Results = Sequence[tuple[State, Callable[[int], Report]]]

_RESULTS: Results = (
    (State.SUCCESS, lambda k: Report(1.0 / (1 + k), cost=1.0)),
    (State.FAILED, lambda k: Report(err="it raised", reported_as="failed")),
    (State.CRASHED, lambda k: Report(err="NaN", reported_as="crashed")),
    (State.SUCCESS, lambda k: Report(math.inf)),
    (State.SUCCESS, lambda k: Report(-1e300)),
    (State.SUCCESS, lambda k: Report(0.5, learning_curve=[1.0, 0.5])),
)


def _several(n_objectives: Sequence[int]) -> dict[str, Results]:
    """Results with several objectives, and with constraints, by what is special about them."""
    found: dict[str, Results] = {}
    if n_objectives:
        found["constraints that nothing keeps"] = _infeasible(min(n_objectives))
    for m in sorted(set(n_objectives) - {1}):
        found[f"{m} objectives"] = _traded_off(m)
        found[f"{m} objectives, the first result better than all others"] = _worse_and_worse(m)
        found[f"{m} objectives and a constraint by name, after a number that stands for an error"] = _by_name(m)
    return found


def _traded_off(m: int) -> Results:
    return (
        (State.SUCCESS, lambda k: Report([1.0 / (1 + k), *[float(k)] * (m - 1)])),
        (State.SUCCESS, lambda k: Report([float((k + i) % 3) for i in range(m)], cost=1.0)),
        (State.CRASHED, lambda k: Report([*[0.0] * (m - 1), math.nan], err="NaN", reported_as="crashed")),
        (State.SUCCESS, lambda k: Report([math.inf, *[0.0] * (m - 1)])),
        (State.FAILED, lambda k: Report(err="it raised", reported_as="failed")),
    )


def _worse_and_worse(m: int) -> Results:
    return ((State.SUCCESS, lambda k: Report([float(k)] * m)),)


def _infeasible(m: int) -> Results:
    objective = 0.5 if m == 1 else [0.5] * m
    return (
        (State.SUCCESS, lambda k: Report(objective, constraints=[1.0 + k % 3, -1.0])),
        (State.SUCCESS, lambda k: Report(objective, constraints=[-1.0, math.inf])),
    )


def _by_name(m: int) -> Results:
    names = [f"objective {i}" for i in range(m)]

    def result(k: int) -> Report:
        if k == 0:
            return Report(9.0, err="it raised")
        values = [float((k + i) % 3) for i in range(m)]
        return Report(values, objective_names=names, constraints=float(k % 4 - 1), constraint_names=["limit"], cost=1.0)

    return ((State.SUCCESS, result),)


def _finish(log: TrialLog, trial_id: str, k: int, results: Results = _RESULTS) -> None:
    state, report = results[k % len(results)]
    log.fold([ev.Finished(trial_id, float(k), state, report(k))])


def _ask(chosen: Chosen, log: TrialLog, space: SearchSpace, n: int | None = None) -> list[ev.Sampled]:
    info = BudgetInfo({"evaluations": 100.0}, {"evaluations": float(len(log.trials))})
    sampled = sample(log, chosen, space, info, n, "w")
    assert len(sampled) <= (n or 1), f"asked for {n or 1}, it gave {len(sampled)}"
    for event in sampled:
        assert event.previous is None or event.previous in log.trials, f"{event} continues a trial that does not exist"
    return sampled


def _configs(sampled: Sequence[ev.Sampled]) -> list[tuple[str, dict[str, Any]]]:
    return [(event.id, event.config) for event in sampled]


def _check_results(make: Callable[[], Chosen], space: SearchSpace, n_trials: int, results: Results = _RESULTS) -> None:
    """One worker; and at each step a fresh optimizer must say the same as the one that has followed."""
    log, following = _log(), make()
    for k in range(n_trials):
        before = dict(log.trials)
        sampled = _ask(following, log, space)
        assert dict(log.trials) == before, "it changed the trials that it was given"
        fresh = _configs(_ask(make(), log, space))
        assert fresh == _configs(sampled), (
            f"after {k} trials, an optimizer that has followed the run proposes {_configs(sampled)}, and one that sees "
            f"it for the first time proposes {fresh}: it is no function of the trials and the randomness"
        )
        if not sampled:
            assert k, "it proposed nothing at all"
            return
        log.fold([*sampled, ev.Started(sampled[0].id, float(k), "w")])
        _finish(log, sampled[0].id, k, results)


def _check_batches(make: Callable[[], Chosen], space: SearchSpace, n_trials: int) -> None:
    """Several at a time, none finished in between; then all finished, in the reverse order; then deletion."""
    log, chosen = _log(), make()
    for n in (1, 3, n_trials):
        log.fold(_ask(chosen, log, space, n))
    for k, trial_id in enumerate(reversed(list(log.trials))):
        log.fold([ev.Started(trial_id, float(k), "w")])
        _finish(log, trial_id, k)
    log.fold(_ask(chosen, log, space, 2))
    log.fold([ev.Deleted(next(iter(log.trials)))])
    assert _configs(_ask(chosen, log, space, 2)) == _configs(_ask(make(), log, space, 2)), (
        "after a trial was deleted, it proposes something else than an optimizer that never saw it"
    )


def _check_workers(
    make: Callable[[], Chosen], space: SearchSpace, n_trials: int, results: Results = _RESULTS, n_workers: int = 4
) -> None:
    """Several workers, each with an optimizer of its own, one log."""
    log, workers = _log(), [make() for _ in range(n_workers)]
    running: dict[int, str] = {}
    k = 0
    for turn in range(4 * n_trials):
        who = turn % n_workers
        if who in running:
            _finish(log, running.pop(who), k, results)
            k += 1
        if len(log.trials) < 2 * n_trials:
            sampled = _ask(workers[who], log, space)
            log.fold([*sampled, *(ev.Started(event.id, float(turn), f"w{who}") for event in sampled)])
            if sampled:
                running[who] = sampled[0].id
            elif not running:
                return
