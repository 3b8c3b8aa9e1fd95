"""Searches that were begun with Optuna, Ray Tune and SMAC; `tests/data/moving` has what Ray 2.60 and SMAC 2.4 wrote."""

from __future__ import annotations

import json
import math
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import neps
from neps_core.cli import main
from neps_core.run import open_run
from neps_core.trials import State, Trial
from neps_plugins.moving import ray, smac
from neps_plugins.moving.conditions import conditions_of
from neps_plugins.moving.optuna import search_of
from neps_plugins.moving.search import flat

DATA = Path(__file__).parents[1] / "data" / "moving"


def trials_of(root: Path) -> list[Trial]:
    return list(open_run(root).trials.values())


def imported(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """What `neps import` says; it must end well."""
    code = main(["import", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert code == 0, err
    return out


def refused(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """The one sentence with which `neps import` refuses."""
    assert main(["import", *map(str, arguments)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1, err
    return err


# ---------------------------------------------------------------------- Optuna


@pytest.fixture
def optuna() -> Iterator[Any]:
    optuna = pytest.importorskip("optuna")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield optuna
    optuna.logging.set_verbosity(before)


def define_by_run(trial: Any) -> float:
    lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    trial.suggest_float("drop", 0.1, 0.9, step=0.1)
    trial.suggest_int("batch/size", 32, 256, step=32)
    trial.suggest_categorical("only", ["one"])
    if trial.number == 9:
        raise ValueError("before it has asked for everything")
    model = trial.suggest_categorical("model", ["svc", "mlp", None])
    if model == "svc":
        trial.suggest_float("C", 1 / 3, 1e3, log=True)
    if model == "mlp":
        for i in range(trial.suggest_int("layers", 1, 3)):
            trial.suggest_int(f"units{i}", 4, 128, log=True)
    if trial.number == 7:
        raise ValueError("it went wrong")
    for epoch in range(1, 4):
        trial.report(lr + epoch, epoch)
        if trial.number % 5 == 4 and epoch == 2:
            import optuna

            raise optuna.TrialPruned
    trial.set_user_attr("note", {"number": trial.number})
    return lr


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 trials, of which some fail, some are pruned, and one fails too early."""
    optuna = pytest.importorskip("optuna")
    path = tmp_path_factory.mktemp("optuna") / "study.db"
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(define_by_run, n_trials=30, catch=ValueError)
    copy = optuna.create_study(storage=f"sqlite:///{path}", study_name="mine", direction="maximize")
    copy.add_trials(study.get_trials(deepcopy=False))
    return path


@pytest.fixture
def study(optuna: Any, database: Path, tmp_path: Path) -> Any:
    shutil.copy(database, tmp_path / "study.db")
    return optuna.load_study(storage=f"sqlite:///{tmp_path / 'study.db'}", study_name="mine")


def test_a_study(study: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "run"
    said = imported(capsys, "optuna", f"sqlite:///{tmp_path / 'study.db'}", "mine", root)
    assert "its sign is changed" in said
    assert "C if model is 'svc'" in said and "units2 if layers is above 2" in said
    assert "1 trial(s) that failed before" in said
    assert "imported: 29 evaluation(s)" in said

    of_number = {trial.report.extra["optuna"]["number"]: trial for trial in trials_of(root) if trial.report}
    names = {"batch/size": "batch/size"}
    for given in study.trials:
        if given.number == 9:
            assert 9 not in of_number
            continue
        trial = of_number[given.number]
        config = neps.load_config(root, config_id=trial.id)  # arguments, constants included
        assert set(config) == {names.get(name, name) for name in given.params}
        for name, value in given.params.items():
            assert config[name] == pytest.approx(value) if isinstance(value, float) else config[name] == value
        if given.number == 7:
            assert trial.state is State.FAILED
        elif given.number % 5 == 4:
            assert trial.was_stopped_early and trial.report.stopped_at == 2
            assert trial.objectives == (-given.intermediate_values[2],)
        else:
            assert trial.objectives == (-given.value,)
            assert trial.report.learning_curve == [-given.intermediate_values[step] for step in (1, 2, 3)]
            assert trial.report.extra["note"] == {"number": given.number}
            assert trial.report.extra["optuna"]["steps"] == [1, 2, 3]
    assert all(0 < config["drop"] == round(config["drop"], 1) for config in (t.config for t in of_number.values()))


def test_a_study_is_gone_on_with_here_and_there(study: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, source = tmp_path / "run", f"sqlite:///{tmp_path / 'study.db'}"
    imported(capsys, "optuna", source, "mine", root, "--optimizer", "random_search")
    assert "imported: 0 evaluation(s)" in imported(capsys, "optuna", source, "mine", root)

    def evaluate(**arguments: Any) -> float:
        assert ("C" in arguments) == (arguments["model"] == "svc")
        assert ("units1" in arguments) == (arguments.get("layers", 0) > 1)
        assert arguments["batch/size"] % 32 == 0 and arguments["only"] == "one"
        return -arguments["lr"]

    result = neps.run(evaluate, root_directory=root, evaluations_to_spend=10)
    assert len(result.trials) == 39 and not any(
        trial.state is State.FAILED for trial in list(result.trials.values())[29:]
    )
    assert result.best is not None and result.best.objectives <= (-study.best_value,)
    study.optimize(define_by_run, n_trials=1)
    assert "imported: 1 evaluation(s)" in imported(capsys, "optuna", source, "mine", root)


def test_several_objectives_names_and_constraints(
    optuna: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def objective(trial: Any) -> tuple[float, float]:
        x = trial.suggest_float("x", 0, 1)
        if hasattr(trial, "set_constraint"):
            trial.set_constraint("half", x - 0.5)
            if trial.number < 9:
                trial.set_constraint("late", -x)
        return x, 1 - x

    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal.log")))
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=storage, study_name="two", directions=["minimize", "maximize"], sampler=sampler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls this experimental
        study.set_metric_names(["loss", "accuracy"])
    study.optimize(objective, n_trials=10)
    said = imported(capsys, "optuna", tmp_path / "journal.log", "two", tmp_path / "run")
    assert "Of the objectives, accuracy was maximised" in said
    for trial in trials_of(tmp_path / "run"):
        x = trial.config["x"]
        assert trial.objectives_by_name == {"loss": x, "accuracy": x - 1}
        if hasattr(optuna.trial.Trial, "set_constraint"):
            assert trial.constraints_by_name["half"] == x - 0.5
            assert trial.report is not None
            known = trial.report.extra["optuna"]["number"] < 9
            assert math.isnan(trial.constraints_by_name["late"]) is not known


def test_what_nothing_explains_gets_its_default_and_bounds_that_changed_are_widened(
    optuna: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def objective(trial: Any) -> float:
        if trial.number == 3:
            trial.suggest_int("odd", 1, 5)
        return trial.suggest_float("x", 0, 1 + trial.number)  # type: ignore[no-any-return]

    optuna.create_study(storage=f"sqlite:///{tmp_path / 's.db'}", study_name="s").optimize(objective, n_trials=6)
    assert "is given odd=3" in imported(capsys, "optuna", tmp_path / "s.db", "s", tmp_path / "run")
    assert sum(trial.config["odd"] == 3 for trial in trials_of(tmp_path / "run")) >= 5
    assert neps.load_pipeline_space(tmp_path / "run")["x"].upper == 6


def test_choices_that_are_equal_in_python_become_text(optuna: Any, tmp_path: Path) -> None:
    def objective(trial: Any) -> float:
        mixed = trial.suggest_categorical("mixed", ["1", 1, True])  # Optuna mistakes True for 1, too
        return trial.suggest_float("x", 0, 1) if mixed == "1" else 1.0

    made = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    made.optimize(objective, n_trials=20)
    search = search_of(made)
    assert "mixed has choices that are equal in Python" in search.remarks[0]
    assert "x if mixed is \"'1'\"" in search.remarks[1]
    search.into(tmp_path / "run")
    configs = [config for config, _ in neps.load_trials(tmp_path / "run")]
    assert {config["mixed"] for config in configs} == {"'1'", "1"}
    assert all(("x" in config) is (config["mixed"] == "'1'") for config in configs)


def test_what_is_no_study(optuna: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = f"sqlite:///{tmp_path / 's.db'}"
    assert "there is no file" in refused(capsys, "optuna", source, "s", tmp_path / "run")
    assert not (tmp_path / "s.db").exists()  # Optuna alone would have made it
    optuna.create_study(storage=source, study_name="mine")
    assert (
        "no study 'mime'" in (said := refused(capsys, "optuna", source, "mime", tmp_path / "run")) and "'mine'" in said
    )
    assert "no trial of the study 'mine' is finished" in refused(capsys, "optuna", source, "mine", tmp_path / "run")
    (tmp_path / "text").write_text("no\njournal\n")
    assert "Optuna can't read" in refused(capsys, "optuna", tmp_path / "text", "mine", tmp_path / "run")
    assert "Optuna can't read" in refused(capsys, "optuna", "nonsense://host/x", "mine", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_optuna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    assert "pip install optuna" in refused(capsys, "optuna", "sqlite:///s.db", "s", tmp_path / "run")


# ---------------------------------------------------------------------- conditions


def kinds(**ordered: bool | None) -> Any:
    return ordered.get


def test_the_parent_with_the_fewest_values_is_the_condition() -> None:
    configs = [{"n": i, "kind": "ab"[i % 2], **({"x": 1.0} if i % 2 else {})} for i in range(6)]
    found, unexplained = conditions_of(configs, kinds(n=False, kind=False, x=None))
    assert [str(condition) for condition in found] == ["x if kind is 'b'"] and not unexplained


def test_thresholds_both_ways_and_none() -> None:
    configs = [{"n": n, **({"low": 0} if n < 3 else {}), **({"odd": 0} if n % 2 else {})} for n in range(1, 6)]
    found, unexplained = conditions_of(configs, kinds(n=True))
    assert [str(condition) for condition in found] == ["low if n is below 3"] and unexplained == ["odd"]


def test_a_parent_is_asked_for_first() -> None:
    configs: list[dict[str, Any]] = [{"x": 1, "kind": "a"}, {"kind": "b"}]
    assert conditions_of(configs, kinds(kind=False, x=None)) == ([], ["x"])


# ---------------------------------------------------------------------- Ray Tune


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA / "ray", tmp_path / "experiment"))


def test_an_experiment(experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = imported(capsys, "ray", experiment, tmp_path / "run", "--metric", "acc", "--mode", "max")
    assert "acc was maximised" in said and "lr: 0.00021 to 0.036, log" in said and "opt/momentum: 0.81 to 0.94" in said
    trials = trials_of(tmp_path / "run")
    assert [trial.state for trial in trials] == [State.SUCCESS, State.FAILED, *[State.SUCCESS] * 4]
    assert trials[0].report is not None and trials[1].report is not None
    assert trials[0].report.learning_curve == [-0.5, -0.6666666666666667, -0.75, -0.8] and trials[0].objectives == (
        -0.8,
    )
    assert "ValueError: diverged" in (trials[1].report.err or "")
    again = imported(capsys, "ray", experiment, tmp_path / "run", "--metric", "acc", "--mode", "max")
    assert "imported: 0 evaluation(s)" in again and "passed over: 6" in again

    def evaluate(act: str, layers: Any, lr: float, units: int, **opt: Any) -> float:
        assert layers == (16,) and opt["opt/nesterov"] is True
        return lr

    assert len(neps.run(evaluate, root_directory=tmp_path / "run", evaluations_to_spend=2).trials) == 8


def test_reports_as_a_fidelity(experiment: Path, tmp_path: Path) -> None:
    (cut,) = experiment.glob("*_00004_*/result.json")
    cut.write_text(cut.read_text().splitlines()[0] + '\n{"loss": 0.1, "train')  # written when the power went
    search = ray.load(experiment, "loss", fidelity="epochs")
    search.into(tmp_path / "run", optimizer="hyperband")
    assert sorted(trial.config["epochs"] for trial in trials_of(tmp_path / "run")) == [1, 1, 4, 4, 4, 4]
    assert sorted(trial.id.rpartition("_")[2] for trial in trials_of(tmp_path / "run")) == [
        "0",
        "0",
        "1",
        "1",
        "1",
        "1",
    ]


def test_unfinished_trials_wait(experiment: Path, tmp_path: Path) -> None:
    (state,) = experiment.glob("experiment_state*.json")
    state.write_text(state.read_text().replace("TERMINATED", "RUNNING", 2))
    search = ray.load(experiment, "loss")
    assert len(search.evaluations) == 4 and "2 trial(s) that were not finished" in search.remarks[-1]


def test_a_space_of_ones_own(experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in experiment.glob("*/params.json"):
        path.write_text(json.dumps({"lr": json.loads(path.read_text())["lr"]}))
    (tmp_path / "space.yaml").write_text("pipeline_space:\n  lr: {lower: 0.00001, upper: 1, log: true}\n")
    space = ["--space", tmp_path / "space.yaml"]
    imported(capsys, "ray", experiment, tmp_path / "run", "--metric", "loss", *space)
    stored = neps.load_pipeline_space(tmp_path / "run")
    assert (stored.lr.lower, stored.lr.upper, stored.lr.log) == (1e-5, 1, True)
    (tmp_path / "space.yaml").write_text("lr: {lower: 0.01, upper: 1.0}\n")
    said = refused(capsys, "ray", experiment, tmp_path / "other", "--metric", "loss", *space)
    assert "is outside [0.01, 1.0]" in said
    with pytest.warns(neps.NePSWarning, match=r"5 evaluation\(s\) were not imported"):
        said = imported(capsys, "ray", experiment, tmp_path / "other", "--metric", "loss", *space, "--lenient")
    assert "imported: 1 evaluation(s)" in said


def test_what_is_no_experiment(experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "run"
    assert "there is no folder" in refused(capsys, "ray", tmp_path / "no", root, "--metric", "loss")
    assert "neither experiment_state" in refused(capsys, "ray", DATA / "smac", root, "--metric", "loss")
    said = refused(capsys, "ray", experiment, root, "--metric", "los")
    assert "has reported 'los'" in said and "'loss'" in said
    said = refused(capsys, "ray", experiment, root, "--metric", "trial_id")
    assert "has reported 'trial_id' as a number" in said
    next(experiment.glob("*/params.json")).write_text("{")
    assert "params.json can't be read" in refused(capsys, "ray", experiment, root, "--metric", "loss")
    assert not root.exists()


def test_flat() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": []}, "e": {}}) == {"a/b/c": 1, "a/d": [], "e": {}}


# ---------------------------------------------------------------------- SMAC


def test_seeds_are_one_evaluation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = imported(capsys, "smac", DATA / "smac" / "flat", tmp_path / "run")
    assert "3 configuration(s) had several seeds" in said and "imported: 6 evaluation(s)" in said
    trials = trials_of(tmp_path / "run")
    assert trials[0].objectives == pytest.approx((5.7499632815163,))
    assert trials[0].report is not None and trials[0].report.extra["smac"] == {"config_id": 1, "evaluations": 3}
    assert {"degree" in trial.config for trial in trials} == {True, False}
    assert all(("degree" in trial.config) == (trial.config["kernel"] == "poly") for trial in trials)
    assert "passed over: 6" in imported(capsys, "smac", DATA / "smac" / "flat", tmp_path / "run")


def test_several_objectives_have_smacs_names(tmp_path: Path) -> None:
    smac.load(DATA / "smac" / "several").into(tmp_path / "run")
    assert [set(trial.objectives_by_name) for trial in trials_of(tmp_path / "run")] == [{"error", "time"}] * 12


def test_budgets_are_a_fidelity(tmp_path: Path) -> None:
    search = smac.load(DATA / "smac" / "budgets" / "1")
    assert search.remarks == ["SMAC's budgets are the fidelity 'budget', from 1 to 9."]
    search.into(tmp_path / "run", optimizer="hyperband")
    budgets = [trial.config["budget"] for trial in trials_of(tmp_path / "run")]
    assert sorted(budgets) == [*[1] * 8, 3, 3, 3, 9]


def history_of(folder: Path, change: Any) -> Path:
    """A copy of a run whose `runhistory.json` was changed."""
    shutil.copytree(DATA / "smac" / "flat" / "1", folder)
    history = json.loads((folder / "runhistory.json").read_text())
    (folder / "runhistory.json").write_text(json.dumps(change(history)))
    return folder


def test_what_went_wrong_and_what_runs(tmp_path: Path) -> None:
    def change(history: Any) -> Any:
        for entry, status in zip(history["data"][-5:], (3, 0, 1, 2, 2)):
            entry["status"] = status
        return history

    search = smac.load(history_of(tmp_path / "smac", change))
    assert "1 trial(s) that run are left out." in search.remarks
    search.into(tmp_path / "run")
    trials = trials_of(tmp_path / "run")
    assert [trial.report.err for trial in trials if trial.report and trial.report.err] == [
        "EvaluationError: in SMAC: it took too long"
    ]
    assert trials[-1].objectives == pytest.approx((0.5218610366638,))  # of the one seed that succeeded


def test_the_lists_of_older_versions(tmp_path: Path) -> None:
    def change(history: Any) -> Any:
        without = [{k: v for k, v in entry.items() if k != "cpu_time"} for entry in history["data"]]
        return {**history, "data": [list(entry.values()) for entry in without]}

    assert len(smac.load(history_of(tmp_path / "smac", change)).evaluations) == 6


def test_what_is_no_run_of_smac(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "run"
    assert "there is no runhistory.json" in refused(capsys, "smac", DATA / "ray", root)
    assert "there are 3 runs of SMAC" in refused(capsys, "smac", DATA / "smac", root)
    assert "another form" in refused(capsys, "smac", history_of(tmp_path / "a", lambda history: {"data": [1]}), root)
    assert "no trial" in refused(capsys, "smac", history_of(tmp_path / "b", lambda h: {**h, "data": []}), root)
    broken = history_of(tmp_path / "c", lambda history: history)
    (broken / "configspace.json").write_text("{}")
    assert "holds no space" in refused(capsys, "smac", broken, root)
    (broken / "configspace.json").write_text('{"hyperparameters": 3}')
    assert "ConfigSpace can't read" in refused(capsys, "smac", broken, root)
    assert not root.exists()


# ---------------------------------------------------------------------- what was stopped early


def test_what_was_stopped_early_stays_so_in_another_run(tmp_path: Path) -> None:
    evaluated = [({"x": 0.1}, {"objective_to_minimize": 0.0, "stopped_at": 3}), ({"x": 0.5}, 1.0)]
    neps.import_trials(evaluated, tmp_path / "one", {"x": neps.Float(0, 1)})
    neps.import_trials(tmp_path / "one", tmp_path / "two", {"x": neps.Float(0, 1)})
    assert [trial.was_stopped_early for trial in trials_of(tmp_path / "two")] == [True, False]
    with pytest.raises(neps.NePSError, match="'stopped_at' must be the number of a step, not 'soon'"):
        wrong = [({"x": 0.2}, {"objective_to_minimize": 0.0, "stopped_at": "soon"})]
        neps.import_trials(wrong, tmp_path / "one")
