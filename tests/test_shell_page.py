"""The page "From the shell", and its example: a program that is no Python."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import neps
from neps_core.cli import main
from neps_plugins.programs.reports import STOP
from neps_plugins.search_file.located import parse
from neps_plugins.search_file.settings import checked
from neps_plugins.search_file.short import parse_parameter

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "shell.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if shutil.which("awk") is None:
        pytest.skip("the example is in awk")
    shutil.copytree(DOCS / "examples/shell", tmp_path / "example")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "example"


def test_the_example(example: Path) -> None:
    assert main(["run", "example/search.yaml", "--dry_run"]) == 0
    words = ["--evaluations_to_spend", "7", "--set", "pipeline_space.epochs.upper=9", "--set", "seed=2"]
    assert main(["run", "example/search.yaml", *words]) == 0
    trials = neps.load_trials(example / "descent")
    assert len(trials) == 7
    table = neps.status(example / "descent")[0]
    continued = table[table["previous_trial_id"].notna()]
    assert len(continued)
    for trial_id, row in continued.iterrows():
        assert list(row["learning_curve"])[-1] == row["objective_to_minimize"]
        before = table.loc[row["previous_trial_id"]]
        assert len(row["learning_curve"]) == row["config.epochs"] - before["config.epochs"], trial_id
        assert (example / f"descent/configs/config_{trial_id}/weights").is_file()


def test_the_example_ends_when_it_is_told_to(example: Path) -> None:
    words = ["--stopping_rule", "{name: threshold, upper: 0, min_steps: 2}", "--evaluations_to_spend", "1"]
    assert main(["run", "example/search.yaml", *words]) == 0
    (trial,) = neps.status(example / "descent")[0].itertuples()
    assert (trial.state, trial.stopped_at, len(trial.learning_curve)) == ("success", 2, 2)


def test_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.sh").write_text("#!/bin/sh\necho $2\n")
    (tmp_path / "train.sh").chmod(0o755)
    first, second, *_ = blocks("bash")
    for line in (*first.splitlines(), second):
        assert main(shlex.split(line, comments=True)[1:]) == 0
    (search,) = blocks("yaml")
    made = checked(parse(search, "search.yaml"))
    assert made.arguments["total_evaluations_to_spend"] == 100
    for parameter in re.findall(r"^\| `--param (.*?)` \|", PAGE, re.MULTILINE):
        parse_parameter(shlex.split(parameter)[0])
    (said,) = blocks("text")
    (tmp_path / "search.yaml").write_text(search.replace("upper: 1,", "uppper: 1,"))
    done = subprocess.run(
        [sys.executable, "-m", "neps", "run", "search.yaml"], capture_output=True, text=True, timeout=60, check=False
    )
    assert said == f"$ neps run search.yaml\n{done.stderr}"
    assert f"**{STOP}**" in PAGE


def test_every_key_and_variable_is_on_the_page() -> None:
    from neps_plugins.programs import reports
    from neps_plugins.search_file.settings import PROGRAM_KEYS

    names = [value for name, value in vars(reports).items() if name.isupper() and isinstance(value, str)]
    assert len(names) == 7
    for name in (*names, *PROGRAM_KEYS):
        assert f"`{name}`" in PAGE, name
