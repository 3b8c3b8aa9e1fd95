"""Slurm itself: a controller and one node on this host, `neps launch slurm`, and the executor `slurm`.

`python tests/integration/slurm.py` takes a minute, needs the package of Slurm (Debian's `slurm-wlm`) and root, and
leaves nothing behind. Workers are killed, told that their time is over, preempted and requeued; in the end nothing is
lost, doubled or stuck.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from neps_core.run import open_run  # noqa: E402
from neps_core.trials import State  # noqa: E402
from tests.audit import audit_finished, audit_journal  # noqa: E402

#: How many trials the workers share.
N = 300

CONFIGURATION = """
    ClusterName=neps
    SlurmctldHost={host}(127.0.0.1)
    SlurmUser=root
    SlurmdUser=root
    AuthType=auth/none
    AuthInfo=cred_expire=5
    CredType=cred/none
    SlurmctldPort={controller_port}
    SlurmdPort={node_port}
    StateSaveLocation={folder}/state
    SlurmdSpoolDir={folder}/spool
    SlurmctldPidFile={folder}/slurmctld.pid
    SlurmdPidFile={folder}/slurmd.pid
    SlurmctldLogFile={folder}/slurmctld.log
    SlurmdLogFile={folder}/slurmd.log
    SlurmdParameters=config_overrides
    ProctrackType=proctrack/linuxproc
    TaskPlugin=task/none
    MpiDefault=none
    SelectType=select/cons_tres
    SelectTypeParameters=CR_Core
    SchedulerParameters=sched_interval=1,sched_min_interval=0
    PreemptType=preempt/partition_prio
    PreemptMode=REQUEUE
    AccountingStorageType=accounting_storage/none
    JobAcctGatherType=jobacct_gather/none
    KillWait=5
    NodeName={host} NodeAddr=127.0.0.1 CPUs=9 RealMemory=4000 State=UNKNOWN
    PartitionName=main Nodes=ALL Default=YES PriorityTier=1 State=UP
    PartitionName=urgent Nodes=ALL PriorityTier=2 PreemptMode=OFF State=UP
"""

SEARCH = """
    import json, os, sys, time
    from pathlib import Path
    import neps

    root, n, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    assert sys.argv[4:] == ["it's", 'a "b" \\\\ $HOME'], sys.argv

    class Told:
        def neps_trial_finished(self, trial):
            with open("told", "a") as file:
                file.write(json.dumps([trial.id, trial.report.objective_to_minimize]) + "\\n")

    def evaluate(x):
        task = os.environ["SLURM_ARRAY_TASK_ID"]
        if task in "012" and Path("hold").exists():
            Path(f"held {task}").touch()
            time.sleep(60)
        time.sleep(seconds)
        return x

    neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=root, optimizer="random_search", seed=0,
             total_evaluations_to_spend=n, observers=["summary", Told()])
"""

EACH_A_JOB = """
    import os, signal, subprocess, sys, time
    import neps

    def evaluate(x, pipeline_id, pipeline_directory):
        first = pipeline_directory / "first"
        if first.exists():
            (pipeline_directory / "second").touch()
        else:
            first.touch()
            if pipeline_id == "1":
                os.kill(os.getpid(), signal.SIGKILL)
            if pipeline_id == "2":
                subprocess.run(["scancel", "--signal=USR2", os.environ["SLURM_JOB_ID"]], check=True)
                time.sleep(60)
            if pipeline_id == "3":
                refused = subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=False)
                return x if refused.returncode else None
            if pipeline_id == "4":  # which is preempted
                others = [pipeline_directory.parent / f"config_{i}" / "first" for i in "123"]
                while not all(other.exists() for other in others):
                    time.sleep(0.1)
                time.sleep(1)
                urgent = ["sbatch", "--partition=urgent", "--cpus-per-task=9", "--output=/dev/null", "--wrap=true"]
                subprocess.run(urgent, check=True)
                time.sleep(60)
        return x

    if __name__ == "__main__":
        neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], optimizer="random_search", seed=0,
                 total_evaluations_to_spend=4, executor="slurm", n_workers=4, resources={"walltime": "00:02:00"})
"""


def say(text: str) -> None:
    print(f"{time.monotonic() - BEGAN:5.1f} s  {text}", flush=True)


BEGAN = time.monotonic()


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for: {what}"
        time.sleep(0.2)


def run(*command: str, folder: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class NoSlurmError(Exception):
    """Slurm does not start on this machine, which says nothing about us."""


@contextlib.contextmanager
def slurm(folder: Path) -> Iterator[None]:
    """A controller and a node, in the environment of this process; what they have started ends with them."""
    host = socket.gethostname().partition(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    text = CONFIGURATION.format(host=host, folder=folder, controller_port=free_port(), node_port=free_port())
    (folder / "slurm.conf").write_text(textwrap.dedent(text))
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    daemons = []
    try:
        try:
            for command in (["slurmctld", "-D"], ["slurmd", "-D", "-N", host]):
                with (folder / f"{command[0]}.out").open("w") as out:
                    daemons.append(subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL))
                wait_for(
                    lambda: subprocess.run("sinfo", capture_output=True, check=False).returncode == 0, 20, "slurmctld"
                )
            wait_for(lambda: "idle" in run("sinfo", "--noheader", "--format=%T"), 20, "a node that is idle")
        except Exception as reason:  # whatever a machine lacks
            raise NoSlurmError(reason) from reason
        yield
        wait_for(lambda: not queue(), 20, "an empty queue")
    except BaseException:
        print("in the queue:", queue(), file=sys.stderr)
        for path in folder.parent.rglob("*.log"):
            print(f"--- {path}", *path.read_text().splitlines()[-20:], sep="\n", file=sys.stderr)
        raise
    finally:
        for job in {line.split()[0].partition("_")[0] for line in queue()}:
            subprocess.run(["scancel", "--full", "--signal=KILL", job], check=False)
            subprocess.run(["scancel", job], check=False)
        wait_for(lambda: not queue(), 20, "the end of all jobs")
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(timeout=20)


def queue() -> list[str]:
    """The tasks that wait, run or are being ended: of each, its id and state."""
    command = ["squeue", "--noheader", "--array", "--format=%i %T"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def launch(folder: Path, script: str, *words: str) -> str:
    """`neps launch slurm`; returns the job's id."""
    out = run(sys.executable, "-m", "neps", "launch", "slurm", script, *words, folder=folder)
    return out.split()[2].rstrip(":")


def told(folder: Path) -> dict[str, float]:
    lines = (folder / "told").read_text().splitlines() if (folder / "told").exists() else []
    return dict(map(json.loads, lines))


def events(root: Path, kind: str) -> list[object]:
    return [event for event in open_run(root).journal.read(0)[0] if type(event).__name__ == kind]


def workers(folder: Path) -> None:
    """Many workers over a run, of which some end before their time."""
    root, awkward = folder / "results", ("it's", 'a "b" \\ $HOME')
    slow = folder / "slow"
    for made in (folder, slow):
        made.mkdir(exist_ok=True)
        (made / "search me.py").write_text(textwrap.dedent(SEARCH))
    words = ["--partition=urgent", "--time=1", "--signal=20", "--ntasks=2", '--comment=it\'s \\ "x"']
    short = launch(slow, "search me.py", *words, "--", str(slow / "results"), "1", "300", *awkward)
    say(f"job {short}: a worker whose time limit is a minute, with trials that take five")
    words = ["--workers=7", "--time=10", "--mem", "100M", "--cpus=1"]
    job = launch(folder, "search me.py", *words, "--", str(root), str(N), "0.3", *awkward)
    say(f"job {job}: 7 workers over {N} trials")
    wait_for(lambda: len(told(folder)) >= 40, 40, "40 results")

    say("one is killed, one told that its time is over, one cancelled, one requeued")
    (folder / "hold").touch()  # so that each of the first three has a trial to lose
    wait_for(lambda: len(list(folder.glob("held *"))) == 3, 20, "three that are in the middle of an evaluation")
    run("scancel", "--signal=KILL", "--batch", f"{job}_0")  # without --batch it would be told first, by SIGTERM
    run("scancel", "--signal=USR1", "--batch", f"{job}_1")
    run("scancel", f"{job}_2")
    run("scontrol", "requeue", f"{job}_3")
    wait_for(
        lambda: not any(line.startswith((f"{job}_0", f"{job}_1", f"{job}_2")) for line in queue()), 20, "their end"
    )
    wait_for(lambda: f"{job}_3 RUNNING" in queue(), 30, "the requeued one to run")

    say("an urgent job preempts the others for a moment")
    urgent = ["sbatch", "--parsable", "--partition=urgent", "--cpus-per-task=7", "--output=/dev/null", "--wrap=sleep 1"]
    running = f"{run(*urgent).strip()} RUNNING"
    wait_for(lambda: running in queue(), 20, "the urgent one to run")
    wait_for(lambda: not any(line.startswith(f"{job}_") for line in queue()), 90, "the end of the search")
    audit_finished(root, N)
    audit_journal(root, told(folder))
    put_back = [event.reason for event in events(root, "Requeued")]  # type: ignore[attr-defined]
    say(f"{N} results, none lost or doubled; put back meanwhile:")
    for reason, n in Counter(re.sub("its worker .* died", "its worker died", each) for each in put_back).items():
        say(f"    {n} time(s): {reason}")
    for what in ("died", "SystemExit(138)", "SystemExit(143)"):
        assert any(what in reason for reason in put_back), f"{what!r} is none of the reasons"

    wait_for(lambda: not queue(), 60, "the end of the short job")
    trials = open_run(slow / "results").trials
    assert [(t.state, t.metadata.starts) for t in trials.values()] == [(State.PENDING, 0)], trials
    assert not (slow / "results/.neps/ranks").exists(), "a task of an array was taken for a rank"
    (event,) = events(slow / "results", "Requeued")
    assert "138" in str(event), event
    say("the worker of a minute has put its trial back before Slurm ended it")


def jobs(folder: Path) -> None:
    """Each evaluation a job: one is killed, one runs out of time, one asks to be requeued, one is preempted."""
    folder.mkdir()
    (folder / "each.py").write_text(textwrap.dedent(EACH_A_JOB))
    run(sys.executable, "each.py", "results", folder=folder)
    audit_finished(folder / "results", 4)
    assert (folder / "results/configs/config_4/second").exists(), "nobody was preempted"
    reasons = {event.id: event.reason for event in events(folder / "results", "Requeued")}  # type: ignore[attr-defined]
    assert set(reasons) == {"1", "2"}, reasons
    assert "ended without a result" in reasons["1"], reasons
    assert "its job's time is over" in reasons["2"], reasons
    say("the executor: 4 results, and what was lost was put back once")


def main() -> int:
    missing = [name for name in ("slurmctld", "slurmd", "sbatch", "squeue") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        print(f"Skipped: {'there is no ' + ', '.join(missing) if missing else 'Slurm needs root here'}.")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    with tempfile.TemporaryDirectory(prefix="neps-slurm-") as name:
        folder = Path(name)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(slurm(folder / "slurm"))
            except NoSlurmError as reason:
                print(f"Skipped: Slurm does not start here: {reason}")
                return 0
            say("Slurm is up")
            workers(folder / 'a folder\'s "name" 100%')
            try:
                import submitit  # noqa: F401
            except ImportError:
                say("submitit is not installed: the executor is not tested")
            else:
                jobs(folder / "jobs")
    say("all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
