"""Workers are real processes, and they die."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

import neps
from neps_core.run import open_run
from neps_core.trials import State

SLEEPER = """
    import sys, time, os
    import neps

    root, worker, evaluations, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])

    def evaluate(x, pipeline_directory):
        with open(pipeline_directory / "starts.txt", "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(seconds)
        return x

    result = neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=root, worker_id=worker,
                      total_evaluations_to_spend=evaluations, seed=7, optimizer="random_search")
    print(result.stopped_because)
"""


def started(root: Path, trial: str = "1") -> bool:
    return (root / "configs" / f"config_{trial}" / "starts.txt").exists()


def test_the_trial_of_a_killed_worker_is_taken_over_at_once(root, script, wait_for):
    script.write(SLEEPER)
    victim = script.start(root, "victim", 1, 60)
    wait_for(lambda: started(root))
    victim.kill()
    victim.wait()
    began = time.monotonic()
    heir = script.start(root, "heir", 1, 0)
    heir.communicate(timeout=30)
    assert time.monotonic() - began < 10
    trial = open_run(root).trials["1"]
    assert trial.state is State.SUCCESS
    assert trial.metadata.evaluating_worker_id == "heir"
    assert trial.metadata.starts == 2
    metadata = json.loads((root / "configs/config_1/metadata.json").read_text())
    assert metadata["state"] == "success"


def test_a_waiting_worker_takes_over_without_being_restarted(root, script, wait_for):
    script.write(SLEEPER)
    victim = script.start(root, "victim", 2, 60)
    wait_for(lambda: started(root))
    # A grid of one point: the second worker has nothing to do until the first one ends.
    script.write(
        SLEEPER.replace("neps.Float(0, 1)", "neps.Float(0, 1)").replace(
            'optimizer="random_search"', 'optimizer=("grid_search", {"size_per_numerical_dimension": 1})'
        )
    )
    waiting = script.start(root, "waiting", 3, 0)
    wait_for(lambda: len(open_run(root).trials) == 2 and open_run(root).trials["2"].state is State.SUCCESS)
    assert waiting.poll() is None
    victim.kill()
    out, err = waiting.communicate(timeout=30)
    assert "nothing more to propose" in out, err
    assert open_run(root).trials["1"].metadata.evaluating_worker_id == "waiting"


def test_a_config_that_kills_its_process_is_given_up_after_three_starts(root, script):
    script.write(
        """
        import os, sys, neps
        def evaluate(x, pipeline_id):
            if pipeline_id == "1":
                os._exit(9)
            return x
        result = neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1],
                          evaluations_to_spend=3, seed=1, optimizer="random_search")
        """
    )
    for _ in range(3):
        script.run(root, code=9)
    script.run(root)
    trials = open_run(root).trials
    assert trials["1"].state is State.CRASHED
    assert trials["1"].metadata.starts == 3
    assert "3 times" in trials["1"].report.err
    assert [trials[i].state for i in ("2", "3", "4")] == [State.SUCCESS] * 3


def test_calling_exit_counts_as_a_start_that_went_wrong(root, script):
    script.write(
        """
        import sys, neps
        def evaluate(x): sys.exit(3)
        neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=1)
        """
    )
    for _ in range(3):
        assert not (root / "configs/config_1/report.yaml").exists()
        script.run(root, code=3)
    assert open_run(root).trials["1"].metadata.starts == 3
    assert open_run(root).trials["1"].state is State.CRASHED


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, -2)])
def test_signals_put_the_trial_back_before_the_process_leaves(root, script, wait_for, number, code):
    script.write(SLEEPER)
    worker = script.start(root, "w", 1, 60)
    wait_for(lambda: started(root))
    worker.send_signal(number)
    worker.communicate(timeout=30)
    # An unhandled KeyboardInterrupt ends Python by the signal itself (or with 130).
    assert worker.returncode in ({code, 130} if number == signal.SIGINT else {code})
    trial = open_run(root).trials["1"]
    assert trial.state is State.PENDING
    assert trial.metadata.starts == 0
    assert json.loads((root / "configs/config_1/metadata.json").read_text())["state"] == "pending"
    assert not open_run(root).locks.living_workers()


def test_a_signal_while_a_result_is_recorded_waits_for_it(root, script):
    script.write(
        """
        import os, signal, sys, neps
        from neps_plugins.storages.filesystem import FileJournal
        append = FileJournal.append
        def interrupted(self, events, durable=True):
            if type(events[0]).__name__ == "Finished":
                os.kill(os.getpid(), signal.SIGTERM)
            append(self, events, durable)
        FileJournal.append = interrupted
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=5)
        """
    )
    script.run(root, code=143)
    assert [t.state for t in open_run(root).trials.values()] == [State.SUCCESS]


def test_a_signal_ends_an_optimizer_that_takes_long(root, script, wait_for):
    script.write(
        """
        import sys, time, neps
        class Slow:
            def __init__(self, space): pass
            def __call__(self, trials, budget_info, n=None):
                open("thinking", "w").close()
                time.sleep(60)
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], optimizer=Slow,
                 evaluations_to_spend=1)
        """
    )
    worker = script.start(root)
    wait_for((script.folder / "thinking").exists)
    worker.terminate()
    worker.communicate(timeout=20)
    assert worker.returncode == 143
    assert not open_run(root).trials


def test_a_forked_child_that_outlives_its_worker_does_not_keep_it_alive(root, script, wait_for):
    script.write(
        """
        import os, signal, sys, time, neps
        def evaluate(x, pipeline_directory):
            child = os.fork()
            if child == 0:
                os.close(1), os.close(2)  # the test reads them to their end
                time.sleep(60)
                os._exit(0)
            (pipeline_directory / "child.txt").write_text(str(child))
            os.kill(os.getpid(), signal.SIGKILL)
        neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], worker_id="parent",
                 evaluations_to_spend=1)
        """
    )
    script.run(root, code=-9)
    child = int((root / "configs/config_1/child.txt").read_text())
    try:
        assert not open_run(root).locks.is_alive("parent")
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_forked_child_that_returns_or_raises_is_no_worker(root, script):
    script.write(
        """
        import os, sys, neps
        def evaluate(x, pipeline_id):
            child = os.fork()
            if child == 0:
                if pipeline_id == "1":
                    return -1.0
                raise ValueError
            os.waitpid(child, 0)
            return x
        neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=2)
        """
    )
    script.run(root)
    trials = open_run(root).trials
    assert [t.report.objective_to_minimize for t in trials.values()] == [t.config["x"] for t in trials.values()]


def test_a_child_that_is_terminated_does_not_give_the_trial_back(root, script):
    script.write(
        """
        import multiprocessing, os, signal, sys, time, neps
        def evaluate(x):
            ready, tell = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(1), os.close(2)
                os.write(tell, b"1")  # until now Python itself forgets signals
                time.sleep(60)
            os.read(ready, 1)
            time.sleep(0.05)  # a signal just before a sleep does not wake Python
            os.kill(child, signal.SIGTERM)
            assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
            return x
        neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=2)
        """
    )
    script.run(root)
    assert [t.metadata.starts for t in open_run(root).trials.values()] == [1, 1]


def test_n_workers_evaluate_the_same_set_as_one(root, script):
    script.write(SLEEPER)
    alone, together = root / "alone", root / "together"
    script.run(alone, "w", 24, 0)
    workers = [script.start(together, f"w{i}", 24, 0.1) for i in range(4)]
    for worker in workers:
        _, err = worker.communicate(timeout=60)
        assert worker.returncode == 0, err

    def values(run: Path) -> list[float]:
        return sorted(t.config["x"] for t in open_run(run).trials.values())

    assert values(alone) == values(together)
    assert len(values(together)) == 24
    evaluated_by = {t.metadata.evaluating_worker_id for t in open_run(together).trials.values()}
    assert len(evaluated_by) > 1


def test_no_trial_is_started_twice_and_none_beyond_the_total(root, script):
    script.write(SLEEPER)
    workers = [script.start(root, f"w{i}", 30, 0.02) for i in range(5)]
    for worker in workers:
        worker.communicate(timeout=60)
    trials = open_run(root).trials
    assert len(trials) == 30
    for trial in trials.values():
        assert (root / trial.metadata.location / "starts.txt").read_text().count("\n") == 1


def test_an_error_stops_the_other_workers_too(root, script, wait_for):
    script.write(
        """
        import sys, time, neps
        def evaluate(x):
            time.sleep(0.05)
            if sys.argv[2] == "bad":
                raise RuntimeError("Oh no! GPU died!")
            return x
        print(neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], worker_id=sys.argv[2],
                       evaluations_to_spend=100000).stopped_because)
        """
    )
    good = script.start(root, "good")
    wait_for(lambda: started_any(root))
    _, err = script.run(root, "bad", code=1)
    assert "RuntimeError: Oh no! GPU died!" in err
    assert "EvaluationError" in err
    out, _ = good.communicate(timeout=30)
    assert good.returncode == 0
    assert "worker bad stopped the run" in out
    failed = [t for t in open_run(root).trials.values() if t.state is State.FAILED]
    assert len(failed) == 1
    assert "GPU died" in failed[0].report.tb


def started_any(root: Path) -> bool:
    return (root / "configs").is_dir() and any((root / "configs").iterdir())


def test_a_living_workers_id_is_refused_and_a_dead_ones_is_not(root, script, wait_for):
    script.write(SLEEPER)
    first = script.start(root, "me", 1, 60)
    wait_for(lambda: started(root))
    with pytest.raises(neps.NePSError, match="'me' is alive"):
        neps.run(lambda x: x, root_directory=root, worker_id="me", evaluations_to_spend=1)
    first.kill()
    first.wait()
    neps.run(lambda x: x, root_directory=root, worker_id="me", evaluations_to_spend=1)
    assert open_run(root).trials["1"].state is State.SUCCESS


def test_a_run_with_living_workers_is_not_overwritten(root, script, wait_for):
    script.write(SLEEPER)
    script.start(root, "alive", 1, 60)
    wait_for(lambda: started(root))
    with pytest.raises(neps.NePSError, match="alive"):
        neps.run(
            lambda x: x,
            {"x": neps.Float(0, 1)},
            root_directory=root,
            overwrite_root_directory=True,
            evaluations_to_spend=1,
        )
    assert started(root)


def test_many_workers_create_a_run_at_once(root, script):
    script.write(SLEEPER)
    workers = [script.start(root, f"w{i}", 16, 0) for i in range(8)]
    for worker in workers:
        _, err = worker.communicate(timeout=60)
        assert worker.returncode == 0, err
    run = open_run(root)
    assert run.log.seed == 7
    assert len(run.log.optimizers) == 1
    assert len(run.trials) == 16


def test_a_worker_killed_at_any_moment_loses_nothing_that_was_reported(root, script, wait_for):
    """Kill workers at random moments for a while; every result that was told must be kept."""
    script.write(
        """
        import sys, neps
        told = open(sys.argv[2], "a", buffering=1)
        class Teller:
            @staticmethod
            @neps_core.hookimpl
            def neps_trial_finished(trial):
                told.write(trial.id + "\\n")
        """.replace("import sys, neps", "import sys, neps, neps_core")
        + """
        neps.plugins.register(Teller, "teller")
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], total_evaluations_to_spend=100000)
        """
    )
    told = root.parent / "told.txt"
    for delay in (0.003, 0.01, 0.05):
        before = told.stat().st_size if told.exists() else 0
        workers = [script.start(root, told) for _ in range(2)]
        wait_for(lambda before=before: told.exists() and told.stat().st_size > before + 20)
        time.sleep(delay)
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.communicate()
    neps.run(lambda x: x, root_directory=root, evaluations_to_spend=2)
    trials = open_run(root).trials
    reported = set(told.read_text().split())
    assert len(reported) > 10
    assert all(trials[i].state is State.SUCCESS for i in reported)
    assert not [t for t in trials.values() if t.state is State.EVALUATING]
    for trial in trials.values():
        folder = root / trial.metadata.location
        assert (folder / "report.yaml").exists() == trial.state.is_finished
        assert json.loads((folder / "metadata.json").read_text())["state"] == trial.state.value


def test_a_signal_while_a_failure_is_recorded_is_not_lost(root, script):
    script.write(
        """
        import os, signal, sys, neps
        class Signals:
            def neps_trial_finished(self):
                os.kill(os.getpid(), signal.SIGTERM)
        try:
            neps.run(lambda x: 1 / 0, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=5,
                     observers=[Signals()])
        except neps.NePSError:
            open("went on", "w").close()
        """
    )
    script.run(root, code=143)
    assert not (script.folder / "went on").exists()
    assert [t.state for t in open_run(root).trials.values()] == [State.FAILED]


def test_a_signal_inside_a_run_inside_an_evaluation(root, script):
    """The inner result is recorded whole, and both trials that it interrupts are put back in good order."""
    script.write(
        """
        import os, signal, sys, time, neps
        class Signals:
            def neps_trial_finished(self):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.1)
                open("told", "w").close()
        def outer(x):
            neps.run(lambda y: y, {"y": neps.Float(0, 1)}, root_directory=sys.argv[1] + "-inner",
                     evaluations_to_spend=3, observers=[Signals()])
            return x
        neps.run(outer, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=1)
        """
    )
    script.run(root, code=143)
    assert (script.folder / "told").exists()
    outer, inner = open_run(root).trials, open_run(f"{root}-inner").trials
    assert (outer["1"].state, outer["1"].metadata.starts) == (State.PENDING, 0)
    assert [t.state for t in inner.values()] == [State.SUCCESS]
