"""The commands, in processes of their own, and `neps.status`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import neps
from neps_core import TrialError
from neps_core.cleaning import clean
from neps_core.cli import main
from neps_core.run import open_run

SPACE = {"x": neps.Float(0, 1)}


@pytest.fixture
def mixed_run(root):
    """One success, one failure, one NaN, one asynchronous trial."""
    answers = iter([0.5, ValueError("gpu\ndied"), float("nan"), None])

    def evaluate(x):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=4, ignore_errors=True)
    return root


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("module", [["neps.status"], ["neps", "status"]])
def test_status(mixed_run, module):
    done = command(*module, mixed_run)
    assert done.returncode == 0, done.stderr
    for text in (
        "4 (1 evaluating, 1 success, 1 failed, 1 crashed)",
        "Best:      trial 1, objective 0.5",
        "x: ",
        "Running:   trial 4 asynchronously",
        "Error:     trial 2: ValueError: gpu",
        "NaN",
        "bayesian_optimization",
    ):
        assert text in done.stdout


def test_status_tells_who_evaluates_and_who_died(root, script, wait_for, capsys):
    script.write(
        """
        import sys, time, neps
        neps.run(lambda x: time.sleep(60), {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], worker_id="busy",
                 evaluations_to_spend=1)
        """
    )
    worker = script.start(root)
    wait_for(lambda: (root / "configs/config_1/metadata.json").exists())
    assert main(["status", str(root)]) == 0
    assert "trial 1 on busy" in capsys.readouterr().out
    with pytest.raises(TrialError, match="busy"):
        clean(root, ["1"])
    worker.kill()
    worker.wait()
    main(["status", str(root)])
    assert "has died" in capsys.readouterr().out
    assert [t.id for t in clean(root, ["1"])] == ["1"]


def test_status_of_an_empty_run(root, capsys):
    neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=0)
    assert main(["status", str(root)]) == 0
    assert "none yet" in capsys.readouterr().out
    full, short = neps.status(root)
    assert len(full) == 0 and full.index.name == "id"
    assert short["trials"] == 0


@pytest.mark.parametrize("module", [["neps.clean"], ["neps", "clean"]])
def test_clean(mixed_run, module):
    dry = command(*module, mixed_run, "--dry_run")
    assert "trial 2 (failed) would be removed" in dry.stdout
    assert len(open_run(mixed_run).trials) == 4
    done = command(*module, mixed_run)
    assert done.stdout.splitlines() == ["trial 2 (failed) removed", "trial 3 (crashed) removed", "2 trial(s) removed."]
    assert list(open_run(mixed_run).trials) == ["1", "4"]
    assert not (mixed_run / "configs/config_2").exists()
    result = neps.run(lambda x: x, root_directory=mixed_run, evaluations_to_spend=1)
    assert list(result.trials) == ["1", "4", "5"]


def test_clean_by_id_and_state(mixed_run, capsys):
    assert main(["clean", str(mixed_run), "--trial_ids", "config_1", "2"]) == 0
    assert main(["clean", str(mixed_run), "--states", "evaluating"]) == 0
    assert list(open_run(mixed_run).trials) == ["3"]
    capsys.readouterr()
    assert main(["clean", str(mixed_run), "--trial_ids", "9"]) == 1
    assert "no trial '9'" in capsys.readouterr().err
    assert list(open_run(mixed_run).trials) == ["3"]


@pytest.mark.parametrize("name", ["status", "clean"])
def test_no_run(root, name, capsys):
    assert main([name, str(root)]) == 1
    assert "there is no run" in capsys.readouterr().err
    assert not root.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
@pytest.mark.parametrize(("is_full", "code", "told"), [(False, 0, ""), (True, 1, "error: [Errno 28]")])
def test_what_cannot_be_printed(mixed_run, is_full, code, told, capsys, monkeypatch):
    reader, writer = (
        os.pipe() if not is_full else (os.open("/dev/full", os.O_RDONLY), os.open("/dev/full", os.O_WRONLY))
    )
    os.close(reader)
    with open(writer, "w") as out:
        monkeypatch.setattr("sys.stdout", out)
        assert main(["best", str(mixed_run)]) == code
        monkeypatch.undo()  # and what is left goes nowhere, or closing would raise
    assert capsys.readouterr().err.startswith(told)


def test_status_as_tables(mixed_run, capsys):
    full, short = neps.status(mixed_run, print_summary=True)
    assert isinstance(full, pd.DataFrame) and isinstance(short, pd.Series)
    assert list(full.index) == ["1", "2", "3", "4"]
    assert full.loc["1", "objective_to_minimize"] == 0.5
    assert {"config.x", "state", "err", "time_started", "evaluating_worker_id"} <= set(full.columns)
    assert {"previous_trial_location", "evaluation_duration", "location"} <= set(full.columns)
    assert full.columns.is_unique
    assert list(full["state"]) == ["success", "failed", "crashed", "evaluating"]
    assert short["num_success"] == 1 and short["best_id"] == short["best_config_id"] == "1"
    assert short["x"] == short["best_config.x"] == full.loc["1", "config.x"]
    assert "num_failed" in capsys.readouterr().out


def test_status_without_pandas_says_what_to_install(mixed_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(neps.NePSError, match=r"pip install 'neps-framework\[analysis\]'"):
        neps.status(mixed_run)


def test_wrong_calls(capsys):
    for arguments in ([], ["statsu"], ["status"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert "neps-framework" in capsys.readouterr().out


def test_status_of_several_objectives(root, capsys):
    def search(*results):
        values = iter(results)
        neps.run(
            lambda x: next(values),
            SPACE,
            root_directory=root,
            evaluations_to_spend=len(results),
            optimizer="random_search",
        )
        assert main(["status", str(root), "--best_configs"]) == 0
        return [line for line in capsys.readouterr().out.splitlines() if "est:" in line or "was best" in line.lower()]

    def named(error, size, memory):
        return {"objective_to_minimize": {"error": error, "size": size}, "constraints": {"memory": memory, "time": 0}}

    assert search(named(1, 2, 3))[0] == "Best:      trial 1, error 1.0, size 2.0, infeasible (constraint memory 3.0)"
    lines = search(named(3, 4, 0), named(2, 5, -1), named(9, 9, 0))
    assert lines[:2] == ["Best:      trial 3, error 2.0, size 5.0", "Best:      trial 2, error 3.0, size 4.0"]
    assert lines[2].startswith("Was best:  trial 1, error 1.0, size 2.0, infeasible (constraint memory 3.0): {")
    assert [line[:19] for line in lines[3:]] == ["Was best:  trial 2,", "Was best:  trial 3,"]


def test_plot(mixed_run, root, capsys):
    done = command("neps.plot", mixed_run)
    assert done.returncode == 0, done.stderr
    picture = mixed_run / "summary" / "objective.png"
    assert done.stdout.strip() == str(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    several = root.parent / "several"
    values = iter([(1, 4), (2, 2), (3, 3)])
    neps.run(lambda x: next(values), SPACE, root_directory=several, evaluations_to_spend=3, optimizer="random_search")
    drawn = [path.name for path in neps.plot(several)]
    assert drawn == ["pareto_front.png", "hypervolume.png", "parallel_coordinates.png"]
    empty = root.parent / "empty"
    neps.run(lambda x: x, SPACE, root_directory=empty, evaluations_to_spend=0)
    assert main(["plot", str(empty)]) == 1
    assert "no finite result" in capsys.readouterr().err


def test_plugins_says_what_optimizers_do(capsys):
    assert main(["plugins"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("hyperband "))
    assert "optimizer hyperband (also neps_hyperband, mo_hyperband): successive halving from every rung in turn" in line
    assert line.endswith("[uses a fidelity, priors, several objectives]")
