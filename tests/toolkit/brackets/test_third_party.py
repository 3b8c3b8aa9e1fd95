"""Schedules and samplers of other people's, wherever a name is taken."""

from __future__ import annotations

import pytest

import neps
from neps.testing import check_optimizer, simulate
from neps_core import OptimizerError, Uniform, parse_space
from neps_plugins.toolkit import (
    Asynchronous,
    BracketOptimizer,
    ModelSampler,
    PriorBandSampler,
    Synchronous,
    SynchronousBrackets,
    make_ladder,
    make_sampler,
    make_schedule,
)

SPACE = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}
PRIORS = {**SPACE, "x": neps.Float(0, 1, prior=0.5)}
NAMED = ("successive_halving", "hyperband", "asha", "async_hb")


def quick(config, previous):
    return config["x"], 1.0


def four_two_one(rungs, start):
    """A schedule from what the toolkit has."""
    return Synchronous({start: (4, 2, 1)})


class TwoKinds:
    """A schedule that is a class: a bracket from the bottom, and one that is at the top only."""

    def __init__(self, rungs, start):
        self.brackets = SynchronousBrackets({0: (2, 1, 1), rungs.top: (1,)})

    def openings(self, rng):
        return self.brackets.openings()

    def sizes(self):
        return None


def halves(request):
    """A sampler that is a function: the middle, but for the fidelity, which is overwritten."""
    return request.space.resolve(lambda path, domain: domain.from_unit(0.5)).config


class Counting:
    """A sampler that is a class: one after the other, and further to the right the higher it begins."""

    def __init__(self, space, ladder):
        self.space, self.ladder = space, ladder

    def __call__(self, request):
        n = 1 + len(request.trials) + len(request.batch)
        config = self.space.resolve(Uniform(request.rng)).config
        return {**config, "x": n / 256 + request.level / (8 * self.ladder.top)}


@pytest.fixture
def ladder():
    return make_ladder(parse_space(SPACE), 3, "mine")


def levels(trials):
    found = {}
    for trial_id in trials:
        level = int(trial_id[-1])
        found[level] = found.get(level, 0) + 1
    return found


def test_what_makes_a_schedule():
    run = simulate(("priorband", {"base": four_two_one}), PRIORS, quick, max_evaluations=7)
    assert levels(run.trials) == {0: 4, 1: 2, 2: 1}


def test_a_class_of_schedules():
    run = simulate(("priorband", {"base": TwoKinds}), PRIORS, quick, max_evaluations=10)
    assert levels(run.trials) == {0: 4, 1: 2, 2: 4}  # of each two that begin below, one comes to the top


def test_a_schedule_itself(ladder):
    schedule = Synchronous({1: (3, 1)})
    assert make_schedule(schedule, ladder) is schedule
    run = simulate(("priorband", {"base": schedule}), PRIORS, quick, max_evaluations=4)
    assert levels(run.trials) == {1: 3, 2: 1}
    optimizer = neps.algorithms.priorband(PRIORS, base=schedule)
    assert optimizer.details["bracket_sizes"] == [{"first_rung": 1, "sizes": [3, 1]}]


def test_schedules_and_samplers_of_others_keep_the_contract():
    def mine(space):
        return BracketOptimizer("mine", space, TwoKinds, sampler=Counting)

    check_optimizer(mine, spaces={"s": SPACE}, n_trials=30)


@pytest.mark.parametrize("name", NAMED)
def test_names_are_what_they_make(name, ladder):
    made = make_schedule(name, ladder, 1 if name in ("successive_halving", "asha") else 0)
    kind = Synchronous if name in ("successive_halving", "hyperband") else Asynchronous
    assert isinstance(made, kind)


@pytest.mark.parametrize("wrong", ["hyperbnad", "", 3, None, object()])
def test_no_schedule(wrong):
    with pytest.raises(OptimizerError, match="is unknown.*hyperband"):
        neps.algorithms.priorband(PRIORS, base=wrong)


def test_what_makes_no_schedule():
    with pytest.raises(OptimizerError, match="gives 'nothing of use', which is no schedule"):
        neps.algorithms.priorband(PRIORS, base=lambda rungs, start: "nothing of use")


@pytest.mark.parametrize("name", NAMED)
def test_a_function_that_samples(name):
    run = simulate((name, {"sampler": halves}), SPACE, quick, max_evaluations=12)
    assert {trial.config["x"] for trial in run.trials.values()} == {0.5}
    for trial_id, trial in run.trials.items():  # whatever the sampler says of the fidelity
        assert trial.config["epochs"] == {"0": 1, "1": 3, "2": 9}[trial_id[-1]]


@pytest.mark.parametrize("name", NAMED)
def test_a_class_of_samplers_is_made_for_each_optimizer(name):
    first = neps.algorithms.asha(SPACE, sampler=Counting)
    again = neps.algorithms.asha(SPACE, sampler=Counting)
    assert [proposal.config["x"] for proposal in first({}, None, 3)] == [1 / 256, 2 / 256, 3 / 256]
    assert again({}, None)[0].config["x"] == 1 / 256
    run = simulate((name, {"sampler": Counting}), SPACE, quick, max_evaluations=12)
    assert len({trial.config["x"] for trial in run.trials.values()}) >= 5


def test_the_toolkits_samplers_are_given_as_anybodys(ladder):
    space = parse_space(PRIORS)
    for sampler in (PriorBandSampler, ModelSampler):
        assert isinstance(make_sampler(sampler, space, ladder, "mine"), sampler)
        run = simulate(("hyperband", {"sampler": sampler}), PRIORS, quick, max_evaluations=8)
        named = {PriorBandSampler: "priorband", ModelSampler: "bayesian_optimization"}[sampler]
        same = simulate(("hyperband", {"sampler": named}), PRIORS, quick, max_evaluations=8)
        assert [t.config for t in run.trials.values()] == [t.config for t in same.trials.values()]


@pytest.mark.parametrize("wrong", ["unifrom", "", 3, None, ["uniform"]])
def test_no_sampler(wrong):
    with pytest.raises(OptimizerError, match="is unknown.*uniform"):
        neps.algorithms.hyperband(SPACE, sampler=wrong)


def test_a_run_is_gone_on_with(tmp_path):
    """They are written down by where they are imported from."""
    for total in (3, 6):
        neps.run(
            lambda x, epochs: x,
            PRIORS,
            root_directory=tmp_path / "run",
            optimizer=("asha", {"sampler": Counting}),
            evaluations_to_spend=total,
        )
    info = neps.load_optimizer_info(tmp_path / "run")
    assert "Counting" in str(info)
