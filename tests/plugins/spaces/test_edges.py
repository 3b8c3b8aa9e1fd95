"""Numbers at their edges: beyond 2**53, at the ends of log ranges, a rounding step outside, ranges of one value."""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal

import numpy as np
import pytest

import neps
from neps.testing import simulate
from neps_core import ConfigError, FloatDomain, IntegerDomain, Prior, SpaceError, Uniform, parse_space, replay
from neps_core.spaces.priors import CategoryPrior, TabulatedPrior
from neps_core.spaces.variation import mutate, neighbours

B = 2**60
LARGE = [
    IntegerDomain(B, B + 3),
    IntegerDomain(-B - 3, -B),
    IntegerDomain(B, B + 1000, True),
    IntegerDomain(2**53 - 1, 2**53 + 2),
    IntegerDomain(10**18, 10**18 + 10**9, True),
]


@pytest.mark.parametrize("domain", LARGE, ids=repr)
def test_large_integers_are_drawn_and_kept_exactly(domain):
    assert domain.from_unit(0.0) == domain.lower and domain.from_unit(1.0) == domain.upper
    for value in {*range(domain.lower, domain.lower + 4), *range(domain.upper - 3, domain.upper + 1)}:
        assert domain.check(value) == value and type(domain.check(value)) is int
        assert domain.from_unit(domain.to_unit(value)) == value
        low, high = domain.cell(value)
        assert low < domain.to_unit(value) < high
    for outside in (domain.lower - 1, domain.upper + 1):
        with pytest.raises(ValueError, match="outside"):
            domain.check(outside)
    if domain.size <= 8:
        rng = np.random.default_rng(0)
        counts = [domain.from_unit(rng.random()) - domain.lower for _ in range(800)]
        assert min(np.bincount(counts)) > 800 / domain.size * 0.7


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(("lower", "upper"), [(B, 2**70), (1, B), (10**18, 10**19)])
def test_wide_ranges_of_large_integers(lower, upper, log):
    domain = IntegerDomain(lower, upper, log)
    positions = np.linspace(0, 1, 101)
    values = [domain.from_unit(float(u)) for u in positions]
    assert values == sorted(values) and values[0] == lower and values[-1] == upper
    assert [domain.to_unit(value) for value in values[1:-1]] == pytest.approx(positions[1:-1], abs=0.03)
    assert domain.grid(5)[0] == lower and domain.grid(5)[-1] == upper


@pytest.mark.parametrize(("lower", "upper"), [(1e-6, 1e-1), (3e-5, 0.7), (1e-300, 1e300), (5e-324, 1.0), (0.1, 0.3)])
def test_the_ends_of_log_ranges(lower, upper):
    domain = FloatDomain(lower, upper, log=True)
    assert domain.grid(3)[::2] == [lower, upper]
    assert (domain.from_unit(domain.to_unit(lower)), domain.from_unit(domain.to_unit(upper))) == (lower, upper)
    assert domain.from_prior(1.0) == upper
    whole = IntegerDomain(3, 10**15, log=True)
    assert whole.from_unit(whole.to_unit(10**15)) == 10**15
    assert whole.grid(4)[0] == 3 and whole.grid(4)[-1] == 10**15


@pytest.mark.parametrize(("lower", "upper"), [(0.1, 0.3), (-1e10, 1e10), (0.0, 1.0), (1e-300, 1e300)])
def test_a_rounding_step_outside_is_the_bound(lower, upper):
    domain = FloatDomain(lower, upper)
    below, above = math.nextafter(lower, -math.inf), math.nextafter(upper, math.inf)
    assert (domain.check(below), domain.check(above)) == (lower, upper)
    for outside in (math.nextafter(below, -math.inf), math.nextafter(above, math.inf), math.inf, math.nan):
        with pytest.raises(ValueError, match="outside"):
            domain.check(outside)
    whole = IntegerDomain(1, 8)
    assert (whole.check(math.nextafter(1.0, 0.0)), whole.check(math.nextafter(8.0, 9.0))) == (1, 8)
    for outside in (math.nextafter(math.nextafter(8.0, 9.0), 9.0), 9, 0, 7.999999, math.inf):
        with pytest.raises(ValueError):
            whole.check(outside)
    assert IntegerDomain(1, 2**60 - 1).check(float(2**60)) == 2**60 - 1  # the float nearest to the bound


def test_a_rounding_step_in_imports_and_proposals(root):
    space = {"x": neps.Float(0.1, 0.3)}
    neps.import_trials([({"x": 0.1 + 0.2}, 1.0)], root_directory=root, pipeline_space=space)
    assert neps.load_config(root, config_id="1") == {"x": 0.3}

    class Proposes:
        def __init__(self, space):
            pass

        def __call__(self, trials, budget_info, n=None):
            return neps.SampledConfig({"x": 0.1 + 0.2})

    seen = []
    neps.run(lambda x: seen.append(x) or x, space, root_directory=root, evaluations_to_spend=1, optimizer=Proposes)
    assert seen == [0.3]
    with pytest.raises(ConfigError, match="outside"):
        replay(parse_space(space), {"x": 0.3001})


SINGLE = {
    "numbers": {"a": neps.Float(1, 1), "b": neps.Integer(3, 3), "c": neps.Float(2, 2, log=True), "z": neps.Float(0, 1)},
    "nothing else": {"a": neps.Float(1, 1), "b": neps.Integer(5, 5, log=True)},
    "priors": {"a": neps.Float(1, 1, prior=1), "b": neps.Integer(3, 3, prior=3), "z": neps.Float(0, 1, prior=0.5)},
    "fidelity": {"a": neps.Float(1, 1), "z": neps.Float(0, 1, prior=0.5), "e": neps.IntegerFidelity(5, 5)},
    "log fidelity": {"z": neps.Float(0, 1, prior=0.5), "e": neps.FloatFidelity(0.5, 0.5, log=True)},
}
LARGE_SPACES = {
    "large": {
        "n": neps.Integer(B, B + 1000),
        "t": neps.Integer(-B, B),
        "l": neps.Integer(B, 2 * B, log=True),
        "s": neps.Integer(B, B + 3, log=True),
        "p": neps.Integer(10**18, 10**18 + 10, prior=10**18 + 3),
    },
    "large fidelity": {
        "z": neps.Float(0, 1, prior=0.3),
        "e": neps.IntegerFidelity(B, 4 * B),
        "n": neps.Integer(B, B + 3),
    },
}


def weighted():
    cs = pytest.importorskip("ConfigSpace")
    space = cs.ConfigurationSpace()
    space.add(cs.CategoricalHyperparameter("k", ["a", "b", "c"], weights=[0, 1, 3]), cs.Float("z", (0, 1)))
    space.add(cs.Integer("n", (B, 2 * B)), cs.Float("p", (0, 1), distribution=cs.Normal(0.3, 1e-6)))
    return space


OPTIMIZERS = [
    ("random_search", {"use_priors": True, "ignore_fidelity": True}),
    ("grid_search", {"ignore_fidelity": True, "size_per_numerical_dimension": 2}),
    "successive_halving",
    "hyperband",
    "asha",
    "async_hb",
    "priorband",
    ("priorband", {"base": "asha", "bayesian_optimization_kick_in_point": 2}),
    ("bayesian_optimization", {"initial_design_size": 3, "ignore_fidelity": True, "cost_aware": True}),
    ("pibo", {"initial_design_size": 3, "ignore_fidelity": True}),
    ("tpe", {"initial_design_size": 4, "ignore_fidelity": True}),
]


def worth(config, _):
    value = sum(int(hashlib.sha256(repr(item).encode()).hexdigest()[:4], 16) / 65536 for item in config.items())
    return {"objective_to_minimize": value, "cost": 1 + value}, 1.0 + value


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_every_optimizer_on_every_such_space(optimizer):
    for name, space in {**SINGLE, **LARGE_SPACES, "weighted": weighted()}.items():
        with np.errstate(all="raise"):  # nothing divides by 0, or minds what the user's process says about it
            try:
                run = simulate(optimizer, space, worth, n_workers=2, seed=1, max_evaluations=8)
            except neps.NePSError as refused:
                assert "needs a" in str(refused) or "fidelit" in str(refused), (name, refused)
                continue
        parsed = parse_space(space)
        for trial in run.trials.values():
            assert replay(parsed, trial.config).config == trial.config
            assert trial.config.get("k") != "a"


def test_variations_of_large_integers():
    space = parse_space({"n": neps.Integer(B, B + 9)})
    rng = np.random.default_rng(0)
    assert {r.config["n"] for r in neighbours(space, {"n": B + 4}, rng)} == {B + 3, B + 5}
    assert all(mutate(space, {"n": B}, rng, sigma=0.1).config["n"] - B in range(1, 10) for _ in range(20))


def test_large_integers_come_back_from_disk(root):
    seen = []
    run = {"root_directory": root, "evaluations_to_spend": 3, "optimizer": "random_search"}
    neps.run(lambda n: seen.append(n) or 1.0, {"n": neps.Integer(B, B + 9**9)}, **run)
    assert [neps.load_config(root, config_id=str(i))["n"] for i in (1, 2, 3)] == seen


@pytest.mark.parametrize("value", [10**400, -(10**400), np.ma.masked, np.ma.array(0.5, mask=True)], ids=str)
def test_what_is_no_number_here(value):
    for make in (
        lambda: neps.Float(0, value),
        lambda: neps.Float(value, 1),
        lambda: neps.Integer(0, value),
        lambda: neps.Float(0, 1, prior=value),
        lambda: neps.Integer(0, 1, prior=value),
        lambda: neps.Float(0.1, 1, log=value),
        lambda: neps.IntegerFidelity(1, value),
        lambda: neps.Categorical([0, 1], prior=value),
        lambda: neps.Repeated(value, 1),
    ):
        with pytest.raises(SpaceError, match="^odd: "):
            parse_space({"odd": make()})
    with pytest.raises(ConfigError):
        replay(parse_space({"x": neps.Float(0, 1)}), {"x": value})


@pytest.mark.parametrize("value", [10**400, np.ma.masked, np.ma.array([3.0], mask=True), Decimal("1e400")])
def test_results_that_are_no_numbers(root, value):
    for result in (value, {"objective_to_minimize": 1.0, "cost": value}, [1.0, value]):
        with pytest.raises(neps.NePSError, match="must be a number"):
            run = {"root_directory": root, "evaluations_to_spend": 1, "overwrite_root_directory": True}
            neps.run(lambda x, result=result: result, {"x": neps.Float(0, 1)}, **run)


def test_numpys_numbers_are_numbers(root):
    n = np.int64
    space = {
        "x": neps.Float(np.float32(0.5), n(1), log=np.True_, prior=np.float64(0.7)),
        "i": neps.Integer(n(1), np.uint8(5), prior=np.int16(2)),
        "c": neps.Categorical([np.bool_(True), np.int8(3)], prior=n(1)),
        "r": neps.Repeated(n(2), neps.Resample("i")),
        "e": neps.IntegerFidelity(np.int64(1), np.int32(9), log=np.True_),
    }
    result = neps.run(
        lambda **_: {"objective_to_minimize": n(3), "cost": np.int8(1)},
        space,
        root_directory=root,
        evaluations_to_spend=n(3),
        total_cost_to_spend=np.float16(20),
        budgets={"wallclock": n(100)},
        sample_batch_size=np.int32(1),
        seed=np.uint8(3),
        ignore_errors=np.True_,
        continue_until_max_evaluation_completed=np.False_,
        objective_value_on_error=np.float32(3),
        optimizer=("grid_search", {"size_per_numerical_dimension": {"x": n(2)}, "ignore_fidelity": np.True_}),
        stopping_rule=("median", {"min_trials": n(2), "min_steps": n(1)}),
    )
    assert len(result.trials) == 3
    assert neps.load_optimizer_info(root)["info"]["size_per_numerical_dimension"]["items"] == {"x": 2}
    for optimizer in (
        ("hyperband", {"eta": n(3)}),
        {"name": "asha", "eta": np.float32(3), "early_stopping_rate": n(0)},
    ):
        simulate(optimizer, {"x": neps.Float(0, 1), "e": space["e"]}, worth, max_evaluations=3)


def test_weights_and_tables():
    prior = CategoryPrior((0.0, 1.0, 0.0, 3.0, 0.0))
    assert {prior.quantile(u) for u in (0.0, 1e-300, 0.2, 0.25, 0.9, 1 - 2**-53, 1.0)} == {1, 3}
    table = TabulatedPrior((0.0, 4.0, 1.0), (0.0, 0.5, 0.6, 1.0))
    assert table.quantile(0.25) == pytest.approx(0.55) and table.mode == 0.55
    assert math.exp(table.log_density(0.8)) == pytest.approx(1.25) and table.log_density(0.1) == -math.inf


def priors_of(cs):
    for lower, upper in ((0, 1), (1, 1000), (-20, 20)):
        width = upper - lower
        for sigma in (1e-6, 0.01, 0.3):
            for share in (0.0, 0.3):
                mu = lower + share * width
                yield cs.NormalFloatHyperparameter("x", mu, sigma * width, lower, upper)
                if width > 1:
                    yield cs.NormalIntegerHyperparameter("x", mu, sigma * width, lower, upper)
                if lower > 0:
                    yield cs.NormalFloatHyperparameter("x", 30.0, 5.0, lower, upper, log=True)
                    yield cs.NormalIntegerHyperparameter("x", 30.0, 5.0, lower, upper, log=True)
        for a, b in ((1, 3), (1000, 2000), (1e5, 3e5)):
            yield cs.BetaFloatHyperparameter("x", a, b, lower, upper)
            if width > 1:
                yield cs.BetaIntegerHyperparameter("x", a, b, lower, upper)
    yield cs.NormalIntegerHyperparameter("x", 1000.0, 1.0, 1, 10**6, log=True)


def test_priors_of_configspace_have_their_moments():
    cs = pytest.importorskip("ConfigSpace")
    n = 3000
    for hyperparameter in priors_of(cs.hyperparameters):
        space = cs.ConfigurationSpace(seed=1)
        space.add(hyperparameter)
        theirs = np.array(hyperparameter.sample_value(n, seed=np.random.RandomState(0)), dtype=float)
        domain = parse_space(space).flat_domains["x"]
        ours = np.array([domain.from_prior(float(u)) for u in (np.arange(n) + 0.5) / n], dtype=float)  # evenly
        deviation = theirs.std()
        assert abs(ours.mean() - theirs.mean()) <= 5 * deviation / math.sqrt(n) + 1e-9 * abs(theirs.mean()), (
            hyperparameter
        )
        assert ours.std() == pytest.approx(deviation, rel=0.1, abs=1e-9), hyperparameter


def test_draws_from_a_narrow_prior():
    cs = pytest.importorskip("ConfigSpace")
    space = cs.ConfigurationSpace()
    space.add(cs.Float("x", (0, 1), distribution=cs.Normal(0.3, 1e-6)))
    parsed = parse_space(space)
    values = [parsed.resolve(Prior(np.random.default_rng(i))).config["x"] for i in range(200)]
    assert np.std(values) == pytest.approx(1e-6, rel=0.2)
    assert np.std([parsed.resolve(Uniform(np.random.default_rng(i))).config["x"] for i in range(200)]) > 0.2
