"""`neps show`, `neps best` and `neps completion`."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import neps
from neps_core.cli import main

SPACE = {"lr": neps.Float(0.0, 1.0), "kind": ["a b", "c"], "on": [True, False], "size": 3}


@pytest.fixture
def run_root(root: Path) -> Path:
    """Two successes that report, one of which is stopped early, a failure, a continuation, and an infinite result."""
    answers = iter([0.5, 0.25, ValueError("no\x1b data"), 0.0, float("inf")])

    def evaluate(lr: float, kind: str, on: bool, size: int, pipeline_directory: Path) -> Any:
        answer = next(answers)
        (pipeline_directory / "weights.bin").touch()
        if isinstance(answer, Exception):
            raise answer
        for step in range(12):
            neps.report(answer + step, cost=step, note="n")
        return {"objective_to_minimize": answer, "cost": 3, "accuracy": float("nan")}

    def is_third(trial: neps.Trial, trials: Any) -> bool:
        return trial.id == "4" and len(trial.points) == 1

    neps.run(
        evaluate,
        SPACE,
        root_directory=root,
        evaluations_to_spend=5,
        optimizer="random_search",
        ignore_errors=True,
        stopping_rule=is_third,
        worker_id="worker",
    )
    return root


def said(capsys: pytest.CaptureFixture[str], *words: Any, code: int = 0) -> str:
    assert main(list(map(str, words))) == code
    out, err = capsys.readouterr()
    return out if code == 0 else err


# ---------------------------------------------------------------------- neps show


def test_show_says_all_of_a_trial(run_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "show", run_root, "config_2")
    trial = neps.status(run_root)[0].loc["2"]
    for line in (
        "Trial:      2 (success)",
        f"  lr: {float(trial['config.lr'])}",
        "Objective:  0.25",
        "Cost:       3.0",
        "Reported:   12 time(s)",
        "  step 1: 0.25, cost 0.0, note n",
        "  ... 2 more ...",
        "  step 12: 11.25, cost 11.0, note n",
        "  accuracy: nan",
        f"Folder:     {run_root}/configs/config_2",
        "Files:      config.yaml, metadata.json, report.yaml, weights.bin",
    ):
        assert f"\n{line}\n" in f"\n{text}", line
    assert " by worker\n" in text and "step 6:" not in text


def test_show_of_what_went_wrong(run_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "show", run_root, 3)
    assert "Trial:      3 (failed)" in text and "ValueError: no\\x1b data" in text and "\x1b" not in text
    assert "Traceback" in text and "raise answer" in text
    text = said(capsys, "show", run_root, 4)
    assert "(success, stopped early)" in text and "Stopped at: step 1" in text


def test_show_as_json(run_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(said(capsys, "show", run_root, 1, "--json"), parse_constant=pytest.fail)
    assert document["id"] == "1" and document["state"] == "success"
    assert document["report"]["objective_to_minimize"] == 0.5 and document["report"]["cost"] == 3
    assert document["report"]["extra"] == {"accuracy": None}
    assert len(document["reported"]) == 12 and document["reported"][1]["objective"] == 1.5
    assert document["metadata"]["evaluating_worker_id"] == "worker"
    assert document["folder"] == str(run_root / "configs/config_1")
    assert json.loads(said(capsys, "show", run_root, 5, "--json"))["report"]["objective_to_minimize"] is None


def test_show_of_continuations(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 3)}
    neps.run(
        lambda x, epochs: {"objective_to_minimize": {"loss": x, "size": 1.0}, "constraints": {"memory": x + 1}},
        space,
        root_directory=root,
        optimizer="successive_halving",
        evaluations_to_spend=4,
    )
    continued = next(trial for trial in neps.status(root)[0].itertuples() if isinstance(trial.previous_trial_id, str))
    text = said(capsys, "show", root, continued.Index)
    assert f"Continues:  trial {continued.previous_trial_id}\n" in text
    assert "Constraints: broken\n  memory: " in text and "Objectives:\n  loss: " in text and "  size: 1.0\n" in text
    assert f"Continued:  by trial {continued.Index}\n" in said(capsys, "show", root, continued.previous_trial_id)


def test_show_of_what_is_not_there(run_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no trial '77'" in said(capsys, "show", run_root, 77, code=1)
    assert "there is no run" in said(capsys, "show", run_root / "nothing", 1, code=1)
    with pytest.raises(SystemExit):
        main(["show", "1"])


# ---------------------------------------------------------------------- neps best


def test_best(run_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = yaml.safe_load((run_root / "configs/config_2/config.yaml").read_text())
    text = said(capsys, "best", run_root)
    assert text.startswith("trial 2: objective 0.25\n") and f"  lr: {config['lr']}\n" in text

    text = said(capsys, "best", run_root, "--export", "yaml")
    assert text.startswith("# trial 2: objective 0.25\n") and yaml.safe_load(text) == config
    assert json.loads(said(capsys, "best", run_root, "--export", "json")) == config
    words = shlex.split(said(capsys, "best", run_root, "--export", "args"))
    on = "true" if config["on"] else "false"
    given = dict(zip(words[::2], words[1::2]))
    assert given == {"--lr": repr(config["lr"]), "--kind": config["kind"], "--on": on, "--size": "3"}


def test_the_n_best(run_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configs = json.loads(said(capsys, "best", run_root, "-n", 5, "--export", "json"))
    shown = [yaml.safe_load((run_root / f"configs/config_{n}/config.yaml").read_text()) for n in (2, 1, 5)]
    assert configs == shown, "neither the failed one nor the one that was stopped early"
    assert len(yaml.safe_load(said(capsys, "best", run_root, "-n", 2, "--export", "yaml"))) == 2
    assert len(json.loads(said(capsys, "best", run_root, "-n", 1, "--export", "json"))) == 1
    with pytest.raises(SystemExit):
        main(["best", str(run_root), "-n", "0"])


def test_what_best_exports_can_be_enqueued(run_root: Path, root: Path, tmp_path: Path, capsys: Any) -> None:
    text = said(capsys, "best", run_root, "-n", 2, "--export", "yaml")
    (tmp_path / "best.yaml").write_text(text)
    said(capsys, "enqueue", run_root, tmp_path / "best.yaml", "--again")
    assert list(neps.status(run_root)[0]["state"])[-2:] == ["pending", "pending"]


def test_arguments_are_what_a_program_gets(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = {"x": {"lower": -1e-5, "upper": -1e-6}, "y": [{"lower": 0.5, "upper": 1}], "z": [["a", "b"]], "size": 3}
    given = neps.run(lambda **config: 0, space, root_directory=root, evaluations_to_spend=1).best
    assert given is not None and given.config["y"] == "Float"
    x, y = given.config["x"], given.config["y.Float"]
    words = shlex.split(said(capsys, "best", root, "--export", "args"))
    assert words == [f"--x={x!r}", "--y", repr(y), "--z", '["a", "b"]', "--size", "3"]


def test_the_front(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = iter([[1, 2], [2, 1], [3, 3]])
    neps.run(lambda x: next(values), {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=3)
    assert len(json.loads(said(capsys, "best", root, "--export", "json"))) == 2
    lines = said(capsys, "best", root, "--export", "args").splitlines()
    assert len(lines) == 2 and all(line.startswith("--x 0.") for line in lines)
    assert "trial 1: objective 1.0, 2.0" in said(capsys, "best", root)
    assert "several objectives" in said(capsys, "best", root, "-n", 2, code=1)


def test_nothing_is_best_yet(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=0)
    assert said(capsys, "best", root, "--export", "args", code=1).count("\n") == 1
    neps.run(lambda x: {"objective_to_minimize": x, "constraints": 1 + x}, root_directory=root, evaluations_to_spend=2)
    assert "keeps its constraints yet; trial " in said(capsys, "best", root, code=1)


def test_a_run_in_a_database(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    neps.run(lambda x: x, {"x": [1, 2]}, root_directory=root, storage=url, evaluations_to_spend=1)
    config = said(capsys, "best", root, "--storage", url, "--export", "args")
    assert config == said(capsys, "best", "--storage", f"{url}?run=run", "--export", "args")
    assert "Folder:" in said(capsys, "show", root, 1, "--storage", url)
    assert json.loads(said(capsys, "show", 1, "--storage", f"{url}?run=run", "--json"))["folder"] is None


# ---------------------------------------------------------------------- completion


def completed(line: str, folder: Path) -> set[str]:
    """What the shell would be told could come next."""
    pytest.importorskip("argcomplete")
    out = folder / "completions"
    with out.open("w") as file:
        environment = {
            **os.environ,
            **{"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "COMP_LINE": line, "COMP_POINT": str(len(line))},
            **{"_ARGCOMPLETE_STDOUT_FILENAME": str(out)},
        }
        program = [sys.executable, "-c", "from neps_core.cli import main; main()"]
        subprocess.run(program, env=environment, cwd=folder, stdout=file, check=True, timeout=60)
    return {word.strip() for word in out.read_text().split("\n") if word.strip()}


def test_commands_options_and_ids_are_completed(run_root: Path, tmp_path: Path) -> None:
    assert completed("neps sh", tmp_path) == {"show"}
    assert completed("neps show run ", tmp_path) >= {"1", "2", "3", "4", "5"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("argcomplete")
    assert "_ARGCOMPLETE" in said(capsys, "completion", shell)


def test_without_argcomplete(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    assert "neps-framework[completion]" in said(capsys, "completion", "bash", code=1)
