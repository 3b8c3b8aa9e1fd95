"""The examples of architecture spaces do what they say, started as a reader would start them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import neps
from tests.summaries import trials_in

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


def run(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], cwd=folder, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def test_pipeline_search(tmp_path: Path) -> None:
    done = run("pipeline_search.py", tmp_path)
    root = tmp_path / "pipeline_search_results"

    assert len(re.findall(r"^Trial \d+ finished: success", done.stderr, re.MULTILINE)) == 40
    assert "Warning" not in done.stderr
    (best,) = trials_in(root / "summary" / "best_config.txt")
    for path, value in best["Config"].items():
        assert f"    {path} = {value}\n" in done.stdout
    (default, validated), (default_test, test) = (
        map(float, re.search(rf"^{row} error +([\d.]+)% +([\d.]+)%$", done.stdout, re.MULTILINE).groups())  # type: ignore[union-attr]
        for row in ("validation", "test")
    )
    assert validated == pytest.approx(100 * float(best["Objective to minimize"]), abs=0.06)
    # Far from what chance does to a search of this size; the second line was not searched for.
    assert validated < 0.7 * default
    assert test < 0.8 * default_test

    description = yaml.safe_load((root / "configs" / f"config_{best['Config ID']}" / "report.yaml").read_text())[
        "extra"
    ]
    assert description["pipeline"] in done.stdout
    # What is on disk is enough to build the pipeline again; its text names the very parts that it has.
    arguments = neps.load_config(root, config_id=best["Config ID"])
    assert arguments["description"] == description["pipeline"]
    classifier = arguments["pipeline"].steps[-1][1]
    name = type(classifier).__name__
    assert name == best["Config"]["_classifier"] and f"{name}(" in arguments["description"]
    tuned = {path.rpartition(".")[2]: v for path, v in best["Config"].items() if path.startswith("_classifier.")}
    assert tuned.items() <= classifier.get_params().items()

    # Decisions are there only where they mean something.
    seen = set()
    for folder in (root / "configs").iterdir():
        config = yaml.safe_load((folder / "config.yaml").read_text())
        seen.add(config["_classifier"])
        assert {path.split(".")[1] for path in config if path.startswith("_classifier.")} == {config["_classifier"]}
        assert any(path.startswith("_reduction.") for path in config) == (config["_reduction"] == "PCA")
    assert seen == {"SVC", "KNeighborsClassifier", "RandomForestClassifier"}


def test_grammar(tmp_path: Path) -> None:
    done = run("grammar.py", tmp_path)
    assert not done.stderr
    assert done.stdout == run("grammar.py", tmp_path).stdout  # the texts in the documentation stay true
    assert not list(tmp_path.iterdir())

    titles = r"^((?:Architecture \d|Architectures 1 and 2)[\w ,]*) \(\d+ decisions\)\n(net\(.*?\)\n)\n"
    texts = dict(re.findall(titles, done.stdout + "\n", re.MULTILINE | re.DOTALL))
    assert list(texts) == [
        *(f"Architecture {i}" for i in (1, 2, 3, 4)),
        "Architecture 1, mutated",
        "Architectures 1 and 2, crossed",
    ]
    assert len(set(texts.values())) == len(texts)
    for text in texts.values():
        assert len(set(re.findall(r"conv\((\d+)", text))) <= 1  # the width has one value
    assert any(len(set(re.findall(r"kernel=(\d)", text))) > 1 for text in texts.values())  # the kernel has its own
    assert any(re.search(r"(chain|sum)\(.*(chain|sum)\(", text) for text in texts.values())  # cells in cells
    assert "Replayed, they give the same text: True" in done.stdout
