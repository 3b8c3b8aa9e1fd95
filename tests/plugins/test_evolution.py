"""Regularized evolution, and complex random search."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps.testing import check_optimizer, simulate
from neps_core import OptimizerError
from neps_core import events as ev
from neps_core.trials import Report, State
from neps_plugins.spaces import configspace
from neps_plugins.toolkit import hypervolume
from tests.plugins.several import Driven

CUBE = {f"x{i}": neps.Float(0, 1) for i in range(5)}
SQUARE = {"x": neps.Float(0, 1), "y": neps.Float(0, 1)}
SMALL = {"population_size": 4, "tournament_size": 2}
BOTH = [("regularized_evolution", SMALL), ("complex_random_search", {})]


def sphere(config):
    return sum((x - 0.3) ** 2 for x in config.values()), None


@pytest.mark.parametrize("name, keywords", [*BOTH, ("regularized_evolution", {**SMALL, "mutation_type": 0.0})])
def test_it_keeps_the_contract(name, keywords):
    check_optimizer(name, keywords=keywords, n_trials=10)


@pytest.mark.parametrize("name", ["regularized_evolution", "complex_random_search"])
def test_it_beats_random_search(name):
    def best(who, seed):
        run = simulate(who, CUBE, lambda c, p: (sphere(c)[0], 1.0), max_evaluations=150, seed=seed)
        return min(trial.objectives for trial in run.ended)

    assert sum(best(name, seed) < best("random_search", seed) for seed in range(5)) == 5


@pytest.mark.parametrize("name", ["regularized_evolution", "complex_random_search"])
def test_fronts(name):
    def zdt1(config):
        first, *others = config.values()
        g = 1 + 9 * sum(others) / len(others)
        return [first, g * (1 - math.sqrt(first / g))], None

    def volume(who):
        run = Driven(who, CUBE, zdt1).run(150)
        return hypervolume([trial.objectives for trial in run.trials.values()], [1.1, 2.0])

    assert volume(name) > volume("random_search") + 0.1


@pytest.mark.parametrize("name", ["regularized_evolution", "complex_random_search"])
def test_constraints(name):
    """The best of all is not allowed; near the edge of what is, results are good."""

    def best(who):
        run = Driven(who, CUBE, lambda config: (sphere(config)[0], [config["x0"] - 0.1])).run(150)
        return min(trial.objectives[0] for trial in run.trials.values() if trial.is_feasible)

    assert 0.04 <= best(name) < best("random_search") - 0.01


def test_the_names_of_upstream():
    assert neps.algorithms.neps_regularized_evolution.__doc__ == neps.algorithms.regularized_evolution.__doc__


# ---------------------------------------------------------------------- regularized evolution


def test_only_the_young_have_children():
    """The best of all are too old: children are of what ended last."""
    run = Driven(("regularized_evolution", {"population_size": 3, "tournament_size": 3, "n_mutations": 1}), CUBE, None)
    for k, value in enumerate([0.0, 0.0, 0.0, 5.0, 5.0, 5.0]):
        [trial_id] = run.ask()
        run.log.fold([ev.Finished(trial_id, float(k), State.SUCCESS, Report(value))])
    configs = [trial.config for trial in run.trials.values()]
    old, young = configs[:3], configs[3:]

    def alike(a, b):
        return sum(a[path] == b[path] for path in a)

    for trial_id in run.ask(20):
        child = run.trials[trial_id].config
        assert max(alike(child, each) for each in young) == 4
        assert max(alike(child, each) for each in old) < 4 or any(alike(a, b) for a in young for b in old)


def test_the_winner_is_the_parent():
    """With tournaments of very many, the best of the population has all children."""
    keywords = {"population_size": 30, "tournament_size": 30, "n_mutations": 1}
    run = Driven(("regularized_evolution", keywords), CUBE, sphere).run(30)
    best = min(run.trials.values(), key=lambda trial: trial.objectives).config
    children = [run.trials[i].config for i in run.ask(30)]
    own = [sum(child[path] == best[path] for path in best) == 4 for child in children]
    assert sum(own) > 12  # drawn with replacement: it is among them with probability 1 - 1/e


def test_numbers_of_changes():
    def changes(**keywords):
        space = {f"x{i}": neps.Float(0, 1) for i in range(8)}
        run = Driven(("regularized_evolution", {"population_size": 1, "tournament_size": 1, **keywords}), space, sphere)
        parent = run.trials[run.ask()[0]].config
        run.tell("1")
        children = [run.trials[i].config for i in run.ask(30)]
        return {sum(child[path] != parent[path] for path in parent) for child in children}, parent, children

    assert changes(n_mutations=2)[0] == {2}
    assert changes(n_mutations="half")[0] == {4}
    assert changes(n_mutations="random")[0] == {1, 2, 3, 4}
    assert changes(n_mutations=100)[0] == {8}
    assert changes(n_mutations=None, n_forgets=3)[0] == {3}
    near, far = (
        np.median(
            [abs(child[path] - parent[path]) for child in children for path in parent if child[path] != parent[path]]
        )
        for _, parent, children in (changes(n_mutations=1), changes(n_mutations=None, n_forgets=1))
    )
    assert near < 0.12 < far


def test_crossover_takes_from_two():
    keywords = {"population_size": 2, "tournament_size": 2, "mutation_type": "crossover_top_2"}
    run = Driven(("regularized_evolution", keywords), CUBE, sphere).run(2)
    parents = [trial.config for trial in run.trials.values()]
    children = [run.trials[i].config for i in run.ask(10)]
    mixed = [all(child[path] in (parents[0][path], parents[1][path]) for path in child) for child in children]
    assert sum(mixed) > 3  # a tournament may have drawn one configuration twice: then its child is a changed one


def test_priors_are_where_it_begins():
    space = {"x": neps.Float(0, 1, prior=0.9, prior_confidence="high")}
    medians = []
    for use in (True, False):
        run = Driven(("regularized_evolution", {"population_size": 40, "use_priors": use}), space, None)
        medians.append(np.median([run.trials[i].config["x"] for i in run.ask(40)]))
    assert medians[0] > 0.75 > 0.65 > medians[1]


@pytest.mark.parametrize("n_workers", [1, 3])
@pytest.mark.parametrize("name, keywords", BOTH)
def test_a_finite_space_is_tried_once_and_then_it_ends(name, keywords, n_workers):
    space = {"a": neps.Integer(1, 6), "b": neps.Categorical(["u", "v", "w"])}
    run = simulate((name, keywords), space, lambda c, p: (c["a"], 1.0), n_workers=n_workers)
    assert len({tuple(trial.config.values()) for trial in run.ended}) == len(run.ended) == 18


@pytest.mark.parametrize("name, keywords", BOTH)
def test_a_fidelity_is_refused_or_ignored(name, keywords):
    space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 27)}
    with pytest.raises(OptimizerError, match=f"'{name}' does not use fidelities"):
        getattr(neps.algorithms, name)(space)
    for ignore, values in (("highest_fidelity", 1), (True, 9)):
        run = Driven((name, {**keywords, "ignore_fidelity": ignore}), space, lambda config: (config["x"], None)).run(40)
        epochs = [trial.config["epochs"] for trial in run.trials.values()]
        assert len(set(epochs[20:])) >= values  # of children, too, whatever their parent's was
        assert ignore is True or set(epochs) == {27}


@pytest.mark.parametrize(
    "keywords, message",
    [
        ({"population_size": 0}, "population_size=0 must be a whole number"),
        ({"tournament_size": True}, "tournament_size=True"),
        ({"population_size": 3}, "tournament_size=5 must be at most population_size=3"),
        ({"mutation_type": "mutate"}, "mutation_type='mutate' must be 'mutate_best'"),
        ({"mutation_type": 1.5}, "mutation_type=1.5"),
        ({"n_mutations": 0}, "n_mutations=0 must be a whole number of at least 1, 'random' or 'half'"),
        ({"n_forgets": "all"}, "n_forgets='all'"),
        ({"use_priors": "no"}, "use_priors='no' must be True or False"),
        ({"n_mutations": None}, "n_mutations and n_forgets are both None"),
        ({"ignore_fidelity": "low"}, "ignore_fidelity"),
    ],
)
def test_bad_keywords(keywords, message):
    with pytest.raises(OptimizerError, match=message):
        neps.algorithms.regularized_evolution(SQUARE, **keywords)


@pytest.mark.parametrize("ignore", [0, 1, np.array([True, False])])
@pytest.mark.parametrize("name", ["regularized_evolution", "complex_random_search", "nsga2", "cma_es", "random_search"])
def test_what_only_looks_like_true_or_false_is_refused(name, ignore):
    """0 would have kept the fidelity at its upper bound, as if that had been asked for."""
    with pytest.raises(OptimizerError, match="must be False, True or 'highest_fidelity'"):
        getattr(neps.algorithms, name)({**SQUARE, "epochs": neps.IntegerFidelity(1, 27)}, ignore_fidelity=ignore)


# ---------------------------------------------------------------------- spaces of which most is forbidden


def prior_forbidden():
    """What the priors say is best is forbidden, whatever the rest is."""
    from ConfigSpace import ConfigurationSpace, Float, ForbiddenEqualsRelation, Integer, Normal

    space = ConfigurationSpace()
    a, b = (Integer(name, (0, 9), default=d, distribution=Normal(5, 1)) for name, d in (("a", 5), ("b", 4)))
    space.add(a, b, Float("x", (0, 1)), ForbiddenEqualsRelation(a, b))
    return space


def nearly_all_forbidden():
    from ConfigSpace import Categorical, ConfigurationSpace, ForbiddenInClause, Integer

    space = ConfigurationSpace()
    choices = [Categorical(name, [str(i) for i in range(30)], default="0") for name in "ab"]
    space.add(Integer("i", (0, 3)), *choices)
    space.add(*(ForbiddenInClause(choice, [str(i) for i in range(1, 30)]) for choice in choices))
    return space


ANY_SPACE = ["regularized_evolution", "complex_random_search", "nsga2", "cma_es"]


@pytest.mark.parametrize("name", ANY_SPACE)
def test_a_forbidden_prior_is_looked_at_once(name, monkeypatch):
    """A look walks the space thousands of times before it is given up."""
    n_walks = 0

    def counted(self, decide):
        nonlocal n_walks
        n_walks += 1
        return walk(self, decide)

    walk = configspace.ConditionalSpace._walk
    monkeypatch.setattr(configspace.ConditionalSpace, "_walk", counted)
    run = simulate(name, prior_forbidden(), lambda c, p: (1.0, 1.0), max_evaluations=5)
    assert len(run.ended) == 5
    assert n_walks < 1.5 * configspace.TRIES


@pytest.mark.parametrize("name", ANY_SPACE)
def test_what_is_allowed_is_found_where_random_draws_find_nothing(name, monkeypatch):
    monkeypatch.setattr(configspace, "TRIES", 10)
    run = simulate(name, nearly_all_forbidden(), lambda c, p: (c["i"], 1.0))
    assert sorted(trial.config["i"] for trial in run.ended) == [0, 1, 2, 3]
    assert "nothing more to propose" in run.stopped_because


# ---------------------------------------------------------------------- complex random search


def test_it_begins_with_the_prior():
    space = {"x": neps.Float(0, 1, prior=0.9), "y": neps.Float(0, 1)}
    run = Driven("complex_random_search", space, None)
    assert run.trials[run.ask()[0]].config["x"] == pytest.approx(0.9)


def test_most_are_varied_best_ones():
    run = Driven("complex_random_search", CUBE, sphere).run(60)
    best = [t.config for t in sorted(run.trials.values(), key=lambda trial: trial.objectives)[:5]]
    found = [run.trials[i].config for i in run.ask(200)]

    def shared(config):
        return max(sum(config[path] == each[path] for path in each) for each in best)

    counts = [sum(shared(config) == k for config in found) for k in range(6)]
    assert counts[0] > 4 and counts[4] + counts[3] > 140  # 10 in 116 from anywhere; 100 changed in one or two
