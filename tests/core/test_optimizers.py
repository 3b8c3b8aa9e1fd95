"""What an optimizer may answer, and what the core makes of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps_core import OptimizerError, SampledConfig
from neps_core.run import open_run
from neps_core.trials import State

SPACE = {"x": neps.Float(0, 1)}


def make(answer):
    class Made:
        def __init__(self, space, **keywords):
            self.keywords = keywords

        def __call__(self, trials, budget_info, n=None):
            return answer(trials, budget_info, n) if callable(answer) else answer

    return Made


def run(root, optimizer, **keywords):
    return neps.run(
        lambda x: x, SPACE, root_directory=root, optimizer=optimizer, **{"evaluations_to_spend": 2, **keywords}
    )


def test_ids_are_given_and_numbers_never_collide(root):
    answers = [[SampledConfig({"x": 0.1}, "3_rung_0"), SampledConfig({"x": 0.2})], SampledConfig({"x": 0.3})]
    result = run(root, make(lambda trials, *_: answers[1] if trials else answers[0]), evaluations_to_spend=3)
    assert list(result.trials) == ["3_rung_0", "4", "5"]


def test_a_continued_trial_gets_the_folder_of_the_one_before(root):
    def answer(trials, budget_info, n):
        k = len(trials)
        return SampledConfig({"x": 0.5}, f"1_rung_{k}", f"1_rung_{k - 1}" if k else None)

    seen = []

    def evaluate(x, previous_pipeline_directory, pipeline_directory):
        seen.append(previous_pipeline_directory)
        return x

    neps.run(evaluate, SPACE, root_directory=root, optimizer=make(answer), evaluations_to_spend=2)
    assert seen == [None, root / "configs/config_1_rung_0"]
    assert open_run(root).trials["1_rung_1"].metadata.previous_trial_id == "1_rung_0"


@pytest.mark.parametrize(
    "answer, message",
    [
        (None, "expected a SampledConfig"),
        ({"x": 0.5}, "expected a SampledConfig"),
        (SampledConfig({"x": 2}), "'x': 2.0 is outside"),
        (SampledConfig({}), "no value for 'x'"),
        (SampledConfig({"x": 0.5, "y": 1}), "does not ask for 'y'"),
        (SampledConfig({"x": math.nan}), "'x': nan is outside"),
        (SampledConfig({"x": 0.5}, "../up"), "can't be used"),
        (SampledConfig({"x": 0.5}, "a/b"), "can't be used"),
        ([SampledConfig({"x": 0.5}, "a"), SampledConfig({"x": 0.5}, "a")], "one id twice"),
        (lambda *_: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_unusable_answers(root, answer, message):
    run(root, "random_search")
    with pytest.raises(OptimizerError, match=message):
        run(root, make(answer))
    assert [t.state for t in open_run(root).trials.values()] == [State.SUCCESS] * 2


def test_an_id_that_exists(root):
    with pytest.raises(OptimizerError, match="'7', which exists already"):
        run(root, make(SampledConfig({"x": 0.5}, "7")))


def test_numpy_values_are_made_plain(root):
    result = run(root, make(SampledConfig({"x": np.float32(0.5)})))
    assert type(result.trials["1"].config["x"]) is float


def test_nothing_to_propose_ends_the_run(root):
    assert "nothing more to propose" in run(root, make([])).stopped_because


def test_what_it_is_told(root):
    told = []

    def answer(trials, budget_info, n):
        told.append((len(trials), budget_info.max_evaluations, budget_info.used_evaluations, budget_info.used_cost, n))
        return [SampledConfig({"x": 0.5})] * (n or 1)

    neps.run(
        lambda x: {"objective_to_minimize": x, "cost": 2},
        SPACE,
        root_directory=root,
        optimizer=make(answer),
        evaluations_to_spend=3,
        cost_to_spend=100,
        sample_batch_size=2,
    )
    assert told == [(0, 3, 0, 0, 2), (2, 3, 2, 4, 2)]


def test_an_unregistered_callable_is_found_again_where_it_is_imported(root):
    run(root, Registered)
    neps.run(lambda x: x, root_directory=root, evaluations_to_spend=1)
    assert neps.load_optimizer_info(root) == {"name": f"{__name__}:Registered", "info": {"at": 0.5}}
    local = make(SampledConfig({"x": 0.5}))
    run(root, local)
    with pytest.raises(OptimizerError, match="pass it again"):
        neps.run(lambda x: x, root_directory=root, evaluations_to_spend=1)
    assert len(open_run(root).trials) == 5


class Registered:
    def __init__(self, space, at=0.5):
        self.at = at

    def __call__(self, trials, budget_info, n=None):
        return SampledConfig({"x": self.at})


def test_a_registered_one_given_as_a_callable_is_its_name(root):
    run(root, (neps.algorithms.grid_search, {"size_per_numerical_dimension": 2}))
    neps.run(lambda x: x, root_directory=root, evaluations_to_spend=1)
    assert neps.load_optimizer_info(root)["name"] == "grid_search"


def test_a_name_in_a_runs_files_imports_nothing(root, script, rewrite_events):
    run(root, "random_search")
    rewrite_events(
        root, lambda events: [e.update(name="antigravity:main") for e in events if e["event"] == "optimizerrecorded"]
    )
    script.write(
        """
        import sys, neps
        try:
            neps.run(lambda x: x, root_directory=sys.argv[1], evaluations_to_spend=1)
        except neps.NePSError as error:
            print(error)
        assert "antigravity" not in sys.modules
        """
    )
    assert "nothing is called on the word of a file" in script.run(root)[0]


#: What scripts that were written for the older interface may give.
OLDER = {
    "bayesian_optimization": {"device": "cpu", "num_restarts": 20, "n_initial_start_points": None, "cost_aware": False},
    "pibo": {"device": None, "num_restarts": 20, "n_initial_start_points": 256, "sample_prior_first": True},
    "neps_random_search": {"use_priors": False, "ignore_fidelity": "highest_fidelity"},
    "neps_grid_search": {"size_per_numerical_dimension": 3, "ignore_fidelity": False},
    "grid_search": {"size_per_numerical_dimension": 3, "ignore_fidelity": False},
    "neps_hyperband": {"eta": 3, "sampler": "uniform", "sample_prior_first": False},
    "neps_priorband": {"inc_ratio": 0.9, "eta": 3, "sample_prior_first": True, "base": "asha"},
    "priorband": {"eta": 3, "base": "async_hb", "bayesian_optimization_kick_in_point": 5},
    "asha": {"eta": 3, "early_stopping_rate": 0, "sampler": "prior", "sample_prior_first": "highest_fidelity"},
    "async_hb": {"eta": 3, "sampler": "uniform", "sample_prior_first": True},
    "primo": {
        "prior_centers": {"0": {"x": 0.5}},
        "device": "cpu",
        "bo_scalar_weights": None,
        "epsilon": 0.25,
        "eta": 3,
    },
    "successive_halving": {"sampler": "uniform", "eta": 3, "early_stopping_rate": 0, "sample_prior_first": False},
    "complex_random_search": {"ignore_fidelity": "highest_fidelity"},
    "neps_regularized_evolution": {
        "population_size": 20,
        "tournament_size": 5,
        "use_priors": True,
        "mutation_type": 0.5,
        "n_mutations": "random",
        "n_forgets": None,
        "ignore_fidelity": False,
    },
    "neps_local_and_incumbent": {
        "local_prior": {"x": 0.5},
        "inc_takeover_mode": 0,
        "random_ratio": 0.0,
        "eta": 3,
        "base": "hyperband",
    },
}


@pytest.mark.parametrize("name", OLDER)
def test_older_keywords_are_taken(name):
    space = {"x": neps.Float(0, 1, prior=0.5)}
    if "eta" in OLDER[name] or "base" in OLDER[name]:
        space["epochs"] = neps.IntegerFidelity(1, 9)
    assert getattr(neps.algorithms, name)(space, **OLDER[name])({}, None)


def test_a_keyword_without_effect_is_not_recorded(root, caplog):
    caplog.set_level("DEBUG", "neps.optimizers")
    run(root, ("bayesian_optimization", {"device": "cuda", "cost_aware": False}))
    assert "The keyword device='cuda' of the optimizer 'bayesian_optimization' has no effect" in caplog.text
    assert "device" not in neps.load_optimizer_info(root)["info"]
    run(root, "bayesian_optimization")
    assert len(open_run(root).log.optimizers) == 1
    with pytest.raises(OptimizerError, match="no keyword 'devise'"):
        run(root, ("bayesian_optimization", {"devise": "cuda"}))
