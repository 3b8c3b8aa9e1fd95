"""What a stranger tries first: the quickstart, and the plugin that stands as a model for theirs."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import neps
from neps.testing import check_optimizer
from tests.summaries import trials_in

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
DISTRIBUTION = EXAMPLES / "neps-latin-hypercube"
SIZE = 12


def configs_of(root: Path) -> list[dict[str, Any]]:
    """The configurations of a run, as the folder shows them, in the order in which they were sampled."""
    folders = sorted((root / "configs").iterdir(), key=lambda folder: int(folder.name.removeprefix("config_")))
    return [yaml.safe_load((folder / "config.yaml").read_text()) for folder in folders]


# ---------------------------------------------------------------------- the quickstart


def quickstart(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    script = folder / "quickstart.py"
    script.write_text(source)
    done = subprocess.run(
        [sys.executable, script.name], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def test_quickstart(tmp_path: Path) -> None:
    source = (EXAMPLES / "quickstart.py").read_text()
    done = quickstart(tmp_path, source)
    root = tmp_path / "quickstart_results"

    assert len(re.findall(r"^Trial \d+ finished: success", done.stderr, re.MULTILINE)) == 25
    (best,) = trials_in(root / "summary" / "best_config.txt")
    for name, value in best["Config"].items():
        assert f"    {name} = {value}\n" in done.stdout
    (default, validated), (default_test, test) = (
        map(float, re.search(rf"^{row} error +([\d.]+)% +([\d.]+)%$", done.stdout, re.MULTILINE).groups())  # type: ignore[union-attr]
        for row in ("validation", "test")
    )
    assert validated == pytest.approx(100 * float(best["Objective to minimize"]), abs=0.06)
    # Far from what chance does to a search of this size; the second line was not searched for.
    assert validated < 0.7 * default
    assert test < 0.8 * default_test
    assert str(root) in done.stdout

    assert {path.name for path in root.iterdir()} >= {
        "configs",
        "summary",
        "optimizer_info.yaml",
        "optimizer_state.pkl",
        "pipeline_space.yaml",
    }
    assert {path.name for path in (root / "summary").iterdir()} >= {
        "full.csv",
        "short.csv",
        "best_config_trajectory.txt",
        "best_config.txt",
    }
    trials = list((root / "configs").iterdir())
    assert {folder.name for folder in trials} == {f"config_{i}" for i in range(1, 26)}
    for folder in trials:
        assert {path.name for path in folder.iterdir()} >= {"config.yaml", "report.yaml", "metadata.json"}

    # A stranger's next step: change the space, start it again.
    changed = source.replace("neps.Integer(1, 1000)", "neps.Integer(1, 10)").replace("to_spend=25", "to_spend=2")
    assert changed.count("Integer(1, 10)") == changed.count("to_spend=2,") == 1
    quickstart(tmp_path, changed)
    assert len(configs_of(root)) == 2
    assert all(config["average"] <= 10 for config in configs_of(root))


# ---------------------------------------------------------------------- the model plugin, installed

WORKER = """
import os, sys, time
from pathlib import Path
import neps

root, name, workers, evaluations = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

class Space(neps.PipelineSpace):
    momentum = neps.Float(0.0, 1.0)
    learning_rate = neps.Float(1e-4, 1e-1, log=True)
    units = neps.Integer(1, 12)
    optimizer = neps.Categorical(["adam", "sgd", "rmsprop", "lion"])

def evaluate(momentum, learning_rate, units, optimizer, root_directory):
    # No result before all workers have a trial, so that none of them does everything.
    (root_directory / f"busy-{name}").touch()
    end = time.monotonic() + 30
    while len(list(root_directory.glob("busy-*"))) < workers and time.monotonic() < end:
        time.sleep(0.01)
    return momentum

neps.run(evaluate, Space(), root_directory=root, optimizer=("latin_hypercube", {"size": 12}),
         total_evaluations_to_spend=evaluations, worker_id=name)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the distribution was built and installed, as if from an index."""
    folder = tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source") / DISTRIBUTION.name
    shutil.copytree(DISTRIBUTION, source, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    options = ["--target", str(folder), "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *options, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def start(installed: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a Python process in which the distribution is installed."""
    path = os.pathsep.join(filter(None, [str(installed), os.environ.get("PYTHONPATH")]))

    def start(*arguments: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error::UserWarning", *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env={**os.environ, "PYTHONPATH": path})

    return start


def finish(*processes: subprocess.Popen[str]) -> str:
    """The standard output of all processes, which must end well."""
    out = ""
    for process in processes:
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
        out += stdout
    return out


def is_latin(configs: list[dict[str, Any]]) -> bool:
    """Whether each of `SIZE` parts of every parameter's range holds one of `SIZE` configurations."""
    every_part = list(range(SIZE))
    return (
        sorted(int(SIZE * c["momentum"]) for c in configs) == every_part
        and sorted(int(SIZE * math.log10(c["learning_rate"] / 1e-4) / 3) for c in configs) == every_part
        and sorted(c["units"] - 1 for c in configs) == every_part
        and sorted(c["optimizer"] for c in configs) == sorted(["adam", "sgd", "rmsprop", "lion"] * (SIZE // 4))
    )


def test_plugin_is_listed(start: Callable[..., subprocess.Popen[str]]) -> None:
    lines = finish(start("-m", "neps", "plugins")).splitlines()
    line = next(line for line in lines if "neps-latin-hypercube" in line)
    assert "0.1.0" in line and "optimizer latin_hypercube" in line


def test_selected_by_name_it_gives_designs(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    finish(start("-c", WORKER, tmp_path / "run", "one", 1, 2 * SIZE))
    configs = configs_of(tmp_path / "run")
    assert is_latin(configs[:SIZE])
    assert is_latin(configs[SIZE:])
    assert not any(config in configs[:SIZE] for config in configs[SIZE:])
    assert neps.load_optimizer_info(tmp_path / "run")["info"]["size"] == SIZE


def test_two_workers_evaluate_what_one_would(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    finish(start("-c", WORKER, tmp_path / "alone", "alone", 1, SIZE))
    finish(*(start("-c", WORKER, tmp_path / "shared", name, 2, SIZE) for name in ("a", "b")))
    metadata = (tmp_path / "shared" / "configs").glob("*/metadata.json")
    assert {yaml.safe_load(path.read_text())["evaluating_worker_id"] for path in metadata} == {"a", "b"}
    assert configs_of(tmp_path / "shared") == configs_of(tmp_path / "alone")


def test_scipy_waits_until_a_design_is_made(start: Callable[..., subprocess.Popen[str]]) -> None:
    finish(start("-c", "import sys, neps_latin_hypercube; assert 'scipy' not in sys.modules"))


# ---------------------------------------------------------------------- the model plugin, by its class


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("neps_latin_hypercube", DISTRIBUTION / "neps_latin_hypercube.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def search(module: ModuleType, space: Any, root: Path, n: int = SIZE, **keywords: Any) -> list[dict[str, Any]]:
    optimizer = (module.LatinHypercube, {"size": SIZE, **keywords})
    result = neps.run(lambda **_: 0.0, space, root_directory=root, optimizer=optimizer, evaluations_to_spend=n)
    return [dict(trial.config) for trial in result.trials.values()]


def test_restarts_and_removals_keep_the_design(module: ModuleType, tmp_path: Path) -> None:
    space = {"x": neps.Float(0.0, 1.0), "y": neps.Integer(1, 5)}
    whole = search(module, space, tmp_path / "whole")
    search(module, space, tmp_path / "parts", 5)
    neps_clean = [sys.executable, "-m", "neps.clean", str(tmp_path / "parts"), "--trial_ids", "2", "4"]
    subprocess.run(neps_clean, check=True, capture_output=True)
    parts = search(module, space, tmp_path / "parts", SIZE - 3)
    assert len(parts) == SIZE
    assert sorted(parts, key=repr) == sorted(whole, key=repr)


def test_another_seed_is_another_design(module: ModuleType, tmp_path: Path) -> None:
    space = {"x": neps.Float(0.0, 1.0)}
    first, same, other = (search(module, space, tmp_path / str(i), seed=seed) for i, seed in enumerate((0, 0, 1)))
    assert first == same != other


def test_batches(module: ModuleType, tmp_path: Path) -> None:
    result = neps.run(
        lambda x: x,
        {"x": neps.Float(0.0, 1.0)},
        root_directory=tmp_path / "batch",
        optimizer=(module.LatinHypercube, {"size": SIZE}),
        evaluations_to_spend=1,
        sample_batch_size=SIZE,
    )
    batch = [trial.config for trial in result.trials.values()]
    assert batch == search(module, {"x": neps.Float(0.0, 1.0)}, tmp_path / "one by one")


def test_few_choices_come_again(module: ModuleType, tmp_path: Path) -> None:
    configs = search(module, {"a": neps.Categorical([True, 1]), "b": 3}, tmp_path / "run", 2 * SIZE)
    kinds = [type(config["a"]) for config in configs]
    assert kinds[:SIZE].count(bool) == kinds[SIZE:].count(bool) == SIZE // 2


def test_priors(module: ModuleType, tmp_path: Path) -> None:
    space = {"x": neps.Float(0.0, 1.0, prior=0.9, prior_confidence="high")}
    values = [config["x"] for config in search(module, space, tmp_path / "run", use_priors=True)]
    # A share of 1/SIZE of the prior in each part, so half of the points lie above its median, about 0.86.
    assert sum(x > 0.5 for x in values) == SIZE
    assert sum(x > 0.86 for x in values) in (SIZE // 2 - 1, SIZE // 2, SIZE // 2 + 1)


class WithFidelity(neps.PipelineSpace):
    x = neps.Float(0.0, 1.0)
    epochs = neps.IntegerFidelity(1, SIZE)


def test_fidelities(module: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(neps.NePSError, match="highest_fidelity"):
        search(module, WithFidelity, tmp_path / "refused")
    at_top = search(module, WithFidelity, tmp_path / "top", ignore_fidelity="highest_fidelity")
    assert {config["epochs"] for config in at_top} == {SIZE}
    assert sorted(int(SIZE * config["x"]) for config in at_top) == list(range(SIZE))
    spread = search(module, WithFidelity, tmp_path / "spread", ignore_fidelity=True)
    assert sorted(config["epochs"] for config in spread) == list(range(1, SIZE + 1))


@pytest.mark.parametrize("ignore_fidelity", [False, True, "highest_fidelity"])
def test_it_keeps_the_contract(module: ModuleType, ignore_fidelity: bool | str) -> None:
    """On every kind of space: those with conditions and forbidden clauses, and recursive ones, too."""
    check_optimizer(module.LatinHypercube, keywords={"size": 5, "ignore_fidelity": ignore_fidelity})


@pytest.mark.parametrize("keywords", [{"size": 0}, {"size": 2.5}, {"size": True}, {"seed": -1}])
def test_unusable_numbers_are_refused(module: ModuleType, tmp_path: Path, keywords: dict[str, Any]) -> None:
    with pytest.raises(neps.NePSError, match=f"{next(iter(keywords))} must be a whole number"):
        search(module, {"x": neps.Float(0.0, 1.0)}, tmp_path / "run", **keywords)
    assert not (tmp_path / "run").exists()
