"""Evaluations by programs: what they get, what their result is, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neps
from neps_core import EvaluationError, ResultError, StorageError, TargetError
from neps_plugins.programs.program import Program
from neps_plugins.programs.reports import STOP, Mailbox
from neps_plugins.programs.words import check_words, filled, text_of

SPACE = {"x": neps.Float(0.1, 1.0), "kind": ["a b", "c'd; touch injected"]}


def doubled(text: str) -> str:
    """A text whose braces stand for themselves."""
    return text.replace("{", "{{").replace("}", "}}")


def shell(text: str, *words: str, **settings: Any) -> Program:
    """A program that is a line of sh; `$1` is the first word."""
    return Program(("sh", "-c", doubled(text), "sh", *words), **settings)


def python(text: str, *words: str, **settings: Any) -> Program:
    return Program((sys.executable, "-S", "-c", doubled(text), *words), **settings)


def evaluated(program: Program, root: Path, space: Any = None, n: int = 1, **settings: Any) -> neps.Trial:
    """The last of the trials that a program has evaluated."""
    settings = {"optimizer": "random_search", "ignore_errors": True, "seed": 1, **settings}
    result = neps.run(program, space or SPACE, root_directory=root, evaluations_to_spend=n, **settings)
    return list(result.trials.values())[-1]


# ---------------------------------------------------------------------- words


def test_values_are_put_into_words() -> None:
    values = {"lr": 1e-5, "on": True, "name": "a b", "none": None, "several": [1, 2]}
    assert filled("--lr={lr}", values) == "--lr=1e-05"
    assert filled("{on} {name} {none} {several}", values) == "true a b null [1, 2]"
    assert filled("{{lr}} {{{lr}}}", values) == "{lr} {1e-05}"
    assert filled("{name}", {"name": "{lr} }}"}) == "{lr} }}", "a value is no template"


def test_values_of_numpy_and_paths_are_text() -> None:
    assert text_of(np.float64(0.5)) == "0.5"
    assert text_of(np.int64(3)) == "3"
    assert text_of(Path("a b")) == "a b"


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("{lrr}", "asks for {lrr}, which is no parameter. Did you mean 'lr'"),
        ("a}b", "single '}'"),
        ("{", "single '{'"),
        ("{print $1}", "Write {{ and }}"),
        ("{}", "asks for {}"),
    ],
)
def test_words_that_cannot_be_filled_are_refused(word: str, problem: str) -> None:
    with pytest.raises(TargetError) as raised:
        check_words(["fine {lr} {{x}}", word], ["lr"])
    assert problem in str(raised.value)


def test_no_shell_reads_a_value(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space = {"kind": ["$(touch injected); touch injected `touch injected`"]}
    trial = evaluated(python("import sys; print([len(sys.argv[1]), len(sys.argv)])", "{kind}"), root, space)
    assert trial.objectives == (len(space["kind"][0]), 2)
    assert not (tmp_path / "injected").exists()


# ---------------------------------------------------------------------- what they get, and what they give


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("echo loss; echo 0.25", 0.25),
        ("echo -1e-3; echo; echo complaint >&2", -1e-3),
        ("printf '1%%\\r99%%\\r0.5'", 0.5),
        ('echo \'{"objective_to_minimize": 2, "note": "x"}\'', 2.0),
        ("echo '[1, 2.5]'", [1.0, 2.5]),
        ("echo 7; echo 3 > $NEPS_RESULT_FILE", 3.0),
        ("echo inf", float("inf")),
    ],
)
def test_the_result(text: str, objective: Any, root: Path) -> None:
    trial = evaluated(shell(text), root)
    assert trial.report is not None and trial.report.objective_to_minimize == objective, trial.report


def test_an_object_is_the_full_result(root: Path) -> None:
    result = {"objective_to_minimize": {"loss": 1, "size": 2}, "cost": 3, "constraints": [-1], "note": "x"}
    trial = evaluated(shell(f"echo {shlex.quote(json.dumps(result))}"), root, cost_to_spend=10)
    assert trial.objectives_by_name == {"loss": 1.0, "size": 2.0}
    assert trial.report is not None and (trial.report.cost, trial.report.extra) == (3.0, {"note": "x"})
    assert trial.constraints == (-1.0,)


def test_the_environment(root: Path) -> None:
    program = python(
        "import json, os; names = [n for n in os.environ if n.startswith('NEPS_') or n in ('X', 'FOLDER')];"
        "print(json.dumps({'objective_to_minimize': 0, 'env': {n: os.environ[n] for n in names}}))",
        environment={"X": "x is {x}", "FOLDER": "{pipeline_directory}"},
    )
    trial = evaluated(program, root)
    assert trial.report is not None
    env = trial.report.extra["env"]
    folder = str(root / "configs/config_1")
    assert "NEPS_CONFIG" in env, trial
    assert json.loads(env["NEPS_CONFIG"]) == dict(trial.config)
    assert (env["NEPS_TRIAL_ID"], env["NEPS_ROOT_DIRECTORY"], env["NEPS_PIPELINE_DIRECTORY"]) == (
        "1",
        str(root),
        folder,
    )
    assert "NEPS_PREVIOUS_PIPELINE_DIRECTORY" not in env
    assert (env["X"], env["FOLDER"]) == (f"x is {trial.config['x']!r}", folder)


def test_a_continuation_gets_the_folder_of_what_it_continues(root: Path) -> None:
    text = 'echo "$1|$NEPS_PREVIOUS_PIPELINE_DIRECTORY" > "$2/seen"; echo $3'
    program = shell(text, "{previous_pipeline_directory}", "{pipeline_directory}", "{x}")
    space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 3)}
    result = neps.run(
        program, space, root_directory=root, optimizer=("successive_halving", {"eta": 3}), evaluations_to_spend=4
    )
    continued = next(trial for trial in result.trials.values() if trial.metadata.previous_trial_id)
    before = root / f"configs/config_{continued.metadata.previous_trial_id}"
    assert (root / f"configs/config_{continued.id}/seen").read_text() == f"{before}|{before}\n"
    assert (before / "seen").read_text() == "|\n"


def test_it_runs_where_it_is_said(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "count.sh").write_text("#!/bin/sh\npwd > here; echo 1\n")
    (place / "count.sh").chmod(0o755)
    program = Program(("./count.sh",), directory=place)
    program.check({})
    assert evaluated(program, root).objectives == (1.0,)
    assert Path((place / "here").read_text().strip()).samefile(place)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    for name in ("no-such-program", "./no-such-program"):
        with pytest.raises(TargetError, match="no program '.*no-such-program'"):
            Program((name,), directory=tmp_path).check({})
    Program(("no-such-program",)).check({}, is_here=False)


# ---------------------------------------------------------------------- what goes wrong


def test_a_failure_says_what_was_printed_last(root: Path) -> None:
    program = shell("echo begun; i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo line $i >&2; done; exit 3")
    trial = evaluated(program, root)
    assert trial.state == "failed" and trial.report is not None and trial.report.err is not None
    first, where, *rest = trial.report.err.splitlines()
    assert first == "ProgramFailed: it ended with exit code 3: line 50"
    assert str(root / "configs/config_1") in where
    assert rest == [f"line {i}" for i in range(31, 51)]
    assert (root / "configs/config_1/stdout.log").read_text() == "begun\n"


def test_a_failure_stops_the_run_as_an_exception_does(root: Path) -> None:
    with pytest.raises(EvaluationError, match="exit code 1: no data"):
        evaluated(shell("echo no data >&2; exit 1"), root, n=3, ignore_errors=False)
    assert list(neps.status(root)[0]["state"]) == ["failed"]


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        (shell("true"), "it gave no result: neither a file, nor .*; it printed nothing"),
        (shell("echo 0.5; echo bye"), "it gave no result.*: bye"),
        (shell("echo true"), "it gave no result.*: true"),
        (shell("kill -9 $$"), "it was ended by SIGKILL"),
        (shell("echo '{' > $NEPS_RESULT_FILE"), "the file of its result can't be read"),
        (shell("mkfifo $NEPS_RESULT_FILE"), "the file of its result can't be read: it is no file"),
        (shell("sleep 60 & sleep 60", timeout=0.1, grace=2), "timeout of 0.1 s"),
        (shell("trap '' TERM; sleep 60 & wait; sleep 60", timeout=0.1, grace=0.1), "timeout of 0.1 s"),
        (Program(("no-such-program",)), "can't be started"),
        (shell("printf '%050000d' 0 | tr 0 '['"), r"it gave no result.*: \[{300}\.\.\.$"),
        (shell("printf '%050000d' 0 | tr 0 '[' > $NEPS_RESULT_FILE"), "can't be read: it is nested too deeply"),
    ],
)
def test_failures(program: Program, problem: str, root: Path) -> None:
    trial = evaluated(program, root)
    assert trial.state == "failed" and trial.report is not None and trial.report.err is not None
    import re

    assert re.search(problem, trial.report.err.splitlines()[0]), trial.report.err


def test_the_output_of_an_earlier_start_is_not_its_result(root: Path) -> None:
    program = shell('echo "0.5" >> log; cat log | wc -l > /dev/null; true')
    folder = root / "configs/config_1"
    folder.mkdir(parents=True)
    (folder / "stdout.log").write_text("0.125\n")
    (folder / "result.json").write_text("0.125\n")
    arguments = {"pipeline_id": "1", "pipeline_directory": folder, "previous_pipeline_directory": None}
    returned = Program(program.words, directory=root)(root_directory=root, **arguments)
    assert isinstance(returned, Exception) and "no result" in str(returned)


# ---------------------------------------------------------------------- reports

REPORTS = """
import sys
from neps_plugins.programs.reports import send
for step in range(1, 6):
    if send(1 / step, step=step, cost=step, extra={"step squared": step ** 2}) == "stop":
        sys.exit(75)
print("done")
"""


def reporting(text: str = REPORTS) -> Program:
    path = str(Path(neps.__file__).parents[1])
    return Program((sys.executable, "-S", "-c", doubled(text)), environment={"PYTHONPATH": path})


def test_the_last_report_is_the_result(root: Path) -> None:
    trial = evaluated(reporting(), root)
    assert trial.objectives == (0.2,) and trial.report is not None
    assert (trial.report.cost, trial.report.extra) == (5.0, {"step squared": 25})
    assert [point.step for point in trial.points] == [1, 2, 3, 4, 5]
    assert list(trial.report.learning_curve or ()) == [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]


def test_a_stopping_rule_ends_it(root: Path) -> None:
    trial = evaluated(reporting(), root, stopping_rule=lambda trial, trials: len(trial.points) >= 2)
    assert trial.was_stopped_early and trial.report is not None
    assert (trial.report.stopped_at, trial.report.objective_to_minimize, trial.report.cost) == (2, 0.5, 2.0)


def test_one_that_does_not_listen_is_ended_after_its_grace(root: Path) -> None:
    program = reporting(REPORTS.replace("sys.exit(75)", "import time; time.sleep(60)"))
    program = Program(program.words, grace=0.1, environment=program.environment)
    assert evaluated(program, root, stopping_rule=lambda trial, trials: True).was_stopped_early


def test_what_cannot_be_meant_is_told_to_the_program(root: Path) -> None:
    text = "from neps_plugins.programs.reports import send\nsend(1, step=2)\nsend(1, step=1)"
    trial = evaluated(reporting(text), root)
    assert trial.report is not None and trial.report.err is not None
    assert "ReportRefused: neps.report got step=1 after step 2" in trial.report.err.splitlines()[0]


def test_nobody_else_can_report() -> None:
    mailbox = Mailbox()
    host, port, _ = mailbox.address.split(":")
    sender = subprocess.Popen(
        [sys.executable, "-c", "from neps_plugins.programs.reports import send; send(1)"],
        env={**os.environ, "NEPS_REPORT_TO": f"{host}:{port}:guessed"},
        stderr=subprocess.PIPE,
    )
    taken: list[Any] = []
    while sender.poll() is None:
        mailbox.take(lambda message: taken.append(message) or {"then": "go on"})
    mailbox.close()
    assert b"does not answer" in sender.communicate()[1]
    assert not taken


def test_a_python_program_reports_as_a_function_does(monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox, taken = Mailbox(), []
    answers = iter([{"then": "go on"}, {"then": "stop"}, {"error": "it is no number"}])

    def take() -> None:
        while len(taken) < 3:
            select.select([mailbox], [], [])
            mailbox.take(lambda message: taken.append(message) or next(answers))

    monkeypatch.setenv("NEPS_REPORT_TO", mailbox.address)
    worker = threading.Thread(target=take)
    worker.start()
    neps.report(np.float32(0.5), 3, cost=1, note=np.arange(2))
    with pytest.raises(neps.StopTrial):
        neps.report([1, 2])
    with pytest.raises(ResultError, match="it is no number"):
        neps.report("a")
    worker.join()
    mailbox.close()
    first = {"objective": 0.5, "step": 3, "cost": 1, "extra": {"note": [0, 1]}}
    assert {key: taken[0][key] for key in first} == first
    monkeypatch.setenv("RANK", "1")  # torchrun's: rank 0 speaks for all
    neps.report(1)
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ResultError, match="does not answer"):
        neps.report(1)


def report_command(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("neps")), "report", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_reports_from_any_program(root: Path) -> None:
    text = (
        "neps report -1e-3 --step 1 --cost 2 --extra note=x && neps report -inf --step 2; neps report --step 2 1; "
        "echo exit $?; neps report 0.5 a=0.5; echo exit $?; neps report 0,5; true"
    )
    trial = evaluated(shell(text), root)
    assert [point.objective for point in trial.points] == [-1e-3, float("-inf")]
    assert trial.report is not None and trial.report.objective_to_minimize == float("-inf"), trial.report.err
    assert dict(trial.points[0].extra) == {"note": "x"}
    folder = root / "configs/config_1"
    assert (folder / "stdout.log").read_text() == "exit 1\nexit 1\n"
    first, second, third = (folder / "stderr.log").read_text().splitlines()
    assert first == "error: neps.report got step=2 after step 2; a step has to be greater."
    assert "a name of its own" in second
    assert third == "error: '0,5' is no number that could be reported (0.25, loss=0.25), nor the folder of a run."


def test_the_command_reports_several_objectives_and_says_when_to_stop(root: Path) -> None:
    program = shell('neps report loss=1 size=2; echo $? > "$1/code"', "{pipeline_directory}")
    trial = evaluated(program, root, stopping_rule=lambda trial, trials: True)
    assert trial.was_stopped_early and trial.objectives_by_name == {"loss": 1.0, "size": 2.0}
    assert (root / "configs/config_1/code").read_text() == f"{STOP}\n" == "75\n"


def test_a_report_imports_next_to_nothing() -> None:
    text = (
        "import os, sys; from neps_plugins.programs.command import main; sys.argv = ['neps', 'report', '0.5']; "
        "assert main() == 1; assert not {'neps_core', 'numpy', 'yaml', 'attr'} & set(sys.modules)"
    )
    environment = {**os.environ, "NEPS_REPORT_TO": "127.0.0.1:1:nobody"}
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "does not answer" in done.stderr, done.stderr


# ---------------------------------------------------------------------- nothing is left behind

WORKER = """
import sys, neps
from pathlib import Path
from neps_plugins.programs.program import Program
words = ("sh", "-c", 'trap "echo asked >> asked; exit 1" {trapped}; sleep 600 & echo $$ $! > pids.tmp; '
         'mv pids.tmp pids; wait', "sh")
program = Program(words, grace=5.0, directory=Path(sys.argv[1]))
neps.run(program, {{"x": neps.Float(0, 1)}}, root_directory=Path(sys.argv[1]) / "run", evaluations_to_spend=1,
         optimizer="random_search")
"""


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_program_ends_with_its_worker(number: int, script: Any, wait_for: Any, tmp_path: Path) -> None:
    if not Path("/proc").is_dir():
        pytest.skip("looks at /proc")
    trapped = "INT" if number == signal.SIGINT else "TERM"
    script.write(WORKER.format(trapped=trapped))
    worker = script.start(tmp_path)
    wait_for((tmp_path / "pids").exists)
    pids = list(map(int, (tmp_path / "pids").read_text().split()))
    worker.send_signal(number)
    worker.wait(30)
    wait_for(lambda: all(map(is_gone, pids)))
    assert (tmp_path / "asked").read_text() == "asked\n", "it was asked before it was killed"
    if number != signal.SIGKILL:
        states = neps.status(tmp_path / "run")[0]["state"]
        assert list(states) == ["pending"], "it is put back"


def test_what_it_leaves_in_its_group_ends_with_it(root: Path, wait_for: Any) -> None:
    trial = evaluated(shell('sleep 600 & echo $! > "$1/pid"; echo 1', "{pipeline_directory}"), root)
    assert trial.objectives == (1.0,)
    pid = int((root / "configs/config_1/pid").read_text())
    wait_for(lambda: is_gone(pid))


def test_who_is_in_its_group_has_the_grace_too(root: Path) -> None:
    inner = (
        'trap "sleep 0.2; echo saved > \\"$1/saved\\"; exit" TERM; touch "$1/ready"; while true; do sleep 0.02; done'
    )
    program = shell(
        f"sh -c '{inner}' sh $1 & while [ ! -e $1/ready ]; do sleep 0.02; done; sleep 60", "{pipeline_directory}"
    )
    trial = evaluated(Program(program.words, timeout=1.0, grace=20.0), root)
    assert trial.state == "failed"
    assert (root / "configs/config_1/saved").read_text() == "saved\n"


def test_nothing_is_written_through_links(tmp_path: Path) -> None:
    target, folder = tmp_path / "target", tmp_path / "config_1"
    target.write_text("mine\n")
    folder.mkdir()
    (folder / "stdout.log").symlink_to(target)
    arguments = {"pipeline_id": "1", "pipeline_directory": folder, "previous_pipeline_directory": None}
    with pytest.raises(StorageError, match="is a symbolic link"):
        shell("echo 1")(root_directory=tmp_path, **arguments)
    assert target.read_text() == "mine\n"


def test_other_processes_evaluate_with_it(root: Path) -> None:
    result = neps.run(
        reporting(),
        {"x": neps.Float(0, 1)},
        root_directory=root,
        optimizer="random_search",
        evaluations_to_spend=2,
        executor=("processes", {"pool": "standard"}),
        n_workers=1,
    )
    assert [trial.objectives for trial in result.trials.values()] == [(0.2,), (0.2,)]
    assert all(len(trial.points) == 5 for trial in result.trials.values())


def test_a_signal_as_the_program_starts_leaves_nothing_behind(script: Any, wait_for: Any, tmp_path: Path) -> None:
    """Between its start and the moment at which its worker knows of it."""
    if not Path("/proc").is_dir():
        pytest.skip("looks at /proc")
    script.write(
        """
        import os, signal, subprocess, sys, neps
        from pathlib import Path
        from neps_plugins.programs import process
        from neps_plugins.programs.program import Program
        here, start = Path(sys.argv[1]), subprocess.Popen

        def popen(command, *arguments, **keywords):
            started = start(command, *arguments, **keywords)
            if command[0] == "sleep":
                (here / "pid").write_text(str(started.pid))
                os.kill(os.getpid(), signal.SIGTERM)
                for _ in range(1000):
                    pass  # here it is handled, if it may be
            return started

        process.subprocess.Popen = popen
        neps.run(Program(("sleep", "600"), grace=5.0), {"x": neps.Float(0, 1)}, root_directory=here / "run",
                 evaluations_to_spend=1, optimizer="random_search")
        """
    )
    script.run(tmp_path, code=143)
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: is_gone(pid), 10)
