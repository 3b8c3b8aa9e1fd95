"""Many workers at once, that are killed, start together, overwrite a run, raise errors, or have clocks that are wrong.

Workers are forked from the test's own process, which has imported everything: so a start takes milliseconds.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import neps
from neps_core.run import open_run
from neps_core.run_folder import RunFolder
from neps_core.trials import State, Trial
from neps_plugins.storages.filesystem import probing
from neps_plugins.storages.filesystem.probing import why_locks_fail
from tests.audit import audit_finished, audit_journal

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")


logger = logging.getLogger("tests.storms")

SPACE = {"x": neps.Float(0, 1), "c": neps.Categorical(["a", "b"])}

#: Whether everything is done as often as it is meant to be; a few times otherwise.
IS_FULL = os.environ.get("NEPS_STORMS") == "full"

#: Seconds after which a worker that has not ended counts as one that hangs.
PATIENCE = 90.0

#: What workers end with: by themselves, with one of our errors, and with any other one.
GOOD, OURS, OTHER = 0, 10, 11


class Teller:
    """An observer that writes what it is told to a file, which outlives its process."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def neps_trial_finished(self, trial: Trial) -> None:
        assert trial.report is not None
        line = json.dumps([trial.id, trial.report.objective_to_minimize]) + "\n"
        os.write(self._descriptor, line.encode())


class Workers:
    """Forked workers; none of them outlives the test.

    Args:
        folder: Where they write what they are told, and the errors that they end with.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._alive: set[int] = set()
        self.errors: Path = folder / "errors.txt"

    def start(self, work: Callable[[], Any], *closes: int) -> int:
        """Fork a worker; returns its process id.

        Args:
            work: What it does.
            closes: Descriptors of the parent that it must not keep.
        """
        child = os.fork()
        if child:
            self._alive.add(child)
            return child
        code = OTHER
        try:
            for descriptor in closes:
                os.close(descriptor)
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            work()
            code = GOOD
        except BaseException as error:
            code = OURS if isinstance(error, neps.NePSError) else OTHER
            text = f"{type(error).__name__}: {error}\n" if code == OURS else traceback.format_exc()
            with self.errors.open("a") as file:
                file.write(text)
        finally:
            os._exit(code)

    def start_together(self, n: int, work: Callable[[int], Any]) -> list[int]:
        """Fork n workers that begin at the same moment; returns what each of them ends with."""
        gate, key = os.pipe()

        def worker(number: int) -> None:
            os.read(gate, 1)  # until the parent lets go of the other end
            work(number)

        children = [self.start(lambda number=number: worker(number), key) for number in range(n)]  # type: ignore[misc]
        os.close(key)
        os.close(gate)
        return [self.wait(child) for child in children]

    def wait(self, child: int) -> int:
        """What a worker ends with."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                self._alive.discard(child)
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        raise AssertionError(f"worker {child} hangs")

    def kill(self, child: int) -> bool:
        """Kill a worker at whatever it does; returns whether it was still alive."""
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        self._alive.discard(child)
        code = os.waitstatus_to_exitcode(status)
        assert code in (GOOD, -signal.SIGKILL), self.said()
        return code == -signal.SIGKILL

    def said(self) -> str:
        """The errors that workers have ended with."""
        return self.errors.read_text() if self.errors.exists() else ""

    def end(self) -> None:
        for child in list(self._alive):
            self.kill(child)

    # ------------------------------------------------------------------ what observers were told

    def teller(self) -> Teller:
        """The observer of a worker."""
        return Teller(self._folder / f"told-{os.getpid()}.txt")

    def told(self) -> dict[str, Any]:
        """What observers were told, by id."""
        found: dict[str, Any] = {}
        for path in self._folder.glob("told-*.txt"):
            for line in path.read_text().splitlines():
                trial_id, objective = json.loads(line)
                assert found.setdefault(trial_id, objective) == objective, "two results of a trial were told"
        return found


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    assert why_locks_fail(tmp_path) is None  # known to the children then
    neps.run(lambda x, c: x, SPACE, root_directory=tmp_path / "warm", evaluations_to_spend=1)  # imports what it takes
    made = Workers(tmp_path)
    yield made
    made.end()


def numbered(n: int) -> list[str]:
    return [str(number) for number in range(1, n + 1)]


def kinds(events: list[dict[str, Any]]) -> Counter[str]:
    return Counter(event["event"] for event in events)


def test_a_storm_of_kills(root, workers, events_of):
    """Four workers, each of which is killed at some moment and replaced at once."""
    n, kills = (300, 200) if IS_FULL else (150, 100)
    chance = random.Random(11)

    killed_by_now = root.parent / "killed"
    killed_by_now.write_text("0")

    def evaluate(x: float, c: str, pipeline_id: str) -> float:
        neps.report(x + 1)
        time.sleep(0.003)
        # Results keep pace with kills however slow the machine kills, so that there is something left to do.
        while int(pipeline_id) > 0.9 * n * (int(killed_by_now.read_text() or 0) + 10) / (kills + 12):
            time.sleep(0.005)
        neps.report(x)
        return x

    def work() -> None:
        neps.run(
            evaluate,
            SPACE,
            root_directory=root,
            total_evaluations_to_spend=n,
            optimizer="random_search",
            seed=5,
            observers=["summary", workers.teller()],
        )

    def doom() -> float:
        """When a worker that starts now is killed: while it starts, or in the middle of its work."""
        return time.monotonic() + (chance.uniform(0.02, 0.3) if chance.random() < 0.5 else chance.uniform(0.001, 0.02))

    starts, killed = 4, 0
    alive = {workers.start(work): doom() for _ in range(4)}
    while killed < kills:
        child = min(alive, key=lambda pid: alive[pid])
        time.sleep(max(0.0, alive.pop(child) - time.monotonic()))
        was_alive = workers.kill(child)
        killed += was_alive
        killed_by_now.write_text(str(killed))
        assert was_alive, f"the budget was spent after {killed} kills"
        alive[workers.start(work)] = doom()
        starts += 1
    killed_by_now.write_text(str(2 * kills))
    left = len(open_run(root).log.trials)
    assert [workers.wait(child) for child in alive] == [GOOD] * 4, workers.said()
    told = workers.told()
    audit_journal(root, told)
    trials = open_run(root).trials
    states = Counter(trial.state for trial in trials.values())
    assert set(states) <= {State.SUCCESS, State.CRASHED}
    audit_finished(root, n, states)
    assert list(trials) == numbered(n)
    kinds_of_events = kinds(events_of(root))
    assert kinds_of_events["sampled"] == kinds_of_events["finished"] == n
    logger.info(
        "%s kills, %s starts of workers, %s trials at the end of the storm, %s told, %s crashed: %s",
        *(killed, starts, left, len(told), states[State.CRASHED], dict(kinds_of_events)),
    )
    assert kinds_of_events["started"] == sum(t.metadata.starts for t in trials.values())
    assert kinds_of_events["started"] == kinds_of_events["requeued"] + n
    assert len(told) > n // 2
    for trial in trials.values():
        report = trial.report
        if trial.state is State.CRASHED:
            assert trial.metadata.starts == 3
            assert "started 3 times" in report.err
        else:
            assert trial.metadata.starts <= 3
            assert report.objective_to_minimize == trial.config["x"]
            assert report.learning_curve == [trial.config["x"] + 1, trial.config["x"]]
    # A kill takes down what one worker evaluates, and nothing else.
    assert kinds_of_events["requeued"] + states[State.CRASHED] <= killed


def test_32_workers_begin_a_run_at_the_same_moment(tmp_path, workers, events_of):
    for repeat in range(20 if IS_FULL else 2):
        root = tmp_path / f"run-{repeat}"

        def work(_: int, root: Path = root) -> None:
            neps.run(
                lambda x, c: x,
                SPACE,
                root_directory=root,
                total_evaluations_to_spend=40,
                optimizer="random_search",
                observers=["summary", workers.teller()],
            )

        assert workers.start_together(32, work) == [GOOD] * 32, workers.said()
        assert not workers.said()
        events = kinds(events_of(root))
        assert (events["created"], events["spacerecorded"], events["optimizerrecorded"]) == (1, 1, 1)
        assert (events["sampled"], events["started"], events["finished"]) == (40, 40, 40)
        assert list(open_run(root).trials) == numbered(40)
        told = workers.told()
        assert sorted(told, key=int) == numbered(40)
        audit_journal(root, told)
        audit_finished(root, 40)
        for path in tmp_path.glob("told-*.txt"):
            path.unlink()


@pytest.mark.parametrize("is_there", [True, False], ids=["a run", "nothing"])
def test_eight_workers_overwrite_a_run_at_the_same_moment(tmp_path, workers, events_of, is_there):
    """The first one overwrites it; the others join, or are told that a worker is alive."""
    refused = 0
    for repeat in range(20 if IS_FULL else 4):
        root = tmp_path / f"run-{repeat}"
        workers.errors.unlink(missing_ok=True)
        if is_there:
            neps.run(lambda x, c: x, SPACE, root_directory=root, evaluations_to_spend=5, seed=1)

        def work(_: int, root: Path = root) -> None:
            def evaluate(x: float, c: str) -> float:
                time.sleep(0.002)
                return x

            neps.run(
                evaluate,
                SPACE,
                root_directory=root,
                overwrite_root_directory=True,
                total_evaluations_to_spend=16,
                optimizer="random_search",
                observers=["summary"],
                seed=2,
            )

        codes = workers.start_together(8, work)
        said = workers.said()
        assert set(codes) <= {GOOD, OURS}, said
        assert GOOD in codes, said
        assert len(said.splitlines()) == codes.count(OURS), said
        refused += codes.count(OURS)
        for line in said.splitlines():
            assert line.startswith(("StorageError: workers are alive in ", "RunGoneError: ")), line
        events = kinds(events_of(root))
        assert (events["created"], events["spacerecorded"], events["optimizerrecorded"]) == (1, 1, 1)
        assert open_run(root).log.seed == 2
        assert list(open_run(root).trials) == numbered(16)
        audit_journal(root, {})
        audit_finished(root, 16)
    logger.info("%s workers were refused", refused)


def test_an_error_stops_four_workers_within_one_evaluation(root, workers, events_of):
    """Once an error is stored, no worker begins more than what it was about to begin."""
    ready = root.parent / "ready"
    ready.mkdir()

    def work(number: int) -> None:
        def evaluate(x: float, c: str) -> float:
            (ready / str(number)).touch()
            if number == 0 and len(list(ready.iterdir())) == 4:
                raise RuntimeError("Oh no!")
            time.sleep(0.02)
            return x

        result = neps.run(
            evaluate,
            SPACE,
            root_directory=root,
            worker_id=f"w{number}",
            total_evaluations_to_spend=2000,
            optimizer="random_search",
        )
        assert "worker w0 stopped the run" in result.stopped_because

    assert workers.start_together(4, work) == [OURS, GOOD, GOOD, GOOD], workers.said()
    assert workers.said().startswith("EvaluationError: evaluate_pipeline raised RuntimeError: Oh no!")
    events = events_of(root)
    halted = next(i for i, event in enumerate(events) if event["event"] == "halted")
    # Who has looked before, under the lock for sampling, starts one more.
    assert kinds(events[halted:])["started"] <= 1
    trials = open_run(root).trials
    states = Counter(trial.state for trial in trials.values())
    assert states[State.FAILED] == 1
    audit_journal(root, {})
    assert set(states) == {State.FAILED, State.SUCCESS}
    assert not open_run(root).locks.living_workers()


def test_errors_that_are_ignored_hang_nobody(root, workers):
    n = 80

    def work(number: int) -> None:
        def evaluate(x: float, c: str, pipeline_id: str) -> float:
            if int(pipeline_id) % 2:
                raise RuntimeError(pipeline_id)
            return x

        result = neps.run(
            evaluate,
            SPACE,
            root_directory=root,
            total_evaluations_to_spend=n,
            ignore_errors=True,
            optimizer="random_search",
            observers=["summary", workers.teller()],
        )
        assert "total" in result.stopped_because

    assert workers.start_together(4, work) == [GOOD] * 4, workers.said()
    trials = open_run(root).trials
    assert list(trials) == numbered(n)
    assert all((t.state is State.FAILED) == bool(int(i) % 2) for i, t in trials.items())
    audit_journal(root, workers.told())
    audit_finished(root, n, {State.FAILED: n // 2, State.SUCCESS: n // 2})


DAY, YEAR = 86_400.0, 365 * 86_400.0


def test_clocks_decide_nothing(root, workers, events_of):
    """One worker's clock jumps a day back and a year on with each look at it; another one's is right."""
    n = 60
    real = time.time

    def work(number: int) -> None:
        if number == 0:
            jumps = iter(lambda: next_jump(), None)
            offsets = [0.0, -DAY, YEAR]
            state = [0]

            def next_jump() -> float:
                state[0] += 1
                return offsets[state[0] % 3]

            time.time = lambda: real() + next(jumps)

        def evaluate(x: float, c: str) -> float:
            neps.report(x)
            time.sleep(0.004)
            return x

        neps.run(
            evaluate,
            SPACE,
            root_directory=root,
            worker_id=("wrong", "right")[number],
            total_evaluations_to_spend=n,
            optimizer="random_search",
            seed=7,
            observers=["summary", workers.teller()],
        )

    assert workers.start_together(2, work) == [GOOD] * 2, workers.said()
    trials = open_run(root).trials
    assert list(trials) == numbered(n)
    by = Counter(trial.metadata.evaluating_worker_id for trial in trials.values())
    assert min(by["wrong"], by["right"]) > 5, by
    times = [event["time"] for event in events_of(root) if event.get("time")]
    assert max(times) - min(times) > YEAR, "no clock was wrong"
    told = workers.told()
    assert set(told) == set(trials)
    audit_journal(root, told)
    audit_finished(root, n)
    for trial in trials.values():
        assert trial.metadata.starts == 1
        assert 0.004 <= trial.report.evaluation_duration < 60
        assert trial.report.learning_curve == [trial.config["x"]]
    # What was proposed depends on the seed and the order in the log, not on what time it was.
    alone = neps.run(
        lambda x, c: x,
        SPACE,
        root_directory=root.with_name("alone"),
        total_evaluations_to_spend=n,
        optimizer="random_search",
        seed=7,
    )
    assert [t.config for t in trials.values()] == [t.config for t in alone.trials.values()]


# ---------------------------------------------------------------------- what workers that start together can meet


def test_a_probe_is_not_taken_for_one_that_was_left_over(tmp_path, monkeypatch):
    opened, real = [], os.open

    def open_it(path: Any, flags: int, *rest: Any, **keywords: Any) -> int:
        descriptor = real(path, flags, *rest, **keywords)
        if flags & os.O_CREAT and "probe-" in str(path) and not opened:
            opened.append(path)
            probing._remove_left_over(tmp_path)  # of another process, before the lock is taken
        return descriptor

    monkeypatch.setattr(os, "open", open_it)
    assert why_locks_fail(tmp_path) is None
    assert opened
    assert not list(tmp_path.iterdir())


def test_a_run_that_another_one_makes_meanwhile_is_none_of_another_version(root, monkeypatch):
    made, real = [], RunFolder.create

    def create(self: RunFolder, *arguments: Any, **keywords: Any) -> None:
        if not made:
            made.append(self)
            neps.run(lambda x, c: x, SPACE, root_directory=root, evaluations_to_spend=1)
        real(self, *arguments, **keywords)

    monkeypatch.setattr(RunFolder, "create", create)
    result = neps.run(lambda x, c: x, SPACE, root_directory=root, evaluations_to_spend=1)
    assert made
    assert len(result.trials) == 2


def test_a_run_that_has_only_just_begun_is_overwritten(root):
    (root / "configs").mkdir(parents=True)  # another one's, or of one that was killed
    neps.run(lambda x, c: x, SPACE, root_directory=root, evaluations_to_spend=1, overwrite_root_directory=True)
    audit_finished(root, 1)


def test_a_folder_that_is_cleared_while_it_is_made(root, monkeypatch):
    neps.run(lambda x, c: x, SPACE, root_directory=root, evaluations_to_spend=1)
    cleared, real = [], os.mkdir

    def mkdir(path: Any, *rest: Any, **keywords: Any) -> None:
        try:
            real(path, *rest, **keywords)
        except FileExistsError:
            if str(path).endswith("configs") and not cleared:
                cleared.append(path)
                RunFolder(root).clear()  # of another process
            raise

    monkeypatch.setattr(os, "mkdir", mkdir)
    neps.run(lambda x, c: x, SPACE, root_directory=root, evaluations_to_spend=1, overwrite_root_directory=True)
    assert cleared
    audit_finished(root, 1)


def test_a_run_that_was_overwritten_while_this_one_waited_is_joined(root, monkeypatch):
    def overwrite(n: int) -> None:
        neps.run(lambda x, c: x, SPACE, root_directory=root, evaluations_to_spend=n, overwrite_root_directory=True)

    overwrite(5)
    others, real = [], RunFolder.create

    def create(self: RunFolder, is_run: Any) -> None:
        if not others:
            others.append(True)
            overwrite(2)
        real(self, is_run)

    monkeypatch.setattr(RunFolder, "create", create)
    overwrite(1)
    assert len(open_run(root).trials) == 3
