"""Ranks of a training job evaluate rank 0's trials. Each rank is a real process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import neps
from neps_core import RunError, hookimpl, plugins
from neps_core.run import open_run
from neps_core.trials import State
from neps_plugins.distributed import following, processes
from neps_plugins.distributed.jobs import by_hand, job_of
from neps_plugins.distributed.notes import ALL, Note, note_path, read_note, write_note

#: Every rank runs this. `meet` is what an all_reduce does: nobody passes it alone.
PROGRAM = """
    import json, logging, os, subprocess, sys, time
    from pathlib import Path
    import neps

    logging.basicConfig()
    root, out, me, size = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    keywords, options = json.loads(sys.argv[5]), json.loads(sys.argv[6])

    def say(kind, **what):
        with open(out / f"{me}.{kind}", "a") as file:
            file.write(json.dumps(what) + "\\n")

    def meet(name):
        (out / f"{name}@{me}").touch()
        end = time.monotonic() + 30
        while len(list(out.glob(f"{name}@*"))) < size:
            if time.monotonic() > end:
                sys.exit(f"{me} is alone at {name}")
            time.sleep(0.005)

    def launch():
        # As Lightning does it: rank 0 starts the others, which run the same program from the beginning, and keeps them.
        if "LOCAL_RANK" in os.environ:
            return
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="1", NODE_RANK="0", LOCAL_RANK="0", WORLD_SIZE=str(size))
        for rank in range(1, size):
            arguments = [*sys.argv[:3], str(rank), *sys.argv[4:]]
            subprocess.Popen([sys.executable, *arguments], env={**os.environ, "LOCAL_RANK": str(rank)})

    def evaluate(x, pipeline_directory, pipeline_id):
        if options.get("launches"):
            launch()
        say("evaluation", id=pipeline_id, x=x, folder=str(pipeline_directory))
        if options.get("meets", True):
            meet(f"{root.name}-{pipeline_id}")
        if options.get("fails") == me:
            raise ValueError("only here")
        for step in range(1, options.get("steps", 0) + 1):
            neps.report(x * step)
            say("report", id=neps.get_in_progress_trial().id, step=step)
            meet(f"{root.name}-{pipeline_id}-{step}")
        time.sleep(options.get("sleeps", 0))
        return x

    if "distributed" in keywords and isinstance(keywords["distributed"], list):
        keywords["distributed"] = tuple(keywords["distributed"])
    if options.get("stops"):
        keywords["stopping_rule"] = lambda trial, trials: len(trial.points) >= 2 and trial.id != "2"
    time.sleep(options.get("late", {}).get(me, 0))
    for name in options.get("roots", [root.name]):
        root = root.with_name(name)
        result = neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=root, optimizer="random_search", **keywords)
        say("result", why=result.stopped_because, trials=len(result.trials))
"""


def torch(rank: int, size: int = 2, port: int = 29500) -> dict[str, str]:
    return {
        "RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "6c7d0f0a-3f5a-4a7e-9d0e-2f4b1c0d9e8f",
        "TORCHELASTIC_RESTART_COUNT": "0",
    }


def slurm(rank: int, size: int = 2) -> dict[str, str]:
    return {
        "SLURM_PROCID": str(rank),
        "SLURM_NTASKS": str(size),
        "SLURM_JOB_ID": "12",
        "SLURM_STEP_ID": "0",
    }


def mpirun(rank: int, size: int = 2) -> dict[str, str]:
    return {
        "OMPI_COMM_WORLD_RANK": str(rank),
        "OMPI_COMM_WORLD_SIZE": str(size),
        "PMIX_NAMESPACE": "prterun-host-77@1",
    }


class Ranks:
    """Processes that run `PROGRAM`, and what they have said."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.program = folder / "program.py"
        self.program.write_text(textwrap.dedent(PROGRAM))
        self.root = root
        self.out = folder / "out"
        self.out.mkdir()
        self.processes: list[subprocess.Popen[str]] = []

    def start(
        self, me: Any, environ: Mapping[str, str], size: int = 2, options: Any = None, **keywords: Any
    ) -> subprocess.Popen[str]:
        keywords = {"evaluations_to_spend": 2, **keywords}
        arguments = [self.root, self.out, me, size, json.dumps(keywords), json.dumps(options or {})]
        mine = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "NODE_RANK", "MASTER_", "SLURM_", "OMPI_", "PMI", "NEPS_")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
        process = subprocess.Popen(
            [sys.executable, str(self.program), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**clean, "OMP_NUM_THREADS": "1", **environ},
        )
        self.processes.append(process)
        return process

    def end(self, code: int = 0) -> list[str]:
        """Wait for all; gives what each has written to standard error."""
        said = []
        for process in self.processes:
            said.append(process.communicate(timeout=60)[1])
            assert process.returncode == code, said[-1]
        return said

    def said(self, me: Any, kind: str) -> list[dict[str, Any]]:
        path = self.out / f"{me}.{kind}"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def ids(self, me: Any) -> list[str]:
        return [said["id"] for said in self.said(me, "evaluation")]


@pytest.fixture
def ranks(tmp_path: Path, root: Path) -> Iterator[Ranks]:
    made = Ranks(tmp_path, root)
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def states(root: Path) -> list[State]:
    return [trial.state for trial in open_run(root).trials.values()]


def test_all_ranks_evaluate_the_trials_of_rank_0(ranks):
    """Also where one of them raises, which is told and not recorded."""
    for rank in (0, 1):
        ranks.start(rank, slurm(rank), options={"fails": "1"})
    leader, follower = ranks.end()
    assert [e["id"] for e in ranks.said(0, "evaluation")] == ["1", "2"]
    assert ranks.said(1, "evaluation") == ranks.said(0, "evaluation")
    (result,) = ranks.said(1, "result")
    assert result["trials"] == 2 and "has left: it has ended its work" in result["why"]
    assert "Traceback" in follower and "ValueError: only here" in follower and "in trial 2" in follower
    # Who may have been started together for any reason is told.
    assert "rank 1 of 2 of the SLURM step 12.0" in follower and "distributed=False" in follower
    assert not leader
    metadata = [trial.metadata for trial in open_run(ranks.root).trials.values()]
    assert states(ranks.root) == [State.SUCCESS] * 2
    assert len({m.evaluating_worker_id for m in metadata}) == 1 and [m.starts for m in metadata] == [1, 1]


def test_reports_of_followers_are_not_recorded(ranks):
    for rank in (0, 1):
        ranks.start(rank, mpirun(rank), options={"steps": 3}, evaluations_to_spend=1)
    ranks.end()
    assert [said["step"] for said in ranks.said(1, "report")] == [1, 2, 3]
    assert [point.step for point in open_run(ranks.root).trials["1"].points] == [1, 2, 3]


#: What each rank reports with the rule of `PROGRAM`, which stops trials 1 and 3 at step 2.
REPORTED = [("1", 1), ("2", 1), ("2", 2), ("2", 3), ("2", 4), ("3", 1)]


def test_a_stopping_rule_stops_all_ranks_at_one_step(ranks):
    for rank in (0, 1):
        ranks.start(rank, torch(rank), options={"steps": 4, "stops": True}, evaluations_to_spend=3)
    ranks.end()
    for rank in (0, 1):
        assert [(said["id"], said["step"]) for said in ranks.said(rank, "report")] == REPORTED
    assert [trial.report.stopped_at for trial in open_run(ranks.root).trials.values()] == [2, None, 2]


def test_children_that_are_started_inside_an_evaluation_follow_through_later_trials_and_calls(ranks):
    options = {"launches": True, "roots": ["run", "second", "run"], "steps": 4, "stops": True}
    ranks.start(0, {}, 3, options, evaluations_to_spend=3)
    ranks.end()
    first, more = ["1", "2", "3"], ["4", "5", "6"]
    for rank in (1, 2):
        assert ranks.ids(rank) == ranks.ids(0) == first + first + more
        assert ranks.said(rank, "report") == ranks.said(0, "report")
        assert [result["trials"] for result in ranks.said(rank, "result")] == [3, 3, 6]
    assert [(said["id"], said["step"]) for said in ranks.said(1, "report")][:12] == REPORTED * 2
    assert states(ranks.root) == [State.SUCCESS] * 6


def test_late_followers_and_an_old_run_that_is_overwritten(ranks):
    neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=ranks.root, evaluations_to_spend=5, seed=3)
    # An earlier job's note, where a job may be called like an earlier one. It is not this leader's.
    environ = [{**torch(rank, 3), "TORCHELASTIC_RUN_ID": "none"} for rank in range(3)]
    path = note_path(Path(os.path.realpath(ranks.root)), job_of(environ[0]).name, 1)
    write_note(path, Note("earlier", time.time() - 100, left="it has ended its work"))
    options = {"late": {"0": 0.3, "2": 0.5}}  # rank 1 comes first
    for rank in (0, 1, 2):
        ranks.start(rank, environ[rank], 3, options, overwrite_root_directory=True)
    ranks.end()
    assert ranks.ids(1) == ranks.ids(2) == ranks.ids(0) == ["1", "2"]
    assert len(open_run(ranks.root).trials) == 2


def test_jobs_and_workers_on_one_run_follow_their_own_leaders(ranks):
    for rank in (0, 1):
        # `meet` would end a process that evaluates what the other of its job does not.
        ranks.start(f"torch{rank}", torch(rank))
        ranks.start(f"hand{rank}", {}, distributed=[rank, "mine"])
    ranks.start("own", torch(1), 1, distributed=False)
    ranks.end()
    assert ranks.ids("torch0") == ranks.ids("torch1") and ranks.ids("hand0") == ranks.ids("hand1")
    evaluated = ranks.ids("torch0") + ranks.ids("hand0") + ranks.ids("own")
    assert len(evaluated) == len({*evaluated}) == len(open_run(ranks.root).trials) == 6


def test_a_leader_that_has_nothing_to_do_and_a_follower_that_comes_after_it(ranks):
    neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=ranks.root, evaluations_to_spend=1)
    keywords = {"evaluations_to_spend": None, "total_evaluations_to_spend": 1}
    ranks.start(0, torch(0), **keywords)
    ranks.start(1, torch(1), options={"late": {"1": 0.5}}, **keywords)
    ranks.end()
    assert ranks.said(1, "result") == [
        {"why": ranks.said(1, "result")[0]["why"], "trials": 1},
    ]
    assert "has left: it has ended its work" in ranks.said(1, "result")[0]["why"]
    assert not ranks.ids(1)


def test_sigterm_ends_each_rank(ranks, wait_for):
    for rank in (0, 1):
        ranks.start(rank, torch(rank), options={"sleeps": 60})
    wait_for(lambda: len(list(ranks.out.glob("run-1@*"))) == 2)
    leader, follower = ranks.processes
    began = time.monotonic()
    follower.terminate()
    assert follower.wait(timeout=10) == -signal.SIGTERM
    assert time.monotonic() - began < 5
    assert states(ranks.root) == [State.EVALUATING] and leader.poll() is None
    leader.terminate()
    assert leader.wait(timeout=10) == 128 + signal.SIGTERM
    assert states(ranks.root) == [State.PENDING]
    (path,) = (ranks.root / ".neps/ranks").iterdir()
    assert read_note(path).left == "SystemExit(143)"


def test_followers_leave_when_their_leader_dies(ranks, wait_for):
    leader, follower = (ranks.start(rank, torch(rank), options={"sleeps": 60 * (1 - rank)}) for rank in (0, 1))
    wait_for(lambda: len(list(ranks.out.glob("run-1@*"))) == 2)
    leader.kill()
    leader.wait()
    began = time.monotonic()
    _, err = follower.communicate(timeout=20)
    assert time.monotonic() - began < 10
    assert follower.returncode == 1 and "died while it evaluated trial 1" in err
    assert states(ranks.root) == [State.EVALUATING]


def test_an_error_in_all_ranks_stops_all(ranks):
    leader = ranks.start(0, torch(0), options={"fails": "0"})
    ranks.start(1, torch(1), options={"fails": "1"})
    leader.communicate(timeout=30)
    assert leader.returncode == 1
    ranks.processes.remove(leader)
    ranks.end()
    assert "EvaluationError" in ranks.said(1, "result")[0]["why"]
    assert states(ranks.root) == [State.FAILED]


def test_a_plain_worker_writes_no_note_and_leaves_the_environment_alone(root, monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    seen = []

    def evaluate(x):
        seen.append(os.environ.get("NEPS_LEADER"))
        return x

    neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=1)
    assert seen[0] is not None and "NEPS_LEADER" not in os.environ
    assert not (root / ".neps/ranks").exists()


def test_a_rule_that_raises_holds_nobody_up(root):
    def evaluate(x):
        for _ in range(3):
            neps.report(x)
        return x

    def broken(trial, trials):
        raise OSError("no rule")

    keywords = {"root_directory": root, "distributed": (0, "job"), "stopping_rule": broken, "evaluations_to_spend": 1}
    neps.run(evaluate, {"x": neps.Float(0, 1)}, **keywords)
    (path,) = (root / ".neps/ranks").iterdir()
    note = read_note(path)
    assert (note.trial, note.judged, note.stopped, note.left) == ("1", ALL, False, "it has ended its work")


@pytest.mark.parametrize("left, told", [("it has ended its work", "has left: it has ended"), (None, "is gone")])
def test_a_leader_that_is_gone_is_waited_for_where_jobs_may_have_one_name(root, monkeypatch, left, told):
    monkeypatch.setattr(following, "SETTLING", 0.2)
    neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=1)
    path = note_path(Path(os.path.realpath(root)), by_hand(1, "job").name, 2)  # for this process's second call
    write_note(path, Note("w", time.time(), left=left))
    began = time.monotonic()
    result = neps.run(lambda x: x, root_directory=root, distributed=(1, "job"))
    assert told in result.stopped_because and len(result.trials) == 1
    assert time.monotonic() - began > 0.2


def test_a_report_that_comes_after_the_leaders_trial_has_ended(root):
    def evaluate(x):
        neps.report(x)
        neps.report(x)
        return x

    keywords = {"root_directory": root, "stopping_rule": lambda trial, _: trial.id == "1" and len(trial.points) == 2}
    trials = neps.run(evaluate, {"x": neps.Float(0, 1)}, evaluations_to_spend=2, **keywords).trials
    ends = following._Leader._verdict_of_ended
    assert [ends(trials["1"], n) for n in (1, 2, 3)] == [False, True, True]
    assert [ends(trials["2"], n) for n in (1, 2, 3)] == [False, False, True]
    assert ends(None, 1)  # somebody has removed it


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is forked")
def test_a_child_that_was_forked_does_not_speak_for_its_leader(root, script):
    script.write(
        """
        import os, sys
        from pathlib import Path
        import neps
        from neps_plugins.distributed.notes import read_note

        def evaluate(x, root_directory):
            pid = os.fork()
            if not pid:
                sys.exit()  # on its way out it leaves all blocks that the leader is in
            os.waitpid(pid, 0)
            print([read_note(path).left for path in (root_directory / ".neps/ranks").iterdir()])
            return x

        space = {"x": neps.Float(0, 1)}
        neps.run(evaluate, space, root_directory=sys.argv[1], distributed=(0, "job"), evaluations_to_spend=1)
        """
    )
    assert script.run(root)[0] == "[None]\n"


def test_plugins_bring_further_launchers(root, monkeypatch):
    class Launcher:
        @hookimpl
        def neps_rank(self, storage, distributed):
            assert storage.folder.root_directory == root and distributed == (3, "")
            return self

        def follow(self, function, pipeline_space):
            return function, pipeline_space

    launcher = Launcher()
    plugins.register(launcher)
    try:
        assert neps.run(abs, "a space", root_directory=root, distributed=3) == (abs, "a space")
    finally:
        plugins.unregister(launcher)
    first = plugins.plugins.first
    monkeypatch.setattr(plugins.plugins, "first", lambda hook, **a: None if hook == "neps_rank" else first(hook, **a))
    with pytest.raises(RunError, match=r"distributed=3 was given, and no installed plugin"):
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, distributed=3)
    assert not root.exists()


@pytest.mark.parametrize("wrong", [True, -1, 1.5, "1", (1,), (1, 2), (True, "job"), (1, "job", 3)])
def test_what_can_not_be_meant_is_refused(root, wrong):
    with pytest.raises(RunError, match=r"distributed=.*\(rank, 'name of the job'\)"):
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=1, distributed=wrong)
    assert not root.exists()


def test_a_follower_of_a_run_in_memory_is_refused():
    with pytest.raises(RunError, match="rank 1 of the job 'a'.*in its memory"):
        neps.run(lambda x: x, root_directory="memory://", distributed=(1, "a"))


@pytest.mark.parametrize(
    "environ, leads",
    [
        ({}, None),
        (torch(0, 1), None),
        (torch(1), False),
        ({**torch(0, 1), **slurm(1)}, None),  # one torchrun in each task
        ({**torch(1), **slurm(0)}, False),
        ({"RANK": "1", "WORLD_SIZE": "2"}, None),  # nobody could train with these
        (slurm(0), True),
        ({**slurm(1), "SLURM_STEP_ID": ""}, None),
        (slurm(0, 1), None),
        ({**mpirun(1), **slurm(0)}, False),  # mpirun inside a step
        ({"PMI_RANK": "1", "PMI_SIZE": "2", "MPI_LOCALNRANKS": "2"}, False),
        ({"PMI_RANK": "1", "PMI_SIZE": "4", "MPI_LOCALNRANKS": "2"}, None),
        ({"NODE_RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "n0", "MASTER_PORT": "5"}, False),
        ({"NODE_RANK": "0", "WORLD_SIZE": "4", "MASTER_ADDR": "n0", "MASTER_PORT": "5"}, True),
        ({"LOCAL_RANK": "1"}, None),
    ],
)
def test_what_launchers_say(environ, leads):
    job = job_of(environ)
    assert (job and job.leads) is leads


def test_jobs_are_told_from_each_other():
    assert job_of(torch(0)).name == job_of(torch(1)).name != job_of(torch(1, port=1)).name
    assert job_of(slurm(0)).name == job_of(slurm(1)).name != job_of({**slurm(1), "SLURM_STEP_ID": "1"}).name
    restarted = {**torch(1), "TORCHELASTIC_RESTART_COUNT": "1"}
    assert job_of(restarted).name != job_of(torch(1)).name
    assert socket.gethostname() in job_of(torch(0)).name  # 127.0.0.1 is somebody else elsewhere
    assert socket.gethostname() not in job_of({**torch(0), "MASTER_ADDR": "node7"}).name


@pytest.mark.parametrize(
    "wrong",
    [{"worker": "../../x"}, {"worker": "\0"}, {"worker": ["w"]}, {"began": "now"}, {"left": 1}, {"judged": None}],
)
def test_a_note_that_no_leader_has_written_is_none(tmp_path, wrong):
    good = Note("w", 1.0).as_plain()
    (tmp_path / "note").write_text(json.dumps(good))
    assert read_note(tmp_path / "note") == Note("w", 1.0)
    (tmp_path / "note").write_text(json.dumps({**good, **wrong}))
    assert read_note(tmp_path / "note") is None


def test_what_is_no_note_is_none(tmp_path):
    for text in ("", "[]", "{}", '{"worker": "w", "began": 0, "more": 1}'):
        (tmp_path / "note").write_text(text)
        assert read_note(tmp_path / "note") is None
    assert read_note(tmp_path / "absent") is None


def test_gradients_are_added_up_by_torch(ranks, script):
    pytest.importorskip("torch")
    script.write(
        """
        import sys
        import torch
        import torch.distributed as dist
        import neps

        def evaluate(x, pipeline_id):
            summed = torch.tensor([x, float(pipeline_id)])
            dist.all_reduce(summed)
            return summed.tolist()[0] / 2 if summed[1] == 2 * float(pipeline_id) else float("nan")

        dist.init_process_group("gloo")
        result = neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=3)
        assert len(result.trials) == 3, result
        dist.destroy_process_group()
        """
    )
    command = ["-m", "torch.distributed.run", "--nproc-per-node=2", str(script.path), str(ranks.root)]
    subprocess.run([sys.executable, *command], check=True, timeout=100, env={**os.environ, "OMP_NUM_THREADS": "1"})
    trials = open_run(ranks.root).trials.values()
    assert [trial.report.objective_to_minimize for trial in trials] == [
        pytest.approx(trial.config["x"], rel=1e-5) for trial in trials
    ]


def test_what_children_are_told_stays_short(root, monkeypatch):
    """However many runs a process has made: systems start no process with a variable of more than 128 kB."""
    monkeypatch.setattr(processes, "MOST", 3)
    monkeypatch.setattr(processes, "_this", None)
    monkeypatch.delenv(processes.LEADER, raising=False)
    told = []

    def evaluate(x):
        told.append(json.loads(os.environ[processes.LEADER]))
        return x

    for i in range(5):
        neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=root / str(i), evaluations_to_spend=1)
    assert [len(each["calls"]) for each in told] == [1, 2, 3, 3, 3]
    assert [each["forgot"] for each in told] == [False] * 3 + [True] * 2
    parent = processes._parsed(json.dumps(told[-1]))
    assert [parent.n_calls(os.path.realpath(root / str(i))) for i in (0, 4)] == [float("inf"), 1]
    assert processes._parsed(json.dumps(told[0])).n_calls(os.path.realpath(root / "1")) == 0
