"""What somebody changes in a run from outside: enqueued configurations, trials put back, workers stopped, notes."""

from __future__ import annotations

import collections
import json
import threading

import pytest

import neps
from neps_core import ConfigError, RunError, TrialError
from neps_core.cleaning import clean
from neps_core.cli import main
from neps_core.events import Requeued
from neps_core.run import open_run
from neps_core.trials import State
from neps_plugins.changes import enqueue, note, requeue, stop_worker

LINE = {"x": neps.Float(0, 1)}


class Trained(neps.PipelineSpace):
    x = neps.Float(0, 1)
    epochs = neps.IntegerFidelity(1, 9)


def run_line(root, n, function=lambda x: x, **keywords):
    keywords = {"optimizer": "random_search", "seed": 3, **keywords}
    return neps.run(function, LINE, root_directory=root, evaluations_to_spend=n, **keywords)


def values(result, ids=None):
    return [result.trials[i].config["x"] for i in ids or result.trials]


# ---------------------------------------------------------------------- enqueue


def test_enqueued_configurations_are_taken_first_and_shift_no_sample(tmp_path):
    alone = run_line(tmp_path / "alone", 4)
    root = tmp_path / "run"
    run_line(root, 2)
    assert neps.enqueue(root, [{"x": 0.25}, {"x": 0.75}]) == ["3", "4"]
    result = run_line(root, 4, seed=None)
    assert values(result) == [*values(alone)[:2], 0.25, 0.75, *values(alone)[2:]]
    assert all(trial.state is State.SUCCESS for trial in result.trials.values())
    assert result.trials["3"].metadata.sampling_worker_id is None


def test_a_run_can_be_created_by_enqueuing(root):
    assert neps.enqueue(root, {"x": 0.5}, LINE, optimizer="random_search") == ["1"]
    result = neps.run(lambda x: x, root_directory=root, evaluations_to_spend=2)
    assert result.trials["1"].config == {"x": 0.5}
    assert neps.load_optimizer_info(root)["name"] == "random_search"


def test_a_run_that_is_created_by_enqueuing_may_have_a_seed(root):
    neps.enqueue(root, {"x": 0.5}, LINE, optimizer="random_search", seed=3)
    assert len(run_line(root, 2).trials) == 2  # or else the script that gives a seed would be refused
    with pytest.raises(RunError, match="seed=4"):
        neps.enqueue(root, {"x": 0.5}, LINE, seed=4)


def test_they_go_before_what_was_sampled_and_waits(root):
    run_line(root, 1, sample_batch_size=3)
    neps.enqueue(root, {"x": 0.5})
    taken = []
    neps.run(lambda pipeline_id, x: taken.append(pipeline_id) or x, root_directory=root, evaluations_to_spend=3)
    assert taken == ["4", "2", "3"]


def test_what_is_there_already_is_passed_over_unless_wanted_again(root):
    run_line(root, 1)
    known = open_run(root).trials["1"].config
    assert neps.enqueue(root, [known, {"x": 0.5}, {"x": 0.5}]) == ["1", "2", "2"]
    assert neps.enqueue(root, [{"x": 0.5}]) == ["2"]
    assert neps.enqueue(root, [known, {"x": 0.5}], again=True) == ["3", "4"]
    assert values(run_line(root, 3, seed=None), ["2", "3", "4"]) == [0.5, known["x"], 0.5]


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ([{"x": 0.5}, {"x": 2}], r"configs\[1\] = .*'x'.*Nothing was enqueued"),
        ([{"x": 0.5}, {}], r"configs\[1\] = .*no value for 'x'"),
        ([{"x": 0.5, "y": 1}], r"configs\[0\] = .*'y'"),
        ([0.5], r"configs\[0\] = 0\.5: the configuration must be a dict"),
        ("x", "configs must be a list of configurations"),
        (None, "configs must be a list of configurations"),
    ],
)
def test_what_does_not_fit_is_refused_as_a_whole(root, configs, message):
    run_line(root, 1)
    before = (root / ".neps/journal.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=message):
        neps.enqueue(root, configs)
    assert (root / ".neps/journal.jsonl").read_bytes() == before


def test_without_a_run_and_a_space_there_is_nothing_to_enqueue_in(root):
    with pytest.raises(FileNotFoundError, match="there is no run"):
        neps.enqueue(root, {"x": 0.5})
    assert not root.exists()


def test_they_count_towards_budgets(root):
    neps.enqueue(root, [{"x": i / 10} for i in range(5)], LINE, optimizer="random_search")
    result = neps.run(lambda x: x, root_directory=root, total_evaluations_to_spend=3)
    assert collections.Counter(t.state for t in result.trials.values()) == {State.SUCCESS: 3, State.PENDING: 2}


@pytest.mark.parametrize("optimizer", ["asha", "hyperband", "successive_halving", "priorband"])
def test_with_rungs_a_configuration_begins_at_the_lowest_and_is_promoted(root, optimizer):
    space = {"x": neps.Float(0, 1, prior=0.5), "epochs": neps.IntegerFidelity(1, 9)}
    assert neps.enqueue(root, {"x": 0.0}, space, optimizer=optimizer) == ["1_rung_0"]
    result = neps.run(lambda x, epochs: x + 1 / epochs, root_directory=root, evaluations_to_spend=30)
    of_it = [trial for trial in result.trials.values() if trial.config["x"] == 0.0]
    assert [trial.id for trial in of_it][:2] == ["1_rung_0", "1_rung_1"]
    assert of_it[1].metadata.previous_trial_id == "1_rung_0"


def test_a_learner_of_curves_begins_it_at_the_first_step(root):
    assert neps.enqueue(root, {"x": 0.0}, Trained(), optimizer="ifbo") == ["1_rung_0"]
    assert open_run(root).trials["1_rung_0"].config["epochs"] == 1


def test_early_stopping_rate_moves_the_rung_at_which_they_begin(root):
    optimizer = ("asha", {"early_stopping_rate": 1})
    [trial_id] = neps.enqueue(root, {"x": 0.5}, Trained(), optimizer=optimizer)
    assert (trial_id, open_run(root).trials[trial_id].config["epochs"]) == ("1_rung_1", 3)


def test_a_fidelity_that_is_said_counts_for_the_rung_that_it_reaches(root):
    neps.run(lambda x, epochs: x, Trained(), root_directory=root, optimizer="asha", evaluations_to_spend=1, seed=1)
    first = dict(open_run(root).trials["1_rung_0"].config)
    assert neps.enqueue(root, [{**first, "epochs": 9}, {"x": 0.5, "epochs": 4}]) == ["1_rung_2", "2_rung_1"]
    result = neps.run(lambda x, epochs: x, root_directory=root, evaluations_to_spend=20)
    assert result.trials["1_rung_2"].state is State.SUCCESS
    assert result.trials["1_rung_2"].metadata.previous_trial_id == "1_rung_0"
    evaluated = collections.Counter(tuple(trial.config.items()) for trial in result.trials.values())
    assert set(evaluated.values()) == {1}


def test_without_rungs_it_is_evaluated_at_the_highest_fidelity(root):
    optimizer = ("random_search", {"ignore_fidelity": True})
    [trial_id] = neps.enqueue(root, {"x": 0.5}, Trained(), optimizer=optimizer)
    assert (trial_id, open_run(root).trials[trial_id].config["epochs"]) == ("1", 9)


def test_brackets_go_on_alike_after_a_restart_when_something_was_enqueued(tmp_path):
    def trials(root, *shares):
        for i, n in enumerate(shares):
            neps.run(
                lambda x, epochs: (x - 0.3) ** 2 / epochs,
                Trained(),
                root_directory=root,
                optimizer="hyperband",
                evaluations_to_spend=n,
                seed=None if i else 5,
            )
            if not i:
                neps.enqueue(root, [{"x": 0.3}, {"x": 0.31, "epochs": 9}])
        return {i: dict(t.config) for i, t in open_run(root).trials.items()}

    assert trials(tmp_path / "a", 5, 25) == trials(tmp_path / "b", 5, 3, 7, 15)


def test_ask_and_tell_takes_them_first(root):
    with neps.AskAndTell("random_search", root_directory=root, pipeline_space=LINE) as loop:
        assert neps.enqueue(root, {"x": 0.5}) == ["1"]
        trial = loop.ask()
        assert trial.config == {"x": 0.5}
        loop.tell(trial, 1.0)
        assert loop.ask().id == "2"


def test_an_optimizer_that_is_not_here_does_not_matter_without_a_fidelity(root, script):
    script.write(
        """
        import sys, neps
        class Mine:
            def __init__(self, space): self.space = space
            def __call__(self, trials, budget_info, n=None): return neps.SampledConfig({"x": 0.1})
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], optimizer=Mine,
                 evaluations_to_spend=1)
        """
    )
    process = script.start(root)
    assert process.wait(30) == 0, process.stderr.read()
    assert neps.enqueue(root, {"x": 0.5}) == ["2"]


def test_the_command(root, tmp_path, capsys):
    run_line(root, 1)
    file = tmp_path / "configs.yaml"
    file.write_text("- x: 0.5\n- x: 0.75\n")
    assert main(["enqueue", str(root), str(file)]) == 0
    assert "2, 3" in capsys.readouterr().out
    file.write_text(json.dumps({"x": 0.125}))
    assert main(["enqueue", str(root), str(file)]) == 0
    assert values(run_line(root, 3, seed=None), ["2", "3", "4"]) == [0.5, 0.75, 0.125]
    for text, message in (("", "is empty"), ("- x: 7\n", "configs[0]"), ("x: [", "can't be read as plain data")):
        file.write_text(text)
        assert main(["enqueue", str(root), str(file)]) == 1
        assert message in capsys.readouterr().err


WORKER = """
    import sys, time, neps

    def evaluate(x, pipeline_directory):
        with open(pipeline_directory / "starts.txt", "a") as file:
            file.write(f"{x}\\n")
        time.sleep(0.002)
        return x

    root, worker = sys.argv[1:]
    neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=root, worker_id=worker, optimizer="random_search",
             total_evaluations_to_spend=60, seed=7)
"""


def test_two_workers_evaluate_what_is_enqueued_meanwhile_each_once_although_one_is_killed(root, script, wait_for):
    script.write(WORKER)
    first, second = script.start(root, "first"), script.start(root, "second")
    wait_for(lambda: (root / "configs/config_2/report.yaml").exists())
    wanted = [i / 1000 for i in range(1, 21)]
    ids: list[str] = []

    def ask(part):
        ids.extend(i for x in part for i in enqueue(root, {"x": x}))

    threads = [threading.Thread(target=ask, args=(wanted[i::2],)) for i in range(2)]
    for thread in threads:
        thread.start()
    first.kill()
    first.wait()
    for thread in threads:
        thread.join()
    assert second.wait(60) == 0, second.stderr.read()
    trials = open_run(root).trials
    assert sorted(trials[i].config["x"] for i in ids) == wanted
    assert len(set(ids)) == len(wanted)
    assert all(trials[i].state is State.SUCCESS for i in ids)
    for i in ids:
        starts = (root / f"configs/config_{i}/starts.txt").read_text().splitlines()
        assert len(starts) == 1 or trials[i].metadata.starts == 2  # of the one that was killed
    alone = neps.run(
        lambda x: x,
        LINE,
        root_directory=root.with_name("alone"),
        evaluations_to_spend=40,
        seed=7,
        optimizer="random_search",
    )
    sampled = {t.config["x"] for i, t in trials.items() if i not in ids}
    assert sampled == set(values(alone))


# ---------------------------------------------------------------------- requeue


def test_a_failed_trial_is_put_back_with_its_files_and_its_note(root):
    def fails(x, pipeline_directory):
        (pipeline_directory / "checkpoint").touch()
        raise ValueError("no")

    run_line(root, 1, fails, ignore_errors=True)
    run = open_run(root)
    note(run, "1", "the disk was full")
    trial = requeue(run, "config_1")
    assert (trial.state, trial.report, trial.metadata.starts) == (State.PENDING, None, 0)
    assert (root / "configs/config_1/checkpoint").exists()
    assert not (root / "configs/config_1/report.yaml").exists()
    assert run.log.notes == {"1": "the disk was full"}
    result = neps.run(lambda x: x, root_directory=root, evaluations_to_spend=1)
    assert result.trials["1"].state is State.SUCCESS
    with pytest.raises(TrialError, match="trial 1 is success"):
        requeue(run, 1)
    with pytest.raises(TrialError, match="there is no trial"):
        requeue(run, "9")


def test_a_trial_whose_worker_is_dead_is_put_back_and_one_whose_worker_lives_is_not(root, script, wait_for):
    script.write(
        """
        import sys, time, neps
        neps.run(lambda x: time.sleep(60), {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], worker_id="w",
                 optimizer="random_search",
                 evaluations_to_spend=1)
        """
    )
    worker = script.start(root)
    wait_for(lambda: root.exists() and (root / "configs/config_1/metadata.json").exists())
    wait_for(lambda: open_run(root).trials["1"].state is State.EVALUATING)
    run = open_run(root)
    with pytest.raises(TrialError, match="is being evaluated by worker w"):
        requeue(run, "1")
    worker.kill()
    worker.wait()
    assert requeue(run, "1").state is State.PENDING
    assert any(isinstance(event, Requeued) for event in run.journal.read(0)[0])
    with pytest.raises(TrialError, match="trial 1 is pending"):
        requeue(run, "1")


def test_an_asynchronous_trial_that_will_never_end_is_put_back(root):
    run_line(root, 1, function=lambda x: None)
    assert requeue(open_run(root), "1").state is State.PENDING
    with pytest.raises(TrialError, match="is pending"):
        neps.save_pipeline_results(1.0, "1", root)


# ---------------------------------------------------------------------- workers


def test_a_worker_that_is_asked_to_leave_finishes_its_trial_first(root):
    def evaluate(x, pipeline_id):
        if pipeline_id == "2":
            assert stop_worker(open_run(root)) == ["me"]
        return x

    def work():
        return run_line(root, 5, evaluate, worker_id="me")

    result = work()
    assert result.stopped_because == "it was asked to leave"
    assert [t.state for t in result.trials.values()] == [State.SUCCESS] * 2
    # One of the same name that comes later is not meant.
    assert len(work().trials) == 7


def test_of_several_only_the_one_that_is_meant_leaves(root):
    with neps.AskAndTell("random_search", root_directory=root, pipeline_space=LINE, worker_id="a") as a:
        with neps.AskAndTell("auto", root_directory=root, worker_id="b") as b:
            run = open_run(root)
            assert stop_worker(run, "a") == ["a"]
            with pytest.raises(RunError, match="this loop was asked to leave"):
                a.ask()
            assert a.ask(2) == []
            assert b.ask().id == "1"
            with pytest.raises(RunError, match="no worker 'c' is alive in .*: a, b"):
                stop_worker(run, "c")
            assert stop_worker(run, "all") == ["a", "b"]
            assert b.ask(1) == []
    assert stop_worker(run) == []


# ---------------------------------------------------------------------- notes


def test_notes(root):
    run_line(root, 2)
    run = open_run(root)
    n_events, n_changes = run.log.n_events, len(run.trials.changes)
    note(run, "1", "looks odd")
    note(run, 1, "looks very odd\n– really")
    note(run, "2", "fine")
    note(run, "2", "")
    assert open_run(root).log.notes == run.log.notes == {"1": "looks very odd\n– really"}
    assert run.log.n_events == n_events + 4
    assert len(run.trials.changes) == n_changes  # nobody who learns from trials has to look at one again
    for text in (None, "x" * 10_001):
        with pytest.raises(TrialError, match="a note must be a text of at most 10,000"):
            note(run, "1", text)
    with pytest.raises(TrialError, match="there is no trial '7'"):
        note(run, "7", "?")
    clean(root, ["1"])
    assert open_run(root).log.notes == {}
