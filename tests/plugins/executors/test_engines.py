"""Every engine that is installed, for real: processes that are killed, and dispatchers, which are started again."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import sys
import time

import pytest

import neps
from neps_core import ExecutorError
from neps_core.run import open_run
from neps_core.trials import State
from tests.audit import audit_finished, audit_journal

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

#: The values of `executor=`, and what each needs.
ENGINES = {
    "threads": ('"threads"', None),
    "processes": ('("processes", {"pool": "standard"})', None),
    "loky": ('("processes", {"pool": "loky"})', "loky"),
    "dask": ('"dask"', "distributed"),
    "ray": ('"ray"', "ray"),
    "slurm": ('("slurm", {"cluster": "local", "folder": str(folder / "jobs")})', "submitit"),
}

#: Whether everything is done as often as it is meant to be; a few times otherwise.
IS_FULL = os.environ.get("NEPS_STORMS") == "full"

#: The longest that one call may take.
SECONDS = 1200 if IS_FULL else 60

PROGRAM = """
    import json, os, signal, sys, time
    from pathlib import Path
    import neps

    folder = Path(__file__).parent
    SPACE = {{"x": neps.Float(0, 1)}}

    class Told:
        def neps_trial_finished(self, trial):
            if trial.report.objective_to_minimize is not None:
                with open(folder / "told", "a") as file:
                    file.write(json.dumps([trial.id, trial.report.objective_to_minimize]) + "\\n")

    def evaluate(x, pipeline_id, pipeline_directory):
        with open(pipeline_directory / "pids", "a") as file:
            file.write(f"{{os.getpid()}}\\n")
        {body}
        return x

    if __name__ == "__main__":
        result = neps.run(evaluate, SPACE, root_directory=sys.argv[1], executor={executor}, n_workers=2, seed=3,
                          total_evaluations_to_spend=int(sys.argv[2]), optimizer="random_search",
                          observers=["summary", Told()])
        print(result.stopped_because)
"""


def engines(*names):
    """A parameter for each engine; those that are not installed are skipped."""
    parameters = []
    for name in names:
        needs = ENGINES[name][1]
        there = needs is None or importlib.util.find_spec(needs) is not None
        parameters.append(pytest.param(name, marks=pytest.mark.skipif(not there, reason=f"{needs} is not installed")))
    return parameters


@pytest.fixture
def program(script, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else Ray writes a token into the home directory
    monkeypatch.setenv("HOME", str(script.folder))
    monkeypatch.setenv("RAY_TMPDIR", str(script.folder)[:40])

    def write(name, body="pass"):
        script.write(PROGRAM.format(executor=ENGINES[name][0], body=body))
        return script

    return write


def told(script):
    import json

    lines = (script.folder / "told").read_text().splitlines() if (script.folder / "told").exists() else []
    return dict(map(json.loads, lines))


def pids(root):
    return {int(line) for path in root.glob("configs/*/pids") for line in path.read_text().split()}


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as file:  # what nobody waits for is gone, too
        return file.read().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.parametrize("name", engines("processes", "loky", "dask", "ray", "slurm"))
def test_a_worker_that_is_killed(name, root, program):
    """One trial's start is the price; the pool goes on."""
    script = program(
        name,
        """if pipeline_id == "2" and not (pipeline_directory / "first").exists():
            (pipeline_directory / "first").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        neps.report(x)""",
    )
    out, err = script.run(root, 4)
    assert "total evaluations budget spent" in out
    assert "/neps_core/" not in err and "/neps_plugins/" not in err  # no traceback of ours; an engine may log its own
    trials = open_run(root).trials
    assert {i: t.metadata.starts for i, t in trials.items()} == {str(i): 1 + (i == 2) for i in range(1, 5)}
    assert all(len(t.points) == 1 for t in trials.values())
    audit_journal(root, told(script))


@pytest.mark.parametrize("name", engines("slurm"))
def test_a_job_whose_time_is_over(name, root, program):
    """Slurm says so by a signal; that is no error of the user's function, and submitit requeues nothing."""
    script = program(
        name,
        """if pipeline_id == "2" and not (pipeline_directory / "first").exists():
            (pipeline_directory / "first").touch()
            try:
                os.kill(os.getpid(), signal.SIGUSR2)
                time.sleep(60)
            except Exception:
                return 0.5""",
    )
    script.run(root, 2)
    trials = open_run(root).trials
    assert {i: (t.state, t.metadata.starts) for i, t in trials.items()} == {
        "1": (State.SUCCESS, 1),
        "2": (State.SUCCESS, 2),
    }
    assert trials["2"].report.objective_to_minimize == trials["2"].config["x"]


@pytest.mark.parametrize("name", engines("processes", "loky"))
def test_a_configuration_that_kills_every_worker(name, root, program):
    script = program(name, 'os.kill(os.getpid(), signal.SIGKILL) if pipeline_id == "2" else None')
    script.run(root, 5)
    trials = open_run(root).trials
    assert [t.state for t in trials.values()] == [State.SUCCESS, State.CRASHED] + [State.SUCCESS] * 3
    assert "the executor lost it" in trials["2"].report.err


@pytest.mark.parametrize("name", engines("threads", "processes", "loky", "dask", "ray", "slurm"))
def test_a_dispatcher_that_is_killed_again_and_again(name, root, program, wait_for):
    """Nothing is lost, doubled or stuck."""
    n = 300 if IS_FULL else 6 if name == "slurm" else 40  # a job takes two seconds to begin
    body = "time.sleep(0.02)"
    if IS_FULL and name != "threads":  # and every seventh evaluation takes its process with it, once
        body += """
        if int(pipeline_id) % 7 == 3 and not (pipeline_directory / "first").exists():
            (pipeline_directory / "first").touch()
            os.kill(os.getpid(), signal.SIGKILL)"""
    script = program(name, body)
    for goal in (1, n // 2):
        dispatcher = script.start(root, n)
        wait_for(lambda: len(told(script)) >= goal or dispatcher.poll() is not None, SECONDS)
        dispatcher.kill()
        dispatcher.communicate()
    script.run(root, n, seconds=SECONDS)
    audit_finished(root, n)
    audit_journal(root, told(script))


@pytest.mark.parametrize("name", engines("processes", "loky"))
def test_processes_end_with_their_dispatcher(name, root, program, wait_for):
    """So that nobody evaluates a trial that others have taken over."""
    dispatcher = program(name, "time.sleep(60)").start(root, 2)
    wait_for(lambda: len(pids(root)) == 2)
    dispatcher.kill()
    dispatcher.communicate()
    wait_for(lambda: all(map(is_gone, pids(root))), 10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("name", engines("threads", "processes", "loky", "dask", "slurm"))
def test_signals(name, number, root, program, wait_for):
    script = program(name, 'time.sleep(0 if pipeline_id == "1" else 60)')
    dispatcher = script.start(root, 3)
    wait_for(lambda: told(script) and len(list(root.glob("configs/*/pids"))) == 3)
    time.sleep(0.1)  # until it waits
    dispatcher.send_signal(number)
    dispatcher.communicate(timeout=20)
    assert dispatcher.returncode in ({130, -signal.SIGINT} if number == signal.SIGINT else {128 + number})
    first, *others = open_run(root).trials.values()
    assert first.state is State.SUCCESS
    assert [(t.state, t.metadata.starts) for t in others] == [(State.PENDING, 0)] * 2
    wait_for(lambda: all(map(is_gone, pids(root))), 10)


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="distributed is not installed")
def test_a_dask_cluster_of_the_users_that_grows(root, script):
    script.write(
        """
        import sys, time, neps
        from distributed import Client, LocalCluster

        SPACE = {"x": neps.Float(0, 1)}

        def evaluate(x):
            began = time.time()
            time.sleep(0.3)
            return {"objective_to_minimize": x, "extra": {"began": began, "ended": time.time()}}

        class Grower:
            def neps_trial_finished(self, trial):
                if trial.id == "2":
                    cluster.scale(4)

        if __name__ == "__main__":
            options = {"processes": False, "threads_per_worker": 1, "dashboard_address": None}
            with LocalCluster(n_workers=1, **options) as cluster, Client(cluster) as client:
                result = neps.run(evaluate, SPACE, root_directory=sys.argv[1], evaluations_to_spend=24, seed=0,
                                  executor=("dask", {"client": client}), observers=[Grower()])
            times = [(t.report.extra["began"], t.report.extra["ended"]) for t in result.trials.values()]
            at_once = [sum(a <= began < b for a, b in times) for began, _ in times]
            print(at_once[0], max(at_once))
        """
    )
    out, _ = script.run(root)
    assert out.split() == ["1", "4"]


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="distributed is not installed")
def test_a_worker_that_a_dask_cluster_has_given_up_is_replaced(monkeypatch, wait_for):
    """As it gives up one that is killed again while it starts."""
    import distributed

    from neps_core import Asked
    from neps_plugins.executors import dask

    clusters, make = [], distributed.LocalCluster
    monkeypatch.setattr(
        distributed, "LocalCluster", lambda **keywords: clusters.append(make(**keywords)) or clusters[0]
    )
    monkeypatch.setattr(dask, "COUNTED", 0.0)
    engine = dask.make(Asked(1), processes=False)
    try:
        (cluster,) = clusters
        cluster.sync(cluster.workers.pop(0).close)
        assert not cluster.workers
        assert engine.n_slots() == 1
        wait_for(lambda: cluster.workers)
        assert engine.executor.submit(abs, -3).result(20) == 3
    finally:
        engine.end()


def test_a_pool_of_the_users_that_breaks(root, script):
    """It breaks as a whole; what it lost is put back, and the call says why it ends."""
    script.write(
        """
        import os, signal, sys, neps
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context
        def evaluate(x):
            os.kill(os.getpid(), signal.SIGKILL)
        if __name__ == "__main__":
            with ProcessPoolExecutor(2, get_context("spawn")) as pool:
                neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=4,
                         optimizer="random_search", executor=pool)
        """
    )
    _, err = script.run(root, code=1)
    assert "ExecutorError: the executor can't run evaluations any more: BrokenProcessPool" in err
    trials = open_run(root).trials.values()
    assert trials
    assert {t.state for t in trials} == {State.PENDING}


def test_an_unguarded_script_and_the_standard_pool(root, script):
    script.write(
        """
        import sys, neps
        def evaluate(x):
            return x
        neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=4,
                 optimizer="random_search", executor=("processes", {"pool": "standard"}), n_workers=2)
        """
    )
    _, err = script.run(root, code=1)
    assert 'under if __name__ == "__main__"' in err
    assert all(t.metadata.starts == 0 for t in open_run(root).trials.values())


@pytest.mark.skipif(importlib.util.find_spec("loky") is None, reason="loky is not installed")
def test_an_unguarded_script_and_loky(root, script):
    script.write(
        """
        import sys, neps
        from neps_core import EvaluationError, open_run
        class Oops(Exception): pass
        def evaluate(x):
            raise Oops(f"x is {x}")
        try:
            neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=4, n_workers=2,
                     optimizer="random_search")
        except EvaluationError as error:
            assert type(error.__cause__) is Oops
            print(open_run(sys.argv[1]).trials["1"].report.tb)
        """
    )
    out, _ = script.run(root)
    assert "program.py" in out
    assert "raise Oops" in out


@pytest.mark.skipif(importlib.util.find_spec("mpi4py") is None, reason="mpi4py is not installed")
def test_a_script_that_is_no_rank_of_mpi_is_told_so_at_once(root, script):
    script.write(PROGRAM.format(executor='"mpi"', body="pass"))
    _, said = script.run(root, "4", code=1, seconds=30)
    assert "start the script with 'mpiexec -n 9 python -m mpi4py.futures SCRIPT'" in said
    assert not root.exists()


@pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or not (shutil.which("mpiexec", path=os.path.dirname(sys.executable))),
    reason="mpi4py or an MPI is not installed",
)
def test_two_ranks_of_mpi(root, script):
    script.write(PROGRAM.format(executor='"mpi"', body="neps.report(x)").replace("n_workers=2, ", ""))
    script.path.write_text(script.path.read_text())
    launch = script.folder / "launch.py"
    launch.write_text(
        "import subprocess, sys\n"
        f"sys.exit(subprocess.run([{os.path.join(os.path.dirname(sys.executable), 'mpiexec')!r}, '-n', '2', "
        f"{sys.executable!r}, '-m', 'mpi4py.futures', {str(script.path)!r}, *sys.argv[1:]]).returncode)\n"
    )
    script.path = launch
    script.run(root, 5)
    audit_finished(root, 5)
    assert all(len(t.points) == 1 for t in open_run(root).trials.values())


class TestGpus:
    def search(self, root, **keywords):
        def evaluate(x):
            time.sleep(0.05)
            return {"objective_to_minimize": x, "extra": {"gpus": os.environ.get("CUDA_VISIBLE_DEVICES")}}

        result = neps.run(
            evaluate, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=6, seed=0, **keywords
        )
        return {t.report.extra["gpus"] for t in result.trials.values()}

    def test_one_a_slot(self, root, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-7f")
        assert self.search(root, resources={"gpus": "all"}) == {"3", "GPU-7f"}

    def test_several_a_slot(self, root, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
        assert self.search(root, n_workers=1, resources={"gpus": 2, "cpus": 1}) == {"0,1"}

    @pytest.mark.parametrize("visible", ["", "0,1", "-1"])
    def test_too_few(self, root, monkeypatch, visible):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        with pytest.raises(ExecutorError, match="CUDA_VISIBLE_DEVICES"):
            self.search(root, n_workers=3, resources={"gpus": "all"})

    def test_what_nvidia_smi_lists(self, tmp_path, monkeypatch):
        from neps_plugins.executors.processes import visible_gpus

        program = tmp_path / "nvidia-smi"
        program.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: x)'\necho '  MIG 1g: y'\necho 'GPU 1: A (UUID: z)'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        assert visible_gpus() == ["0", "1"]
