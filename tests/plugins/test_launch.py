"""`neps launch slurm`, with an `sbatch` that runs tasks as processes; `tests/integration/slurm.py` has Slurm itself."""

from __future__ import annotations

import os
import signal
import sys
import textwrap

import pytest

from neps_core.cli import main
from neps_core.run import open_run
from neps_core.trials import State
from neps_plugins.commands.launch import quoted
from neps_plugins.distributed.jobs import job_of
from tests.audit import audit_finished

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Slurm is for POSIX")

#: What Slurm 22.05 sets in a task of an array job with `--ntasks=4`, as far as it speaks of ranks.
OF_A_TASK = {
    "SLURM_JOB_ID": "8",
    "SLURM_ARRAY_JOB_ID": "7",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_NTASKS": "4",
    "SLURM_NPROCS": "4",
    "SLURM_NNODES": "1",
    "SLURM_GTIDS": "0",
}

#: Starts all tasks, and waits for them.
SBATCH = f"""\
#!{sys.executable}
import json, os, shlex, subprocess, sys
from pathlib import Path
here = Path(__file__).parent
assert sys.argv[1] == "--parsable", sys.argv
(here / "environment").write_text(json.dumps(dict(os.environ)))
lines = [l[8:] for l in open(sys.argv[2]).read().splitlines() if l.startswith("#SBATCH ")]
options = dict(word.partition("=")[::2] for line in lines for word in shlex.split(line))
if "--nonsense" in options:
    sys.exit("sbatch: unrecognized option '--nonsense'")
processes = []
for task in range(int(options["--array"].partition("-")[2]) + 1):
    log = open(options["--output"].replace("%%", "%").replace("%a", str(task)), "a")
    environment = {{**os.environ, **{OF_A_TASK!r}, "SLURM_ARRAY_TASK_ID": str(task)}}
    processes.append(subprocess.Popen(["sh", sys.argv[2]], stdout=log, stderr=log, cwd="/", env=environment))
(here / "pids").write_text(" ".join(str(p.pid) for p in processes))
print("7;cluster")
for process in processes:
    process.wait()
"""

SEARCH = """
    import os, signal, sys, time
    from pathlib import Path
    import neps

    def evaluate(x, pipeline_directory):
        (pipeline_directory / f"by {os.environ['SLURM_ARRAY_TASK_ID']}").touch()
        time.sleep(float(sys.argv[2]))
        return x

    assert sys.argv[3:] == ["it's", "--", "$HOME"], sys.argv
    neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], optimizer="random_search",
             total_evaluations_to_spend=12)
"""

NAME = "search 'me' \"now\" 100%.py"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the user stands, in a place with an awkward name; an `sbatch` is on the path."""
    made = tmp_path / 'it\'s a "folder" 100%'
    made.mkdir()
    (made / NAME).write_text(textwrap.dedent(SEARCH))
    monkeypatch.chdir(made)
    (tmp_path / "bin").mkdir()
    sbatch = tmp_path / "bin/sbatch"
    sbatch.write_text(SBATCH)
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{sbatch.parent}:{os.environ['PATH']}")
    return made


def test_workers_share_a_run(folder, root, capfd, monkeypatch):
    monkeypatch.setenv("SLURM_STEP_ID", "3")  # as in a shell that `srun --pty` has started
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    assert main(["launch", "slurm", NAME, "--workers", "3", "--", str(root), "0.1", "it's", "--", "$HOME"]) == 0
    out = capfd.readouterr().out
    assert "submitted job 7: 3 worker(s)" in out
    assert "scancel 7" in out
    (logs,) = (folder / "slurm_jobs").iterdir()
    texts = [(logs / f"worker-{i}.log").read_text() for i in range(3)]
    audit_finished(root, 12)
    assert texts == ["", "", ""]  # nobody took himself for a rank of a distributed training, which is told
    assert not (root / ".neps/ranks").exists()
    environment = (folder.parent / "bin/environment").read_text()
    assert "SLURM_CONF" in environment
    assert "SLURM_STEP" not in environment


def test_a_worker_that_is_told_that_its_time_is_over(folder, root, script, wait_for):
    """Slurm signals the batch shell, whose place the worker has taken."""
    arguments = ["launch", "slurm", NAME, "--", str(root), "30", "it's", "--", "$HOME"]
    script.write(
        f"import os, sys\nfrom neps_core.cli import main\nos.chdir({str(folder)!r})\nsys.exit(main({arguments!r}))"
    )
    launched = script.start()
    wait_for(lambda: list(root.glob("configs/*/by 0")))
    os.kill(int((folder.parent / "bin/pids").read_text()), signal.SIGUSR1)
    launched.communicate(timeout=20)
    (trial,) = open_run(root).trials.values()
    assert (trial.state, trial.metadata.starts) == (State.PENDING, 0)


def test_dry_run_writes_nothing(folder, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    options = ["--workers", "64", "--partition", "gpu", "--time=04:00:00", "--exclusive", "--comment=a \\ b", "-n4"]
    own = ["--cpus", "2", "--signal", "120", "--logs", "logs", "--dry_run"]
    assert main(["launch", "slurm", NAME, *options, *own, "--", "a b"]) == 0
    lines = capsys.readouterr().out.splitlines()
    logs = [line for line in lines if "--output=" in line]
    assert logs[0].endswith('/worker-%a.log"') and "100%%" in logs[0] and "/logs/" in logs[0]
    lines.remove(logs[0])
    assert lines == [
        "#!/bin/sh",
        '#SBATCH --job-name="search \'me\' \\"now\\" 100%"',
        "#SBATCH --array=0-63",
        "#SBATCH --open-mode=append",
        "#SBATCH --requeue",
        "#SBATCH --signal=B:USR1@120",
        "#SBATCH --cpus-per-task=2",
        "#SBATCH --partition gpu",
        "#SBATCH --time=04:00:00",
        "#SBATCH --exclusive",
        '#SBATCH "--comment=a \\\\ b"',
        "#SBATCH -n4",
        "",
        *lines[13:],
    ]
    assert lines[-1].startswith(f"exec {sys.executable} -u 'search '\"'\"'me")
    assert sorted(path.name for path in folder.iterdir()) == [NAME]


def test_no_signal(folder, capsys):
    assert main(["launch", "slurm", NAME, "--signal", "0", "--dry-run"]) == 0
    assert "--signal" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, message",
    [
        (["nowhere.py"], "there is no script 'nowhere.py'"),
        ([NAME, "--workers", "0"], "--workers 0: it has to be 1 or more"),
        ([NAME, "--signal", "-1"], "--signal -1: it has to be"),
        ([NAME, "--array=1-3"], "--array=1-3: that is not for sbatch here"),
        ([NAME, "-a", "1-3"], "-a: that is not for sbatch here"),
        ([NAME, "10", "--workers", "2"], "'10' belongs to no option of sbatch"),
        ([NAME, "--time", "1", "10"], "'10' belongs to no option of sbatch"),
        ([NAME, "--comment=a\nb"], "can't have two lines"),
        ([NAME, "--logs", "a\\b"], "folder without backslashes"),
        ([NAME, "--nonsense"], "sbatch submitted nothing: sbatch: unrecognized option '--nonsense'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(folder, capsys, words, message):
    assert main(["launch", "slurm", *words]) == 1
    assert message in capsys.readouterr().err
    assert not list(folder.glob("slurm_jobs/*"))


def test_there_is_no_slurm(folder, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert main(["launch", "slurm", NAME]) == 1
    assert "there is no sbatch on PATH" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == [NAME]


def test_tasks_of_an_array_are_no_ranks():
    assert job_of(OF_A_TASK) is None
    assert job_of({**OF_A_TASK, "SLURM_STEP_ID": "0"}) is not None  # `srun` in such a task starts some


@pytest.mark.parametrize("text", ["plain-1.0:2", "a b", "it's", 'a "b"', "back\\slash", ""])
def test_quoting_is_one_that_slurm_and_others_undo(text):
    word, n, inside = [], 0, None
    line = quoted(text)
    while n < len(line):  # as Slurm does it: a backslash escapes everywhere
        if line[n] == "\\":
            n += 1
            word.append(line[n])
        elif line[n] in "'\"" and inside in (None, line[n]):
            inside = None if inside else line[n]
        else:
            word.append(line[n])
        n += 1
    assert "".join(word) == text
    assert inside is None
