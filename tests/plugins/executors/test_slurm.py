"""What becomes of jobs, by what Slurm says of them; `tests/integration/slurm.py` asks Slurm itself."""

from __future__ import annotations

import concurrent.futures
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from neps_core import Asked
from neps_core.resources import Resources
from neps_plugins.executors import slurm
from neps_plugins.executors.slurm import JobLostError, Queue, SubmititExecutor, _parameters

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Slurm is for POSIX")


class Jobs:
    """Submits jobs whose results are files, as submitit does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.submitted: list[SimpleNamespace] = []
        self.cancelled: list[str] = []

    def submit(self, function, *args):
        job_id = str(len(self.submitted) + 1)
        result = self.folder / job_id
        paths = SimpleNamespace(folder=self.folder, result_pickle=result, stderr=self.folder / f"{job_id}.err")
        job = SimpleNamespace(
            job_id=job_id,
            paths=paths,
            args=args,
            result=lambda: result.read_text(),
            cancel=lambda check: self.cancelled.append(job_id),
        )
        self.submitted.append(job)
        return job

    def write(self, job_id, result):
        (self.folder / "half").write_text(result)
        (self.folder / "half").rename(self.folder / job_id)


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """The file whose lines `squeue` prints; it fails while there is none."""
    lines, folder = tmp_path / "queue", tmp_path / "bin"
    folder.mkdir()
    squeue = folder / "squeue"
    squeue.write_text(f"#!/bin/sh\nread -r all 2>/dev/null <'{lines}' || exit 1\nexec cat '{lines}'\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "PAUSE", 0.01)
    monkeypatch.setattr(slurm, "QUEUE_PAUSE", 0.01)
    monkeypatch.setattr(Queue, "grace", 0.2)
    return lines


@pytest.fixture
def jobs(tmp_path):
    folder = tmp_path / "jobs"
    folder.mkdir()
    return Jobs(folder)


@pytest.fixture
def executor(jobs, queue):
    made = SubmititExecutor(jobs, Queue())
    yield made
    made.kill()


@pytest.mark.parametrize("line, state", [("1 TIMEOUT", "TIMEOUT"), ("1 FAILED", "FAILED"), ("9 RUNNING", "COMPLETED")])
def test_a_job_that_ends_without_a_result(executor, jobs, queue, line, state):
    queue.write_text(f"{line}\n")
    with pytest.raises(JobLostError, match=rf"job 1 ended without a result \({state}\); its log is .*1\.err"):
        executor.submit(print).result(timeout=20)


def test_a_result_that_comes_late(executor, jobs, queue, wait_for, monkeypatch):
    """A file system of the network may show it after Slurm has forgotten the job."""
    monkeypatch.setattr(Queue, "grace", 60.0)
    queue.write_text("9 RUNNING\n")
    future = executor.submit(print)
    wait_for(lambda: executor._calls[future].over_since)
    jobs.write("1", "answer")
    assert future.result(timeout=20) == "answer"


def test_a_job_that_was_preempted_is_submitted_anew(executor, jobs, queue, wait_for):
    queue.write_text("1 PREEMPTED\n2 RUNNING\n")
    future = executor.submit(print, "argument")
    wait_for(lambda: len(jobs.submitted) == 2)
    assert [job.args for job in jobs.submitted] == [(print, "argument")] * 2
    jobs.write("2", "answer")
    assert future.result(timeout=20) == "answer"
    assert len(jobs.submitted) == 2


def test_a_controller_that_is_away_is_waited_for(executor, jobs, queue):
    future = executor.submit(print)
    with pytest.raises(concurrent.futures.TimeoutError):
        future.result(timeout=0.5)
    queue.write_text("1 TIMEOUT\n")
    with pytest.raises(JobLostError):
        future.result(timeout=20)


def test_what_runs_is_cancelled(executor, jobs, queue):
    queue.write_text("1 RUNNING\n2 PENDING\n")
    executor.submit(print)
    executor.submit(print)
    executor.kill()
    assert jobs.cancelled == ["1", "2"]
    with pytest.raises(RuntimeError, match="cancelled"):
        executor.submit(print)


def test_what_is_asked_for():
    asked = Asked(4, Resources(cpus=2, gpus=1, memory=3 * 1024**3, walltime=120))
    given = {"partition": "gpu", "slurm_additional_parameters": {"reservation": "me"}}
    assert _parameters(asked, given, {"timeout_min", "name"}) == {
        "name": "neps",
        "cpus_per_task": 2,
        "gpus_per_node": 1,
        "mem_gb": 3,
        "timeout_min": 2,
        "slurm_signal_delay_s": 30,
        "slurm_partition": "gpu",
        "slurm_additional_parameters": {"no_requeue": True, "reservation": "me"},
    }
