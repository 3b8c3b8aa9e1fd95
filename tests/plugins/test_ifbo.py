"""The optimizer `ifbo`: what it proposes, what it refuses, and that it keeps the contract."""

import math

import numpy as np
import pytest

import neps
from neps.testing import check_optimizer, simulate
from neps_core import OptimizerError
from neps_core import events as ev
from neps_core.run import open_run
from neps_core.trials import State
from neps_plugins.toolkit.curves.mfpi import POSSIBLE, Goal
from tests.plugins.several import Driven


def space(**more):
    return {"x": neps.Float(0.0, 1.0), "k": neps.Categorical(["a", "b"]), "epochs": neps.IntegerFidelity(1, 9), **more}


def loss(config):
    """Ends at its distance from (0.3, a), and is there after a few epochs."""
    end = (config["x"] - 0.3) ** 2 + 0.2 * (config["k"] == "b")
    return end + (1.0 - end) * 0.5 ** config["epochs"]


def cost(config, previous):
    return config["epochs"] - (previous.config["epochs"] if previous is not None else 0)


def evaluate(config, previous):
    return loss(config), cost(config, previous)


def simulated(optimizer="ifbo", of=None, evaluate=evaluate, **keywords):
    return simulate(optimizer, of or space(), evaluate, **{"seed": 0, "max_evaluations": 60, **keywords})


def test_it_keeps_the_contract():
    check_optimizer("ifbo", n_trials=8)


def test_with_priors_it_keeps_the_contract():
    priors = {"x": neps.Float(0.0, 1.0, prior=0.3), "epochs": neps.IntegerFidelity(1, 9)}
    keywords = {"use_priors": True, "sample_prior_first": True, "initial_design_size": 2}
    check_optimizer("ifbo", spaces={"priors": priors}, n_trials=8, keywords=keywords)


def test_each_trial_is_one_step_further_than_the_one_that_it_continues():
    run = simulated()
    seen = {}
    for trial in run.ended:
        number, level = map(int, trial.id.split("_rung_"))
        assert trial.config["epochs"] == level + 1
        previous = trial.metadata.previous_trial_id
        assert previous == (f"{number}_rung_{level - 1}" if level else None)
        assert seen.get(number, -1) == level - 1
        seen[number] = level
    assert len(seen) > 3
    assert max(seen.values()) == 8


def test_it_finds_the_best_and_trains_it():
    best = min((trial for trial in simulated(seed=1).ended), key=lambda trial: trial.objectives[0])
    assert best.config["epochs"] >= 8
    assert best.config["k"] == "a"
    assert abs(best.config["x"] - 0.3) < 0.1


def test_new_configurations_are_no_copies_of_others():
    x = {(trial.config["k"], trial.config["x"]) for trial in simulated(seed=2).ended}
    for label in "ab":
        assert np.diff(sorted(value for k, value in x if k == label)).min() > 0.015


def test_where_the_cheapest_results_are_the_lowest_ones_something_is_trained_all_the_same():
    def rising(config, previous):
        return (config["x"] - 0.3) ** 2 + 0.05 * math.log(config["epochs"]), cost(config, previous)

    of = {"x": neps.Float(0.0, 1.0), "epochs": neps.IntegerFidelity(1, 9)}
    run = simulated(of=of, evaluate=rising, max_evaluations=110)
    done = [trial.config["x"] for trial in run.ended if trial.config["epochs"] == 9]
    assert done
    assert min(abs(x - 0.3) for x in done) < 0.1


def test_eight_workers_never_have_the_same_configuration_twice_at_a_time():
    run = simulated(n_workers=8)
    times = {trial.id: (trial.metadata.time_started, trial.metadata.time_end) for trial in run.ended}
    for trial in run.ended:
        previous = trial.metadata.previous_trial_id
        if previous is not None:
            assert times[previous][1] <= times[trial.id][0]
    assert len(times) == len(run.ended)
    assert min(trial.objectives[0] for trial in run.ended) < 0.1


@pytest.mark.parametrize(
    ("fidelity", "step", "expected"),
    [
        (neps.IntegerFidelity(1, 10), 3, [1, 4, 7, 10]),
        (neps.IntegerFidelity(1, 10), 4, [2, 6, 10]),
        (neps.IntegerFidelity(0, 4), 2, [2, 4]),
        (neps.IntegerFidelity(1, 10, log=True), 3, [1, 4, 7, 10]),
        (neps.FloatFidelity(0.1, 1.0), 0.3, [0.1, 0.4, 0.7, 1.0]),
        (neps.FloatFidelity(0.05, 1.0, log=True), 0.25, [0.25, 0.5, 0.75, 1.0]),
    ],
)
def test_steps_lead_up_to_the_upper_bound(fidelity, step, expected):
    run = simulated(
        ("ifbo", {"step_size": step}),
        {"x": neps.Float(0.0, 1.0), "epochs": fidelity},
        lambda config, previous: (config["x"] - config["epochs"], 1.0),
        max_evaluations=30,
    )
    found = sorted({round(trial.config["epochs"], 9) for trial in run.ended})
    assert found == pytest.approx(expected)


class DependsOnEpochs(neps.PipelineSpace):
    epochs = neps.IntegerFidelity(1, 9)
    patience = neps.Integer(neps.ByName("epochs"), 12)


@pytest.mark.parametrize(
    ("keywords", "of", "message"),
    [
        ({"step_size": 9}, space(), "step_size=9 of 'ifbo' is larger than the range of the fidelity 'epochs'"),
        ({}, {"x": neps.Float(0, 1), "e": neps.FloatFidelity(0.1, 1.0)}, "Give a smaller one, such as step_size=0.04"),
        ({"step_size": 0}, space(), "step_size of 'ifbo' must be a number above 0, not 0"),
        ({"step_size": True}, space(), "must be a number above 0, not True"),
        ({"step_size": 1.5}, space(), "has whole numbers only"),
        ({"step_size": 1e-9}, {"e": neps.FloatFidelity(0.1, 1.0)}, "Give a larger one"),
        ({}, {"x": neps.Float(0, 1)}, "'ifbo' needs a fidelity, and the space has none"),
        ({}, {"e": neps.IntegerFidelity(5, 5)}, "the fidelity 'e' has one value only, 5: 'ifbo' has nothing to raise"),
        ({}, DependsOnEpochs(), "what 'patience' can be depends on 'epochs'"),
        ({"use_priors": True}, space(), "use_priors=True of 'ifbo' needs a prior.* or leave that out"),
        ({"sample_prior_first": "yes"}, space(), "sample_prior_first='yes' of 'ifbo' must be True or False"),
        ({"initial_design_size": 0}, space(), "initial_design_size=0 of 'ifbo' must be 'ndim' or a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(keywords, of, message):
    with pytest.raises(OptimizerError, match=message):
        simulated(("ifbo", keywords), of)


def test_without_the_package_of_the_transformer_the_error_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "ifbo.surrogate", None)
    with pytest.raises(OptimizerError, match=r"pip install 'neps-framework\[ifbo\]'"):
        simulated(("ifbo", {"surrogate_path": tmp_path}))


def test_the_priors_own_values_come_first():
    of = {"x": neps.Float(0.0, 1.0, prior=0.25), "epochs": neps.IntegerFidelity(1, 9)}
    run = simulated(("ifbo", {"sample_prior_first": True}), of, lambda config, previous: (config["x"], 1.0))
    assert run.ended[0].config == {"x": 0.25, "epochs": 1}


def test_priors_draw_new_configurations_to_them():
    def begun(**keywords):
        of = {"x": neps.Float(0.0, 1.0, prior=0.9, prior_confidence="high"), "epochs": neps.IntegerFidelity(1, 9)}
        run = simulated(("ifbo", keywords), of, lambda c, previous: (1.0 / c["epochs"], 1.0), max_evaluations=30)
        return np.median([trial.config["x"] for trial in run.ended if trial.config["epochs"] == 1])

    assert abs(begun(use_priors=True, initial_design_size=4) - 0.9) < 0.15 < abs(begun(initial_design_size=4) - 0.9)


@pytest.mark.parametrize("worthless", [math.nan, math.inf, "raise"])
def test_what_failed_is_not_gone_on_with_and_its_neighbours_are_avoided(worthless):
    def evaluate(config, previous):
        if config["x"] > 0.5:
            if worthless == "raise":
                return {"exception": RuntimeError("no memory")}, 1.0
            return worthless, 1.0
        return loss(config), 1.0

    run = simulated(evaluate=evaluate, max_evaluations=50)
    broken = [trial for trial in run.ended if trial.config["x"] > 0.5]
    assert all(trial.config["epochs"] == 1 for trial in broken)
    assert len(broken) < 10
    assert max(trial.config["epochs"] for trial in run.ended) == 9


def test_a_small_space_is_trained_to_the_end_and_then_done():
    of = {"k": neps.Categorical(["a", "b", "c"]), "epochs": neps.IntegerFidelity(1, 4)}
    run = simulated(of=of, evaluate=lambda c, previous: ("abc".index(c["k"]) + 1 / c["epochs"], 1.0))
    assert sorted((t.config["k"], t.config["epochs"]) for t in run.ended) == [
        (k, epochs) for k in "abc" for epochs in (1, 2, 3, 4)
    ]


def test_a_step_that_was_put_back_is_not_proposed_twice_and_its_curve_goes_on_after_it():
    of = {"k": neps.Categorical(["a", "b"]), "epochs": neps.IntegerFidelity(1, 4)}
    run = Driven("ifbo", of, lambda config: (1 / config["epochs"], None)).run(3)
    [killed] = run.ask()
    run.log.fold([ev.Requeued(killed, 0.0, "its worker died")])
    number = killed.split("_rung_")[0]
    others = [run.ask() for _ in range(2)]
    assert not any(i.startswith(f"{number}_rung_") for ids in others for i in ids)
    run.log.fold([ev.Started(killed, 0.0, "w")])
    run.tell(killed)
    for ids in others:
        for i in ids:
            run.tell(i)
    run.run(10)
    assert len(run.trials) == 8
    assert all(trial.state is State.SUCCESS for trial in run.trials.values())


def test_a_run_goes_on_where_it_was(tmp_path):
    def evaluate_pipeline(x, k, epochs, previous_pipeline_directory):
        assert (epochs == 1) == (previous_pipeline_directory is None)
        return loss({"x": x, "k": k, "epochs": epochs})

    def ids(directory, *parts):
        for evaluations in parts:
            run = {"root_directory": directory, "optimizer": "ifbo", "seed": 1}
            neps.run(evaluate_pipeline, space(), evaluations_to_spend=evaluations, **run)
        return [(trial.id, trial.config) for trial in open_run(directory).trials.values()]

    assert ids(tmp_path / "at once", 16) == ids(tmp_path / "in parts", 7, 9)


def test_imported_results_are_gone_on_with(tmp_path):
    results = [({"x": x, "k": "a", "epochs": 3}, loss({"x": x, "k": "a", "epochs": 3})) for x in (0.3, 0.9, 0.1)]
    neps.import_trials(results, tmp_path, space(), optimizer="ifbo")
    assert sorted(trial.id for trial in open_run(tmp_path).trials.values()) == ["1_rung_2", "2_rung_2", "3_rung_2"]
    neps.run(lambda **config: loss(config), space(), root_directory=tmp_path, evaluations_to_spend=12)
    assert any(
        (trial.metadata.previous_trial_id or "").endswith("_rung_2") for trial in open_run(tmp_path).trials.values()
    )


def test_of_thousands_of_steps_neighbours_share_a_time():
    of = {"x": neps.Float(0.0, 1.0), "epochs": neps.IntegerFidelity(1, 5000)}
    run = simulated(of=of, evaluate=lambda c, previous: (c["x"] + 1 / c["epochs"], 1.0), max_evaluations=40)
    assert max(trial.config["epochs"] for trial in run.ended) > 5


def test_where_much_is_to_be_gained_at_once_what_is_unknown_is_begun(monkeypatch):
    """What is known can't gain as much; if it were enough not to lose as much, nothing would be begun any more."""
    monkeypatch.setattr(Goal, "drawn", classmethod(lambda cls, n, rng: cls(1, 1.0)))
    assert len({trial.id.split("_")[0] for trial in simulated().ended}) > 20


def test_horizons_and_margins_are_drawn_anew():
    rng = np.random.default_rng(0)
    goals = [Goal.drawn(9, rng) for _ in range(500)]
    assert {goal.horizon for goal in goals} == set(range(1, 10))
    margins = np.log10([goal.margin / POSSIBLE for goal in goals])
    assert -4 <= margins.min() < -3.9 and -1.1 < margins.max() <= -1
