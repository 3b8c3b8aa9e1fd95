"""Successive halving, Hyperband, ASHA, asynchronous Hyperband, PriorBand."""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter, defaultdict

import numpy as np
import pytest

import neps
from neps.testing import check_optimizer, gallery, simulate
from neps_core import OptimizerError
from neps_core import events as ev
from neps_core.cleaning import clean
from neps_core.run import open_run
from neps_core.trial_log import TrialLog
from neps_core.trials import Report, State
from neps_plugins.toolkit.brackets.priorband_sampler import PriorBandSampler

ALL = ("successive_halving", "hyperband", "asha", "async_hb", "priorband")
SPACE = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 27)}
PRIORS = {
    "x": neps.Float(0, 1, prior=0.1, prior_confidence="high"),
    "y": neps.Float(0, 1),
    "epochs": neps.IntegerFidelity(1, 27),
}


class Bounded(neps.PipelineSpace):
    epochs = neps.IntegerFidelity(1, 9)
    x = neps.Float(0, 1)
    warmup = neps.Integer(1, neps.ByName("epochs"))


BOUNDED = Bounded()


def levels(trials):
    """Configurations by level, in the order of their trials."""
    found = defaultdict(list)
    for trial_id in trials:
        number, _, level = trial_id.partition("_rung_")
        found[int(level)].append(int(number))
    return found


def quick(config, previous):
    return config["x"], 1.0


def spaces_for(name):
    return PRIORS if name == "priorband" else SPACE


@pytest.mark.parametrize("name", ALL)
def test_they_keep_the_contract(name):
    check_optimizer(name, n_trials=45)


@pytest.mark.parametrize("name", ALL[:4])
@pytest.mark.parametrize("sampler", ["uniform", "prior", "priorband"])
def test_every_sampler_for_every_bracket(name, sampler):
    check_optimizer(name, keywords={"sampler": sampler, "sample_prior_first": True}, spaces={"p": PRIORS}, n_trials=30)


@pytest.mark.parametrize("base", ALL[:4])
def test_every_base_of_priorband(base):
    check_optimizer("priorband", keywords={"base": base}, n_trials=30)


class TestSynchronous:
    def test_successive_halving_is_the_papers(self):
        run = simulate("successive_halving", SPACE, quick, max_evaluations=40)
        found = levels(run.trials)
        assert {level: len(numbers) for level, numbers in found.items()} == {0: 27, 1: 9, 2: 3, 3: 1}
        objective = {int(i.split("_")[0]): t.config["x"] for i, t in run.trials.items() if i.endswith("rung_0")}
        for level in (1, 2, 3):
            best = sorted(found[level - 1], key=objective.__getitem__)[: len(found[level])]
            assert found[level] == best
        assert [t.config["epochs"] for i, t in run.trials.items() if i.startswith(f"{found[3][0]}_")] == [1, 3, 9, 27]

    def test_the_next_bracket_begins_when_one_is_over(self):
        run = simulate("successive_halving", SPACE, quick, max_evaluations=80)
        assert {level: len(numbers) for level, numbers in levels(run.trials).items()} == {0: 54, 1: 18, 2: 6, 3: 2}

    def test_hyperband_goes_through_all_brackets(self):
        space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 81)}
        sizes = [(81, 27, 9, 3, 1), (34, 11, 3, 1), (15, 5, 1), (8, 2), (5,)]
        run = simulate("hyperband", space, quick, max_evaluations=sum(map(sum, sizes)))
        first_level = {
            number: min(k for k, numbers in levels(run.trials).items() if number in numbers) for number in range(1, 144)
        }
        assert Counter(first_level.values()) == {0: 81, 1: 34, 2: 15, 3: 8, 4: 5}
        assert list(first_level.values()) == sorted(first_level.values())
        assert {k: len(v) for k, v in levels(run.trials).items()} == {
            0: 81,
            1: 27 + 34,
            2: 9 + 11 + 15,
            3: 3 + 3 + 5 + 8,
            4: 1 + 1 + 1 + 2 + 5,
        }

    def test_a_bracket_that_waits_opens_the_next(self):
        """The 27th configuration takes very long: the others go on with a second bracket meanwhile."""

        def evaluate(config, previous):
            return config["x"], 1000.0 if config["x"] == slow else 1.0

        slow = None
        slow = next(iter(simulate("successive_halving", SPACE, quick, max_evaluations=1).trials.values())).config["x"]
        run = simulate("successive_halving", SPACE, evaluate, n_workers=4, max_time=100)
        assert len(run.trials) > 200
        assert not any(n <= 27 for n in levels(run.trials)[1])

    def test_failures_are_never_promoted_and_stop_nothing(self):
        def evaluate(config, previous):
            x = config["x"]
            return (ValueError("no") if x < 0.3 else math.nan if x < 0.4 else math.inf if x > 0.9 else x), 1.0

        run = simulate("hyperband", SPACE, evaluate, n_workers=3, max_evaluations=400)
        bad = {t.id.split("_")[0] for t in run.trials.values() if t.state in (State.FAILED, State.CRASHED)}
        assert bad
        assert not any(i.split("_")[0] in bad for i in run.trials if not i.endswith(f"_rung_{_first(run.trials, i)}"))
        assert len(run.ended) == 400

    def test_a_bracket_in_which_all_fail_is_over(self):
        run = simulate("successive_halving", SPACE, lambda c, p: (ValueError(), 1.0), max_evaluations=60)
        assert {k: len(v) for k, v in levels(run.trials).items()} == {0: 60}

    def test_early_stopping_rate(self):
        run = simulate(("successive_halving", {"early_stopping_rate": 2}), SPACE, quick, max_evaluations=8)
        assert list(run.trials) == [
            "1_rung_2",
            "2_rung_2",
            "3_rung_2",
            *[i for i in run.trials if i.endswith("3")][:1],
            *list(run.trials)[4:],
        ]
        assert {k: len(v) for k, v in levels(run.trials).items()} == {2: 6, 3: 2}
        for rate in (4, -1, 1.5, True):
            with pytest.raises(OptimizerError, match="early_stopping_rate.*from 0 to 3"):
                neps.algorithms.asha(SPACE, early_stopping_rate=rate)


def _first(trials, trial_id):
    number = trial_id.split("_")[0]
    return min(int(i.rpartition("_")[2]) for i in trials if i.split("_")[0] == number)


class TestAsynchronous:
    def test_asha_promotes_the_best_third_at_once(self):
        log, asha = TrialLog(), neps.algorithms.asha(SPACE)
        log.fold([ev.Created(1, 0, 0.0)])
        rng = np.random.default_rng(0)

        def ask():
            return asha(log.trials, neps.BudgetInfo(), None, rng)[0]

        def evaluate(proposal, objective):
            log.fold(
                [
                    ev.Sampled(proposal.id, dict(proposal.config), 1.0, "w", proposal.previous_config_id),
                    ev.Started(proposal.id, 1.0, "w"),
                    ev.Finished(proposal.id, 2.0, State.SUCCESS, Report(objective)),
                ]
            )

        for objective in (0.3, 0.1, 0.2):
            proposal = ask()
            assert proposal.id.endswith("_rung_0")
            evaluate(proposal, objective)
        promoted = ask()
        assert (promoted.id, promoted.previous_config_id) == ("2_rung_1", "2_rung_0")
        assert promoted.config == {**log.trials["2_rung_0"].config, "epochs": 3}
        evaluate(promoted, 0.05)
        assert ask().id == "4_rung_0"

    def test_the_highest_promotion_is_the_most_urgent(self):
        trials = {}

        def done(number, level, objective):
            config = {"x": 0.5, "epochs": [1, 3, 9, 27][level]}
            trial_id = f"{number}_rung_{level}"
            trials[trial_id] = neps.Trial(trial_id, config, State.SUCCESS, report=Report(objective))

        for number in range(1, 13):
            done(number, 0, number / 100)
        for number in (1, 2, 3):
            done(number, 1, number / 100)
        optimizer = neps.algorithms.asha(SPACE)
        proposals = optimizer(trials, neps.BudgetInfo(), 3, np.random.default_rng(0))
        assert [p.id for p in proposals] == ["1_rung_2", "4_rung_1", "13_rung_0"]

    def test_rungs_hold_about_a_third_of_the_one_below(self):
        run = simulate("asha", SPACE, quick, n_workers=8, max_evaluations=1000)
        sizes = [len(levels(run.trials)[k]) for k in range(4)]
        # A little more than a third: what was among the best when it was promoted may not have stayed there.
        assert all(a / 3 - 2 <= b <= 1.25 * a / 3 + 4 for a, b in itertools.pairwise(sizes)), sizes

    def test_async_hb_draws_brackets_as_hyperband_fills_them(self):
        run = simulate("async_hb", SPACE, quick, n_workers=8, max_evaluations=3000)
        firsts = Counter(_firsts(run.trials).values())
        weights = {0: 27, 1: 12, 2: 6, 3: 4}
        total = sum(firsts.values())
        for level, weight in weights.items():
            assert firsts[level] / total == pytest.approx(weight / 49, abs=0.04)


def play(name, space, steps, keywords=None, ask=()):
    """Play a history; `ask` are steps after which the optimizer that follows it is asked. Returns both opinions."""
    log = TrialLog()
    log.fold([ev.Created(1, 0, 0.0)])
    following = getattr(neps.algorithms, name)(space, **(keywords or {}))
    values = {"x": 0.5}
    ladder = following._ladder.fidelities

    def opinion(optimizer):
        return [p.id for p in optimizer(log.trials, neps.BudgetInfo(), None, np.random.default_rng(0))]

    for k, (what, trial_id, objective) in enumerate(steps):
        config = {**values, "epochs": ladder[int(trial_id.rpartition("_")[2])]}
        if what == "delete":
            log.fold([ev.Deleted(trial_id)])
        else:
            if what in ("begin", "do"):
                log.fold([ev.Sampled(trial_id, config, 1.0), ev.Started(trial_id, 1.0, "w")])
            if what in ("end", "do"):
                state = State.FAILED if objective is None else State.SUCCESS
                log.fold([ev.Finished(trial_id, 2.0, state, Report(objective, reported_as=state.value))])
        if k in ask:
            opinion(following)
    return opinion(following), opinion(getattr(neps.algorithms, name)(space, **(keywords or {})))


class TestAfterDeletions:
    """Histories in which trials were removed and evaluated again; found by random play."""

    def test_a_lower_level_after_a_higher_one(self):
        steps = [("do", "1_rung_0", 0.1), ("do", "1_rung_1", 0.1), ("do", "1_rung_2", 0.1)]
        steps += [("delete", "1_rung_1", 0), ("do", "1_rung_1", 0.1), ("delete", "1_rung_0", 0)]
        for name in ALL[:4]:
            following, fresh = play(name, SPACE, steps, ask=range(len(steps)))
            assert following == fresh

    def test_the_order_of_a_replay_makes_no_difference(self):
        space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 4)}
        history = """
            begin 1_rung_0, end 1_rung_0 .9, begin 2_rung_0, begin 3_rung_0, end 2_rung_0 .5, do 4_rung_0 .9,
            begin 5_rung_0, end 3_rung_0, begin 2_rung_1, end 5_rung_0 .1, do 1_rung_1, delete 3_rung_0,
            do 5_rung_1 .5, end 2_rung_1
        """
        steps = []
        for step in history.split(","):
            what, trial_id, *objective = step.split()
            steps.append((what, trial_id, float(objective[0]) if objective else None))
        following, fresh = play("successive_halving", space, steps, {"eta": 2}, ask=range(len(steps)))
        assert following == fresh

    def test_a_trial_that_was_deleted_and_evaluated_again_between_two_asks(self):
        steps = [("do", f"{i}_rung_0", v) for i, v in ((1, 0.1), (2, 0.5), (3, 0.9))]
        steps += [("do", "1_rung_1", 0.1), ("delete", "1_rung_1", 0), ("do", "1_rung_1", 0.95)]
        steps += [("do", f"{i}_rung_0", v) for i, v in ((4, 0.2), (5, 0.6), (6, 0.6))]
        steps += [("do", "2_rung_1", 0.3), ("do", "4_rung_1", 0.4)]
        following, fresh = play("asha", SPACE, steps, ask=(2, 3))
        assert following == fresh == ["2_rung_2"]

    @pytest.mark.parametrize("name", ALL[:4])
    def test_random_histories(self, name):
        rng = np.random.default_rng(5)
        for _ in range(6):
            log, following = TrialLog(), getattr(neps.algorithms, name)(SPACE, eta=3)
            log.fold([ev.Created(1, 0, 0.0)])
            for k in range(120):
                proposals = following(log.trials, neps.BudgetInfo(), None, np.random.default_rng(k))
                fresh = getattr(neps.algorithms, name)(SPACE, eta=3)
                again = fresh(log.trials, neps.BudgetInfo(), None, np.random.default_rng(k))
                assert proposals == again
                for p in proposals:
                    assert p.id not in log.trials
                    log.fold([ev.Sampled(p.id, dict(p.config), 1.0), ev.Started(p.id, 1.0, "w")])
                running = list(log.evaluating)
                while running and (len(running) > 6 or rng.random() < 0.6):
                    trial_id = running.pop(int(rng.integers(len(running))))
                    ok = rng.random() < 0.85
                    report = Report(float(rng.random())) if ok else Report(err="x", reported_as="failed")
                    log.fold([ev.Finished(trial_id, 2.0, State.SUCCESS if ok else State.FAILED, report)])
                if rng.random() < 0.1 and len(log.trials):
                    log.fold([ev.Deleted(str(rng.choice(list(log.trials))))])


def _firsts(trials):
    firsts = {}
    for trial_id in trials:
        number, _, level = trial_id.partition("_rung_")
        firsts[number] = min(firsts.get(number, 99), int(level))
    return firsts


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("n_workers", [1, 7])
def test_never_a_configuration_twice_at_a_rung_and_promotions_are_right(name, n_workers):
    rng = np.random.default_rng(3)

    def evaluate(config, previous):
        return (config["x"] if rng.random() < 0.9 else ValueError("x")), float(rng.exponential())

    run = simulate(name, spaces_for(name), evaluate, n_workers=n_workers, max_evaluations=500)
    assert len(set(run.trials)) == len(run.trials) == 500
    for trial in run.trials.values():
        previous = trial.metadata.previous_trial_id
        number, _, level = trial.id.partition("_rung_")
        assert trial.config["epochs"] == [1, 3, 9, 27][int(level)]
        if previous is not None:
            below = run.trials[previous]
            assert below.id == f"{number}_rung_{int(level) - 1}"
            assert {**below.config, "epochs": 0} == {**trial.config, "epochs": 0}
            assert below.state is State.SUCCESS
            assert below.metadata.time_end <= trial.metadata.time_started
    for turn in itertools.count():
        # At any moment every worker has something to do.
        if turn > 50:
            break
        now = float(rng.uniform(1, 30))
        busy = sum(t.metadata.time_started <= now < (t.metadata.time_end or 0) for t in run.trials.values())
        assert busy == n_workers


class TestRealRuns:
    def test_checkpoints_are_handed_on(self, root):
        def evaluate(x, epochs, pipeline_directory, previous_pipeline_directory):
            done = 0
            if previous_pipeline_directory is not None:
                done = int((previous_pipeline_directory / "epochs.txt").read_text())
            assert done < epochs
            (pipeline_directory / "epochs.txt").write_text(str(epochs))
            return x

        result = neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=60, seed=1)
        assert neps.load_optimizer_info(root)["name"] == "hyperband"
        assert (root / "configs/config_1_rung_0/report.yaml").exists()
        promoted = [t for t in result.trials.values() if t.metadata.previous_trial_id]
        assert promoted

    def test_a_restart_and_several_workers_change_nothing(self, root, script):
        def configs(directory, n=0):
            if n:
                space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}
                neps.run(lambda x, epochs: x, space, root_directory=directory, evaluations_to_spend=n, seed=5)
            return {trial_id: trial.config for trial_id, trial in open_run(directory).trials.items()}

        script.write(
            """
            import sys, neps
            neps.run(lambda x, epochs: x, {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}, seed=5,
                     root_directory=sys.argv[1], total_evaluations_to_spend=20, optimizer=sys.argv[2])
            """
        )
        configs(root / "b", 5)
        configs(root / "b", 7)
        script.run(root / "b", "auto")  # another process, in which sets have another order
        assert configs(root / "a", 20) == configs(root / "b")
        workers = [script.start(root / "c", "hyperband") for _ in range(2)]
        for worker in workers:
            _, err = worker.communicate(timeout=60)
            assert worker.returncode == 0, err
        c = configs(root / "c")
        assert len(c) == 20
        assert len({(trial_id.split("_")[0], config["epochs"]) for trial_id, config in c.items()}) == 20

    def test_after_clean(self, root):
        def evaluate(x, epochs, pipeline_id):
            if pipeline_id in ("3_rung_0", "5_rung_0"):
                raise ValueError
            return x

        run = {"root_directory": root, "optimizer": "successive_halving", "ignore_errors": True, "seed": 2}
        neps.run(evaluate, SPACE, evaluations_to_spend=33, **run)
        best = min(open_run(root).trials.values(), key=lambda t: t.report.objective_to_minimize or 9).id
        clean(root)
        clean(root, [best])
        result = neps.run(lambda x, epochs: x, SPACE, evaluations_to_spend=40, **run)
        ids = list(result.trials)
        assert len(set(ids)) == len(ids)
        assert {"3_rung_0", "5_rung_0"}.isdisjoint(ids)
        for trial in result.trials.values():
            same = [t for t in result.trials.values() if t.id.split("_")[0] == trial.id.split("_")[0]]
            assert len({t.config["x"] for t in same}) == 1

    def test_the_tables_are_told(self, root, caplog):
        import logging

        import yaml

        with caplog.at_level(logging.INFO, logger="neps"):
            neps.run(lambda x, epochs: x, SPACE, root_directory=root, evaluations_to_spend=30)
        assert "rung_fidelities" in caplog.text
        info = yaml.safe_load((root / "optimizer_info.yaml").read_text())
        assert info["details"]["rung_fidelities"] == [1, 3, 9, 27]
        assert info["details"]["bracket_sizes"][0] == {"first_rung": 0, "sizes": [27, 9, 3, 1]}
        assert neps.load_optimizer_info(root)["info"]["eta"] == 3

    def test_status_shows_the_rungs(self, root, capsys):
        from neps_core.cli import main

        neps.run(
            lambda x, epochs: x, SPACE, root_directory=root, evaluations_to_spend=30, optimizer="successive_halving"
        )
        main(["status", str(root)])
        out = capsys.readouterr().out
        assert "rung 0 (epochs = 1): 27 begun, 27 done" in out
        assert "rung 1 (epochs = 3): 3 begun, 3 done" in out
        assert "current bracket: [27, 9, 3, 1] from rung 0, 3 of 9 at rung 1" in out

    def test_imported_trials_are_taken_in(self, root):
        neps.import_trials(
            [({"x": 0.0, "epochs": 1}, 0.0), ({"x": 0.5, "epochs": 27}, 0.5)], root, SPACE, optimizer="asha"
        )
        result = neps.run(lambda x, epochs: x + 1, root_directory=root, evaluations_to_spend=4)
        assert "1_rung_1" in result.trials  # the imported one is among the best third


@pytest.mark.parametrize(
    "space, expected",
    [
        (SPACE, ("hyperband", "bayesian_optimization")),
        (PRIORS, ("hyperband", "pibo")),
        (BOUNDED, "bayesian_optimization"),
        ({"x": neps.Float(0, 1)}, "bayesian_optimization"),
        ({"x": neps.Float(0, 1), "share": neps.FloatFidelity(0, 1)}, "bayesian_optimization"),
        ({"x": neps.Float(0, 1, prior=0.5)}, "pibo"),
        ({"x": neps.Float(0, 1, prior=0.5), "share": neps.FloatFidelity(0, 1)}, "pibo"),
    ],
)
def test_auto(root, space, expected):
    neps.run(lambda **config: 1.0, space, root_directory=root, evaluations_to_spend=1)
    found = neps.load_optimizer_info(root)
    name, sampler = expected if isinstance(expected, tuple) else (expected, None)
    assert (found["name"], found["info"].get("sampler")) == (name, sampler)


@pytest.mark.parametrize("sampler", ["uniform", "bayesian_optimization"])
@pytest.mark.parametrize("name", ALL[:4])
def test_a_fidelity_that_bounds_others_is_refused(name, sampler):
    with pytest.raises(OptimizerError, match=f"{name!r} goes on .* what 'warmup' can be depends on 'epochs'. Give"):
        simulate((name, {"sampler": sampler}), BOUNDED, quick, max_evaluations=1)


@pytest.mark.parametrize("name", ["priorband", "primo"])
def test_others_over_brackets_refuse_it_too(name):
    with pytest.raises(OptimizerError, match=f"{name!r} goes on .* depends on 'epochs'"):
        simulate(name, BOUNDED, quick, max_evaluations=1)


def test_a_choice_that_a_fidelity_forbids_is_refused():
    cs = pytest.importorskip("ConfigSpace")
    space = cs.ConfigurationSpace()
    k, e = cs.Categorical("k", ["p", "q"]), cs.Integer("e", (1, 9), meta={"fidelity": True})
    space.add(k, e, cs.ForbiddenAndConjunction(cs.ForbiddenEqualsClause(k, "p"), cs.ForbiddenEqualsClause(e, 1)))
    with pytest.raises(OptimizerError, match="a configuration with 'e' at 9 may be none with 1"):
        simulate("asha", space, lambda config, previous: (0.0, 1.0), max_evaluations=1)


def test_what_depends_on_other_decisions_is_no_obstacle():
    class Space(neps.PipelineSpace):
        epochs = neps.IntegerFidelity(1, 9)
        layers = neps.Integer(1, 4)
        frozen = neps.Integer(0, neps.ByName("layers"))

    run = simulate("hyperband", Space(), lambda config, previous: (config["frozen"], 1.0), max_evaluations=40)
    assert len(run.ended) == 40


@pytest.mark.parametrize("eta", [2, 4, 2.5])
@pytest.mark.parametrize("sampler", ["priorband", "pibo"])
def test_results_that_are_not_finite_and_failures_at_low_rungs(eta, sampler):
    """Those that diverge are never promoted, whatever draws the configurations and however rungs are spaced."""

    def evaluate(config, previous):
        if config["x"] > 0.7:
            return (math.inf if config["y"] > 0.5 else RuntimeError("diverged")), 1.0
        return abs(config["x"] - 0.6) - math.log(config["epochs"]), 1.0

    keywords = {"sampler": sampler, "eta": eta}
    run = simulate(("hyperband", keywords), PRIORS, evaluate, n_workers=3, max_evaluations=45, seed=1)
    assert len(run.ended) == 45
    promoted = [trial for trial in run.trials.values() if trial.metadata.previous_trial_id is not None]
    assert promoted and all(trial.config["x"] <= 0.7 for trial in promoted)


def test_other_names():
    for name in ("neps_hyperband", "neps_priorband"):
        assert name in dir(neps.algorithms)


class TestPriors:
    def test_the_prior_first(self):
        run = simulate(("hyperband", {"sample_prior_first": True}), PRIORS, quick, max_evaluations=3)
        assert run.trials["1_rung_0"].config["x"] == pytest.approx(0.1)
        assert run.trials["2_rung_0"].config["x"] != pytest.approx(0.1)

    def test_the_prior_first_at_the_highest_fidelity(self):
        run = simulate(("asha", {"sample_prior_first": "highest_fidelity"}), PRIORS, quick, max_evaluations=3)
        assert list(run.trials) == ["1_rung_3", "2_rung_0", "3_rung_0"]
        assert run.trials["1_rung_3"].config["x"] == pytest.approx(0.1)

    def test_sampling_from_the_prior(self):
        run = simulate(("asha", {"sampler": "prior"}), PRIORS, quick, max_evaluations=300)
        values = [t.config["x"] for t in run.trials.values()]
        assert np.mean(values) < 0.25

    def test_the_model_begins_where_the_prior_is_and_leaves_it_when_it_is_wrong(self):
        def evaluate(config, previous):
            return abs(config["x"] - 0.9), 1.0

        run = simulate(("hyperband", {"sampler": "pibo"}), PRIORS, evaluate, max_evaluations=45, seed=0)
        values = [t.config["x"] for t in run.trials.values() if t.metadata.previous_trial_id is None]
        assert max(values[:2]) < 0.5  # as many as dimensions before the model
        assert np.median(values[27:]) > 0.7  # after the first rung of the first bracket

    def test_the_prior_weighs_what_the_model_expects(self):
        """The results lead away from it, and the first proposals of the model stay near it all the same."""
        belief = {"prior": 0.2, "prior_confidence": "high"}
        of = {"x": neps.Float(0, 1, **belief), "y": neps.Float(0, 1, **belief), "epochs": neps.IntegerFidelity(1, 9)}

        def evaluate(config, previous):
            return abs(config["x"] - 0.8) + abs(config["y"] - 0.8), 1.0

        apart = []
        for seed in range(3):
            run = simulate(("hyperband", {"sampler": "pibo"}), of, evaluate, seed=seed, max_evaluations=13)
            begun = [t.config for t in run.trials.values() if t.metadata.previous_trial_id is None]
            apart += [abs(config[name] - 0.2) for config in begun[3:] for name in ("x", "y")]
        assert np.mean(apart) < 0.25

    @pytest.mark.parametrize(
        "selection, message",
        [
            (("hyperband", {"sampler": "prior"}), "needs a prior"),
            (("asha", {"sampler": "priorband"}), "needs a prior"),
            (("asha", {"sampler": "pibo"}), "needs a prior"),
            (("asha", {"sample_prior_first": True}), "needs a prior"),
            (("asha", {"sampler": "unifrom"}), "Did you mean 'uniform'"),
            (("asha", {"sample_prior_first": "lowest"}), "sample_prior_first"),
        ],
    )
    def test_refusals(self, selection, message):
        with pytest.raises(OptimizerError, match=message):
            simulate(selection, SPACE, quick, max_evaluations=1)

    @pytest.mark.parametrize("base", ["hyperband", "asha"])
    def test_priorband_without_a_prior_is_its_base(self, base, caplog):
        keywords = {"base": base, "sample_prior_first": True}
        run = simulate(("priorband", keywords), SPACE, quick, max_evaluations=9, seed=1)
        assert caplog.text.count("has no prior, so 'priorband' samples uniformly") == 1
        same = simulate(base, SPACE, quick, max_evaluations=9, seed=1)
        assert [t.config for t in run.trials.values()] == [t.config for t in same.trials.values()]

    @pytest.mark.parametrize("ratio", [0, 0.25, 1])
    def test_a_ratio_for_the_incumbent(self, ratio):
        run = simulate(("neps_priorband", {"inc_ratio": ratio}), PRIORS, quick, max_evaluations=60)
        optimizer = neps.algorithms.priorband(PRIORS, inc_ratio=ratio)
        optimizer(run.trials)
        uniform, prior, incumbent = optimizer._sampler.probabilities(2, list(run.trials.values()))
        assert uniform == pytest.approx(1 / 10)
        assert (prior, incumbent) == pytest.approx((0.9 * (1 - ratio), 0.9 * ratio))

    def test_refusals_of_priorband(self):
        for ratio in (-0.1, 1.1, True, "most"):
            with pytest.raises(OptimizerError, match="inc_ratio=.* from 0 to 1"):
                neps.algorithms.priorband(PRIORS, inc_ratio=ratio)
        with pytest.raises(OptimizerError, match="base='hyperbnad' is unknown. Did you mean 'hyperband'"):
            neps.algorithms.priorband(PRIORS, base="hyperbnad")
        for point in (-1, True, "soon", float("nan")):
            with pytest.raises(OptimizerError, match="must be a number of full evaluations"):
                neps.algorithms.priorband(PRIORS, bayesian_optimization_kick_in_point=point)


class TestPriorBand:
    def sampler(self, optimizer):
        assert isinstance(optimizer._sampler, PriorBandSampler)
        return optimizer._sampler

    def probabilities(self, optimizer, level, trials):
        sampler = self.sampler(optimizer)
        best = sampler.best(optimizer._run, trials, np.random.default_rng(0))
        return sampler.probabilities(level, best)

    def made(self, evaluations, evaluate=quick, space=PRIORS):
        run = simulate("priorband", space, evaluate, max_evaluations=evaluations) if evaluations else None
        optimizer = neps.algorithms.priorband(space)
        trials = run.trials if run else TrialLog().trials
        optimizer._run.follow(trials)
        return optimizer, trials

    def test_the_prior_weighs_more_the_dearer_the_rung(self):
        """Mallik et al. 2023, Section 5.1: p_pi = eta**r * p_u."""
        optimizer, trials = self.made(0)
        for level, uniform in enumerate((1 / 2, 1 / 4, 1 / 10, 1 / 28)):
            found = self.probabilities(optimizer, level, trials)
            assert found == pytest.approx((uniform, 1 - uniform, 0.0))

    def test_the_incumbent_counts_once_a_rung_has_eta_results(self):
        before, trials = self.made(2)
        assert self.probabilities(before, 0, trials)[2] == 0
        after, trials = self.made(3)
        probabilities = self.probabilities(after, 0, trials)
        assert probabilities[0] == 0.5 and probabilities[2] > 0 and sum(probabilities) == pytest.approx(1)

    def test_a_bad_prior_is_left_with_many_workers_too(self):
        """Before anything was evaluated at the highest fidelity."""

        def evaluate(config, previous):
            return abs(config["x"] - 0.9), float(config["epochs"])

        run = simulate("priorband", PRIORS, evaluate, n_workers=8, max_time=20, seed=0)
        new = [trial.config["x"] for trial in run.trials.values() if trial.metadata.previous_trial_id is None]
        assert not any(trial_id.endswith("_3") for trial_id in run.trials if run.trials[trial_id].state.is_finished)
        assert np.mean(new[-len(new) // 2 :]) > 0.5  # the prior's mean is about 0.2

    @pytest.mark.parametrize("bad", [math.inf, -math.inf])
    def test_what_is_not_finite_is_no_incumbent(self, bad):
        def evaluate(config, previous):
            return (bad if config["epochs"] > 1 else abs(config["x"] - 0.9)), 1.0

        optimizer, trials = self.made(60, evaluate)
        best = self.sampler(optimizer).best(optimizer._run, trials, np.random.default_rng(0))
        assert [config["epochs"] for config in best] == [1, 1, 1]
        optimizer, trials = self.made(60, lambda config, previous: (bad, 1.0))
        assert self.probabilities(optimizer, 0, trials)[2] == 0

    def test_a_prior_that_explains_little_loses_weight(self):
        def good(config, previous):
            return abs(config["x"] - 0.1), 1.0

        def bad(config, previous):
            return abs(config["x"] - 0.9), 1.0

        shares = []
        for evaluate in (good, bad):
            optimizer, trials = self.made(200, evaluate)
            _, prior, incumbent = self.probabilities(optimizer, 1, trials)
            shares.append(prior / (prior + incumbent))
        assert shares[0] > 0.3
        assert shares[1] < 0.1

    def test_new_configurations_gather_around_the_incumbent(self):
        def evaluate(config, previous):
            return abs(config["x"] - 0.9) + abs(config["y"] - 0.3), 1.0

        run = simulate("priorband", PRIORS, evaluate, max_evaluations=400)
        late = [t.config for t in list(run.trials.values())[-100:] if t.metadata.previous_trial_id is None]
        assert np.median([abs(c["y"] - 0.3) for c in late]) < 0.3

    def test_hierarchical_and_conditional_spaces_with_priors(self):
        space = {
            "m": neps.Categorical([neps.Operation("a", kwargs={"r": neps.Float(0, 1, prior=0.2)}), "b"], prior=0),
            "epochs": neps.IntegerFidelity(1, 9),
        }

        def evaluate(config, previous):
            return config.get("m.a.r", 1.0), 1.0

        run = simulate("priorband", space, evaluate, n_workers=3, max_evaluations=150)
        assert len(run.ended) == 150
        cs = pytest.importorskip("ConfigSpace")
        other = cs.ConfigurationSpace()
        k, d = cs.Categorical("k", ["p", "q"]), cs.Float("d", (0, 5), distribution=cs.Normal(1, 1))
        other.add(k, d, cs.EqualsCondition(d, k, "p"), cs.Integer("e", (1, 9), meta={"fidelity": True}))
        assert len(simulate("priorband", other, lambda c, p: (c.get("d", 2.0), 1.0), max_evaluations=150).ended) == 150


def test_what_it_costs_to_ask_does_not_grow():
    """Counted, not timed: how many trials are looked at in an ask."""
    looked_at = [0]

    class Counting(dict):
        pass

    for name in ALL[:4]:
        log, optimizer = TrialLog(), neps.algorithms.__getattr__(name)(SPACE)
        log.fold([ev.Created(1, 0, 0.0)])
        get = type(log.trials).__getitem__

        def counting(self, key, get=get):
            looked_at[0] += 1
            return get(self, key)

        type(log.trials).__getitem__ = counting
        try:
            counts = []
            for k in range(600):
                looked_at[0] = 0
                [proposal] = optimizer(log.trials, neps.BudgetInfo(), None, np.random.default_rng(k))
                counts.append(looked_at[0])
                log.fold(
                    [
                        ev.Sampled(proposal.id, dict(proposal.config), 1.0, "w", proposal.previous_config_id),
                        ev.Started(proposal.id, 1.0, "w"),
                        ev.Finished(proposal.id, 2.0, State.SUCCESS, Report(proposal.config["x"])),
                    ]
                )
        finally:
            type(log.trials).__getitem__ = get
        assert max(counts) <= 3


def test_simulation_is_quick_and_exact():
    began = time.perf_counter()
    run = simulate("random_search", {"x": neps.Float(0, 1)}, lambda c, p: (c["x"], 2.0), n_workers=4, max_time=10)
    assert time.perf_counter() - began < 5
    assert len(run.ended) == 20
    assert {t.metadata.time_end for t in run.ended} == {2.0, 4.0, 6.0, 8.0, 10.0}
    assert "time 10 is over" in run.stopped_because
    grid = simulate("grid_search", {"x": neps.Integer(1, 3)}, lambda c, p: (c["x"], 1.0), max_evaluations=99)
    assert "nothing more to propose" in grid.stopped_because and len(grid.ended) == 3


def test_the_gallery_has_spaces_for_them():
    assert {"fidelity", "real fidelity and priors"} <= set(gallery())
