"""The tree-structured Parzen estimator."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps.testing import check_optimizer, simulate
from neps_core import OptimizerError, Report, State, Trial, TrialLog, parse_space
from neps_core.budgets import BudgetInfo
from neps_core.events import Sampled
from neps_core.spaces.identity import config_hash
from neps_core.testing import gallery
from neps_plugins.toolkit import crowding_distance, hypervolume
from neps_plugins.toolkit.enumeration import Untried
from tests.plugins.several import Driven


def ask(optimizer, trials=None, n=None, seed=0, index=0):
    rng = np.random.default_rng([seed, index])
    return [p.config for p in optimizer(trials or {}, BudgetInfo(), n, rng, seed)]


def ended(configs, objectives):
    """Successful trials; failed ones for None."""
    trials = {}
    for i, (config, objective) in enumerate(zip(configs, objectives), 1):
        failed = Report(err="it raised", reported_as="failed")
        state, report = (State.FAILED, failed) if objective is None else (State.SUCCESS, Report(objective))
        trials[str(i)] = Trial(str(i), config, state, report=report)
    return trials


def points(n, seed=0):
    return [{"x": x, "y": y} for x, y in np.random.default_rng(seed).random((n, 2)).tolist()]


SQUARE = {"x": neps.Float(0, 1), "y": neps.Float(0, 1)}


def distance(config):
    return (config["x"] - 0.3) ** 2 + (config["y"] - 0.6) ** 2


# ---------------------------------------------------------------------- the contract


def test_it_keeps_the_contract():
    check_optimizer("tpe")
    check_optimizer("tpe", keywords={"initial_design_size": 3, "ignore_fidelity": True}, n_trials=16)


@pytest.mark.parametrize("name", ["mixed", "log", "priors", "hierarchical", "recursive", "conditional"])
def test_who_has_followed_and_who_comes_anew_agree_to_the_bit(name):
    space = gallery()[name]
    run = simulate("tpe", space, lambda c, p: (float(int(config_hash(c)[:6], 16)), 1.0), seed=3, max_evaluations=30)
    following = neps.algorithms.tpe(space)
    trials = {}
    for i, (trial_id, trial) in enumerate(run.trials.items()):
        assert ask(following, trials, 2, index=i) == ask(neps.algorithms.tpe(space), trials, 2, index=i)
        trials[trial_id] = trial


# ---------------------------------------------------------------------- quality


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_much_better_than_random_search(seed):
    space = {f"x{i}": neps.Float(-5, 5) for i in range(4)}

    def best(optimizer):
        run = simulate(
            optimizer, space, lambda c, p: (sum(x**2 for x in c.values()), 1.0), seed=seed, max_evaluations=80
        )
        return min(trial.objectives[0] for trial in run.ended)

    assert best("tpe") < 0.4 * best("random_search")


def test_it_finds_the_right_branch_and_what_is_in_it():
    choice = neps.Categorical([neps.Float(0, 1), (neps.Float(0, 1), neps.Integer(1, 9)), "none"])
    labels = choice.domain().choices

    def evaluate(config, previous):
        if config["m"] != labels[1]:
            return 2.0, 1.0
        return (config["m{1}[0]"] - 0.8) ** 2 + 0.1 * abs(config["m{1}[1]"] - 7), 1.0

    run = simulate("tpe", {"m": choice}, evaluate, seed=0, max_evaluations=60)
    assert min(trial.objectives[0] for trial in run.ended) < 0.02
    assert sum(trial.config["m"] == labels[1] for trial in run.ended[-20:]) > 12


# ---------------------------------------------------------------------- beginning


def test_the_first_configurations_are_spread_evenly():
    optimizer = neps.algorithms.tpe(SQUARE)
    first = ask(optimizer, n=10)
    for name in "xy":
        assert sorted(int(10 * config[name]) for config in first) == list(range(10))
    one_by_one = [ask(optimizer, {str(i): Trial(str(i), c) for i, c in enumerate(first[:k])})[0] for k in range(10)]
    assert one_by_one == first
    assert ask(optimizer, n=10, seed=1) != first


def test_the_size_of_the_initial_design():
    assert neps.algorithms.tpe(SQUARE).details == {"initial_design_size": 10}
    assert neps.algorithms.tpe({f"x{i}": neps.Float(0, 1) for i in range(15)}).details == {"initial_design_size": 15}
    assert neps.algorithms.tpe(SQUARE, initial_design_size=3).details == {"initial_design_size": 3}


def test_imported_trials_count():
    known = points(40)
    trials = ended(known, map(distance, known))
    found = [ask(neps.algorithms.tpe(SQUARE), trials, index=i)[0] for i in range(20)]
    assert np.median([distance(config) for config in found]) < 0.3 * np.median([distance(config) for config in known])


def test_what_was_imported_from_another_space_does_no_harm():
    trials = ended([{"z": 1.0}, {"x": 7.0, "y": 0.5}, *points(20)], range(22))
    assert set(ask(neps.algorithms.tpe(SQUARE), trials)[0]) == {"x", "y"}


# ---------------------------------------------------------------------- results of every kind


def test_failures_and_infinities():
    known = points(30)
    objectives = [
        distance(config) if config["x"] < 0.5 else bad for config, bad in zip(known, 10 * [None, math.inf, None])
    ]
    trials = ended(known, objectives)
    found = [ask(neps.algorithms.tpe(SQUARE), trials, index=i)[0] for i in range(20)]
    assert sum(config["x"] < 0.55 for config in found) > 17


def test_nothing_but_failures():
    known = [{"x": 0.1 + 0.01 * i, "y": 0.5} for i in range(20)]
    found = [ask(neps.algorithms.tpe(SQUARE), ended(known, 20 * [None]), index=i)[0] for i in range(20)]
    assert all(not (0.1 < config["x"] < 0.3 and abs(config["y"] - 0.5) < 0.1) for config in found)


@pytest.mark.parametrize("best", [-math.inf, -1e300, -1.7e308])
def test_the_best_may_be_far_below_all_others(best):
    known = points(30)
    objectives = [1.0 + distance(config) for config in known]
    objectives[7] = best
    found = [ask(neps.algorithms.tpe(SQUARE), ended(known, objectives), index=i)[0] for i in range(5)]
    assert all(0 <= x <= 1 for config in found for x in config.values())


def test_ties():
    trials = ended(points(40), 40 * [1.0])
    assert len(ask(neps.algorithms.tpe(SQUARE), trials, 5)) == 5


def test_several_objectives():
    """Both are 0 somewhere on the diagonal from one corner to the middle: between the two ends nothing is best."""

    def evaluate(config):
        x, y = config["x"], config["y"]
        return [x**2 + y**2, (x - 0.5) ** 2 + (y - 0.5) ** 2], None

    run = Driven("tpe", SQUARE, evaluate).run(70)
    found = [trial.config for trial in list(run.trials.values())[40:]]
    assert np.median([abs(config["x"] - config["y"]) for config in found]) < 0.18  # 0.29 for any of the square
    along = [config["x"] + config["y"] for config in found]
    assert min(along) < 0.3 and max(along) > 0.6  # all of the front, not one end


def test_of_a_front_that_is_too_large_what_dominates_most_is_good():
    """Nothing dominates anything here, and the loneliest are the ends, which are bad in some objective."""
    values = np.abs(np.random.default_rng(0).standard_normal((60, 3)))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    optimizer = neps.algorithms.tpe(SQUARE)
    ask(optimizer, ended(points(60), values.tolist()))
    good = optimizer._best(6, np.random.default_rng(0))
    loneliest = crowding_distance(values).argsort()[::-1][:6]
    assert hypervolume(values[good], [1.1] * 3) > 1.05 * hypervolume(values[loneliest], [1.1] * 3)
    random = np.random.default_rng(1).choice(60, 6, replace=False)
    assert hypervolume(values[good], [1.1] * 3) > 1.05 * hypervolume(values[random], [1.1] * 3)


@pytest.mark.parametrize("several", [False, True])
def test_what_keeps_the_constraint_is_good(several):
    """The best of all breaks it."""

    def evaluate(config):
        objectives = [config["x"], 1.0 - config["x"] + config["y"]] if several else config["x"]
        return objectives, [0.7 - config["x"]]

    run = Driven("tpe", SQUARE, evaluate).run(60)
    found = [trial.config["x"] for trial in list(run.trials.values())[30:]]
    assert sum(x > 0.65 for x in found) > 24


def test_the_least_broken_is_good_where_none_is_kept():
    run = Driven("tpe", SQUARE, lambda config: (config["y"], [1.0 + config["x"]])).run(60)
    found = [trial.config["x"] for trial in list(run.trials.values())[30:]]
    assert np.median(found) < 0.15


# ---------------------------------------------------------------------- workers and batches


def test_eight_at_once_are_different():
    known = points(60)
    trials = ended(known, map(distance, known))
    optimizer = neps.algorithms.tpe(SQUARE)
    batch = ask(optimizer, trials, 8)
    for i in range(8):  # the same with workers that ask one after the other, with the same randomness
        trials[f"w{i}"] = Trial(f"w{i}", ask(optimizer, trials)[0], State.EVALUATING)
    workers = [dict(trials[f"w{i}"].config) for i in range(8)]
    for found in (batch, workers):
        gaps = [math.dist(a.values(), b.values()) for i, a in enumerate(found) for b in found[:i]]
        assert min(gaps) > 0.005


def test_a_pending_configuration_is_a_bad_one():
    known = [{"x": x, "y": 0.5} for x in np.linspace(0, 1, 21).tolist()]
    trials = ended(known, [abs(config["x"] - 0.3) for config in known])
    pending = {f"p{i}": Trial(f"p{i}", {"x": 0.3, "y": 0.3 + 0.02 * i}, State.PENDING) for i in range(20)}
    optimizer = neps.algorithms.tpe(SQUARE)

    def within(known):
        found = [ask(optimizer, known, index=i)[0] for i in range(40)]
        return sum(abs(config["x"] - 0.3) < 0.1 and 0.3 <= config["y"] <= 0.68 for config in found)

    assert within({**trials, **pending}) < 0.6 * within(trials)


# ---------------------------------------------------------------------- finite spaces


def forbidden():
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, ForbiddenAndConjunction, Integer
    from ConfigSpace import ForbiddenEqualsClause as Equals

    space = ConfigurationSpace()
    a, b, n = Categorical("a", ["p", "q"]), Categorical("b", ["r", "s"]), Integer("n", (1, 3))
    space.add(a, b, n, EqualsCondition(n, a, "p"))
    space.add(ForbiddenAndConjunction(Equals(a, "q"), Equals(b, "r")))
    return space


NESTED = {"m": neps.Categorical([neps.Categorical(["a", neps.Integer(1, 3)]), "b", (neps.Integer(1, 2),)])}


@pytest.mark.parametrize(
    "space, size",
    [
        ({"n": neps.Integer(1, 5), "c": neps.Categorical(["a", "b", 1, True]), "k": 3}, 20),
        ({"n": neps.Integer(1, 40)}, 40),
        ({"c": neps.Categorical(["only"])}, 1),
        ({"k": 3}, 1),
        (forbidden, 7),
        (NESTED, 7),
    ],
)
@pytest.mark.parametrize("workers", [1, 3])
def test_a_finite_space_is_tried_once_and_then_it_ends(space, size, workers):
    run = simulate("tpe", space() if callable(space) else space, lambda c, p: (0.0, 1.0), n_workers=workers)
    assert len(run.trials) == size
    assert len({config_hash(trial.config) for trial in run.ended}) == size
    assert "nothing more to propose" in run.stopped_because


def test_a_batch_larger_than_what_is_left():
    n = 2000  # so many that sampling doesn't find those that are left
    optimizer = neps.algorithms.tpe({"n": neps.Integer(1, n)})
    log = TrialLog()  # an optimizer takes in only what is new in it, and keeps the rest
    log.fold([Sampled(str(i), {"n": i}, 0.0, "w") for i in range(1, n - 3)])
    for _ in range(2):  # what was in a batch and got no trial is still left
        assert sorted(config["n"] for config in ask(optimizer, log.trials, 10)) == [n - 3, n - 2, n - 1, n]
    log.fold([Sampled("last", {"n": n - 2}, 0.0, "w")])
    assert sorted(config["n"] for config in ask(optimizer, log.trials, 10)) == [n - 3, n - 1, n]


def test_an_enumeration_of_a_recursion_comes_to_an_end_at_each_configuration():
    untried = Untried(parse_space(gallery()["recursive"]), {})
    assert max(len(config) for config in untried.first(40, set(), set())) < 20  # the other way round, it would not end


def test_a_rare_configuration_is_found_in_a_recursion():
    """A chain in which every link is less likely: sampling finds no more than a few of them."""

    class Chain(neps.PipelineSpace):
        link = neps.Categorical([(neps.ByName("link"),), "end"])

    run = simulate("tpe", Chain(), lambda c, p: (float(len(c)), 1.0), max_evaluations=25)
    assert len({config_hash(trial.config) for trial in run.ended}) == 25


def test_a_recursion_does_not_loop():
    run = simulate("tpe", gallery()["recursive"], lambda c, p: (float(len(c)), 1.0), max_evaluations=80)
    assert len({config_hash(trial.config) for trial in run.ended}) == 80


def test_the_only_real_number_is_rarely_met():
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

    space = ConfigurationSpace()
    c, x = Categorical("c", ["a", "b"], weights=[10_000, 1]), Float("x", (0, 1))
    space.add(c, x, EqualsCondition(x, c, "b"))
    run = simulate("tpe", space, lambda c, p: (0.0, 1.0), max_evaluations=10)
    assert len({config_hash(trial.config) for trial in run.ended}) == 10


# ---------------------------------------------------------------------- keywords


def test_a_fidelity_is_refused_or_kept_high():
    space = {"x": neps.Integer(1, 4), "epochs": neps.IntegerFidelity(1, 9)}
    with pytest.raises(OptimizerError, match="'tpe' does not use fidelities.*'epochs'"):
        neps.algorithms.tpe(space)
    for ignored in (True, "highest_fidelity"):
        run = simulate(("tpe", {"ignore_fidelity": ignored}), space, lambda c, p: (c["x"], 1.0), max_evaluations=9)
        assert sorted(tuple(trial.config.values()) for trial in run.ended) == [(i, 9) for i in range(1, 5)]
    with pytest.raises(OptimizerError, match="must be False, True or 'highest_fidelity'"):
        neps.algorithms.tpe(space, ignore_fidelity="lowest")


def test_a_prior_pulls():
    plain = {"x": neps.Float(0, 1), "y": neps.Float(0, 1)}
    informed = {"x": neps.Float(0, 1, prior=0.9, prior_confidence="high"), "y": neps.Float(0, 1)}
    trials = ended(points(12), 12 * [None])

    def mean(space):
        return np.mean([ask(neps.algorithms.tpe(space), trials, index=i)[0]["x"] for i in range(40)])

    assert mean(informed) > mean(plain) + 0.15


@pytest.mark.parametrize(
    "keywords",
    [
        *({"gamma": gamma} for gamma in (0, 1, 1.5, -0.1, True, "0.1", math.nan)),
        *({"n_candidates": n} for n in (0, -1, 2.5, True, "24")),
        *({"initial_design_size": size} for size in (0, -1, 2.5, True, "dim")),
    ],
)
def test_bad_keywords(keywords):
    with pytest.raises(OptimizerError, match=next(iter(keywords))):
        neps.algorithms.tpe(SQUARE, **keywords)


def test_in_a_run(root, space):
    result = neps.run(
        lambda learning_rate, momentum, layers, optimizer, batch_size: momentum,
        space,
        root_directory=root,
        optimizer="tpe",
        evaluations_to_spend=15,
    )
    assert len(result.trials) == 15
    assert all(
        parse_space(space).resolve(lambda path, domain, t=t: domain.check(t.config[path]))
        for t in result.trials.values()
    )
    assert neps.load_optimizer_info(root)["name"] == "tpe"
