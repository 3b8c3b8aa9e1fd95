"""The observers `tensorboard`, `mlflow` and `wandb`, with the real packages."""

from __future__ import annotations

import os
import sys
import warnings

import pytest

import neps
from neps_core import ObserverError

SPACE = {"x": neps.Float(0, 1), "act": neps.Categorical(["relu", "tanh"])}


def evaluate(x, act):
    for step in (1, 2, 3):
        neps.report(x + 1 / step, step=step)
    return x


def search(root, observer, n, function=evaluate, **keywords):
    return neps.run(
        function,
        SPACE,
        root_directory=root,
        optimizer="random_search",
        observers=[observer],
        evaluations_to_spend=n,
        ignore_errors=True,
        **keywords,
    )


@pytest.mark.parametrize(
    ("name", "package"), [("tensorboard", "tensorboardX"), ("mlflow", "mlflow"), ("wandb", "wandb")]
)
def test_without_the_package_one_sentence_says_what_to_install(root, monkeypatch, name, package):
    for module in [package, *(each for each in sys.modules if each.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ObserverError, match=rf"needs {package}: pip install 'neps-framework\[{name}\]'"):
        search(root, name, 1)
    assert not root.exists()


# ---------------------------------------------------------------------- tensorboard


def scalars(folder, tag):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(folder))
    log.Reload()
    return [(event.step, event.value) for event in log.Scalars(tag)]


def test_tensorboard(root):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    pytest.importorskip("tensorboard", reason="tensorboard is not installed, which reads what was written")
    result = search(root, ("tensorboard", {"flush_seconds": 60}), 3)
    result = search(root, ("tensorboard", {"flush_seconds": 60}), 2)
    folder = root / "tensorboard"
    assert {path.name for path in folder.iterdir()} == {"incumbent", "1", "2", "3", "4", "5"}
    for trial in result.trials.values():
        curve = scalars(folder / trial.id, "curve/objective_to_minimize")
        assert curve == [(p.step, pytest.approx(p.objective)) for p in trial.points]
        [(step, value)] = scalars(folder / trial.id, "objective_to_minimize")
        assert value == pytest.approx(trial.report.objective_to_minimize)
        assert step == int(trial.id)
    best = [value for _, value in scalars(folder / "incumbent", "Summary/Incumbent_graph")]
    assert best == sorted(best, reverse=True)
    assert best[-1] == pytest.approx(result.best.report.objective_to_minimize)


# ---------------------------------------------------------------------- mlflow


@pytest.fixture
def mlflow_client(tmp_path, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
        from mlflow.tracking import MlflowClient
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return MlflowClient((tmp_path / "mlruns").as_uri())


@pytest.mark.filterwarnings("ignore")  # mlflow's own
def test_mlflow(root, mlflow_client):
    client, uri = mlflow_client, mlflow_client.tracking_uri
    observer = ("mlflow", {"tracking_uri": uri, "experiment": "tests", "flush_seconds": 60})
    search(root, observer, 2)
    answers = iter([ValueError("no"), None])

    def fails(x, act):
        answer = next(answers)
        if answer is None:
            return evaluate(x, act)
        raise answer

    result = search(root, observer, 2, fails)
    experiment = client.get_experiment_by_name("tests").experiment_id
    runs = {run.data.tags.get("neps.trial", "search"): run for run in client.search_runs([experiment])}
    assert set(runs) == {"search", "1", "2", "3", "4"}  # what was gone on with is one search
    parent = runs["search"]
    assert parent.info.status == "FINISHED"
    assert parent.data.params["optimizer"] == "random_search"
    assert parent.data.metrics["best"] == pytest.approx(result.best.report.objective_to_minimize)
    assert parent.data.tags["neps.best_trial"] == result.best.id
    for trial in result.trials.values():
        run = runs[trial.id]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.params == {path: str(value) for path, value in trial.config.items()}
        if trial.id == "3":
            assert run.info.status == "FAILED"
            assert "no" in run.data.tags["neps.error"]
            continue
        assert run.info.status == "FINISHED"
        history = client.get_metric_history(run.info.run_id, "objective_to_minimize")
        expected = [*((p.step, p.objective) for p in trial.points), (3, trial.report.objective_to_minimize)]
        assert [(m.step, m.value) for m in history] == [(s, pytest.approx(v)) for s, v in expected]


@pytest.mark.filterwarnings("ignore")
def test_two_workers_share_one_search_in_mlflow(root, script, mlflow_client):
    client = mlflow_client
    script.write(
        f"""
        import sys, neps
        neps.run(lambda x: x, {{"x": neps.Float(0, 1)}}, root_directory={str(root)!r}, optimizer="random_search",
                 total_evaluations_to_spend=6, observers=[("mlflow", {{"tracking_uri": {client.tracking_uri!r},
                 "flush_seconds": 60}})])
        """
    )
    workers = [script.start() for _ in range(2)]
    for worker in workers:
        assert worker.wait(120) == 0, worker.stderr.read()
    runs = client.search_runs([client.get_experiment_by_name("run").experiment_id])
    assert sorted(run.data.tags.get("neps.trial", "search") for run in runs) == [*"123456", "search"]


# ---------------------------------------------------------------------- wandb


@pytest.mark.filterwarnings("ignore")
def test_wandb_offline(root, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")
    for name in list(os.environ):
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)
    begun = []
    real = wandb.init

    def init(**keywords):
        run = real(**keywords)
        finish = run.finish

        def finish_and_remember(**keywords_of_finish):
            begun.append((keywords, run.offline, dict(run.summary)))
            finish(**keywords_of_finish)

        object.__setattr__(run, "finish", finish_and_remember)
        return run

    monkeypatch.setattr(wandb, "init", init)
    observer = ("wandb", {"project": "tests", "mode": "offline", "flush_seconds": 60})
    result = search(root, observer, 2)
    assert len(list((root / "wandb").glob("offline-run-*"))) == 2
    assert wandb.run is None  # what the user's function begins is its own
    assert len(begun) == 2
    for (keywords, is_offline, summary), trial in zip(begun, result.trials.values()):
        assert keywords["id"].endswith(f"-{trial.id}")
        assert keywords["config"]["x"] == trial.config["x"]
        assert keywords["group"] == begun[0][0]["group"]
        assert is_offline
        assert summary["objective_to_minimize"] == pytest.approx(trial.report.objective_to_minimize)
        assert summary["state"] == "success"


def test_wandb_has_certain_modes(root):
    with pytest.raises(ObserverError, match="mode='offlin' of 'wandb' is unknown.*offline"):
        search(root, ("wandb", {"mode": "offlin"}), 1)
