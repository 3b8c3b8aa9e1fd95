"""Our own optimizers may be called without randomness, seed, budget or number."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import neps
from neps_core import parse_space, replay
from neps_core.optimizers.spec import find_optimizer, optimizer_specs
from neps_core.trial_log import TrialLog
from neps_plugins.toolkit.randomness import given_or_fresh

SPACE = {"x": neps.Float(0, 1, prior=0.2), "c": neps.Categorical(["a", "b", "d"])}
FIDELITY = {**SPACE, "epochs": neps.IntegerFidelity(1, 9)}

OURS = [
    *((name, {}) for name in ("random_search", "grid_search", "bayesian_optimization", "pibo", "tpe", "nsga2")),
    *((name, {}) for name in ("successive_halving", "hyperband", "asha", "async_hb", "priorband")),
    *((name, {"cost_aware": how}) for name in ("bayesian_optimization", "pibo") for how in (True, "log")),
    *(("hyperband", {"sampler": sampler}) for sampler in ("prior", "priorband", "bayesian_optimization", "pibo")),
    ("priorband", {"bayesian_optimization_kick_in_point": 0}),
    ("primo", {"initial_design_size": 1}),
    ("regularized_evolution", {"population_size": 5}),
    ("complex_random_search", {}),
    ("local_and_incumbent", {}),
    ("cma_es", {"population_size": 4}),
    ("ifbo", {}),
]


def made(name, keywords):
    spec = find_optimizer(name)
    space = parse_space(FIDELITY if spec.uses_fidelity else SPACE)
    return space, spec.load()(space, **keywords)


def test_none_is_forgotten():
    ours = {spec.name for plugin, spec in optimizer_specs() if plugin.target.startswith("neps_plugins.")}
    assert {name for name, _ in OURS} == ours


@pytest.mark.parametrize("name, keywords", OURS)
@pytest.mark.parametrize("trials", [{}, TrialLog().trials], ids=["dict", "log"])
def test_the_first_proposal(name, keywords, trials):
    space, optimizer = made(name, keywords)
    for proposals in (optimizer(trials, None), optimizer(trials)):
        [proposal] = proposals
        assert replay(space, proposal.config).config == proposal.config


@pytest.mark.parametrize("name, keywords", OURS)
def test_after_some_trials(name, keywords):
    """Costs are known then, and models there."""
    space, optimizer = made(name, keywords)
    loop = neps.AskAndTell(optimizer)
    for i in range(12):
        trial = loop.ask()
        loop.tell(trial, {"objective_to_minimize": float(i % 5) + trial.config["x"], "cost": 1.0 + i % 3})
    for trials in (loop.trials, dict(loop.trials)):
        for proposal in optimizer(trials, None, 2):
            assert replay(space, proposal.config).config == proposal.config


def test_the_defaults_are_the_same_everywhere():
    for name, keywords in OURS:
        parameters = inspect.signature(made(name, keywords)[1]).parameters
        defaults = {key: p.default for key, p in parameters.items() if key != "trials"}
        assert defaults.items() <= {"budget_info": None, "n": None, "rng": None, "seed": 0}.items(), name
        assert {"budget_info", "n"} <= set(defaults)


def test_without_randomness_every_call_is_another():
    _, optimizer = made("random_search", {})
    assert len({optimizer({}, None)[0].config["x"] for _ in range(5)}) == 5


def test_the_rule():
    rng = np.random.default_rng(0)
    assert given_or_fresh(rng) is rng
    assert given_or_fresh(None).random() != given_or_fresh(None).random()
