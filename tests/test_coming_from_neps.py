"""What was written for upstream NePS: names, calls, and programs of the shape of its examples."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import logging
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import neps

# ---------------------------------------------------------------------- names

PLACES = {
    "neps.api": "run import_trials save_pipeline_results load_config create_config load_pipeline_space "
    "load_optimizer_info analyze",
    "neps.clean.clean": "clean_failed_trials clean_trials_by_id clean_trials_by_state",
    "neps.clean": "clean_failed_trials clean_trials_by_id clean_trials_by_state",
    "neps.exceptions": "NePSError TrialAlreadyExistsError TrialNotFoundError TrialValidationError WorkerRaiseError "
    "LockFailedError",
    "neps.optimizers": "PredefinedOptimizers OptimizerChoice AskFunction",
    "neps.optimizers.algorithms": "PredefinedOptimizers OptimizerChoice custom determine_optimizer_automatically "
    "random_search grid_search hyperband asha async_hb successive_halving priorband bayesian_optimization pibo "
    "neps_random_search neps_grid_search neps_hyperband neps_priorband",
    "neps.optimizers.ask_and_tell": "AskAndTell",
    "neps.optimizers.optimizer": "AskFunction SampledConfig",
    "neps.plot.plot": "plot",
    "neps.plot.tensorboard_eval": "tblogger",
    "neps.runtime": "get_in_progress_trial is_in_progress_trial_set",
    "neps.space": "HPOFloat HPOInteger HPOCategorical HPOConstant SearchSpace",
    "neps.space.parameters": "HPOFloat HPOInteger HPOCategorical HPOConstant",
    "neps.space.search_space": "SearchSpace",
    "neps.space.neps_spaces.parameters": "PipelineSpace Float Integer Categorical Fidelity IntegerFidelity "
    "FloatFidelity Operation Repeated Resample ByName Lazy ConfidenceLevel",
    "neps.space.neps_spaces.neps_space": "convert_operation_to_callable",
    "neps.state": "Trial State BudgetInfo",
    "neps.state.optimizer": "BudgetInfo",
    "neps.state.pipeline_eval": "UserResultDict",
    "neps.state.trial": "Trial State Report MetaData",
    "neps.status.status": "status",
    "neps.utils": "load_trials_from_pickle convert_operation_to_callable load_checkpoint save_checkpoint "
    "load_lightning_checkpoint load_and_merge_yamls",
    "neps.utils.common": "load_checkpoint save_checkpoint load_lightning_checkpoint get_initial_directory "
    "extract_keyword_defaults",
    "neps.utils.files": "load_and_merge_yamls",
    "neps.utils.trial_io": "load_trials_from_pickle",
    "neps": "AskAndTell BudgetInfo ByName Categorical ConfidenceLevel Fidelity Float FloatFidelity HPOCategorical "
    "HPOConstant HPOFloat HPOInteger Integer IntegerFidelity Operation PipelineSpace Resample SampledConfig "
    "SearchSpace Trial UserResultDict algorithms analyze convert_operation_to_callable create_config import_trials "
    "load_and_merge_yamls load_config load_optimizer_info load_pipeline_space plot run save_pipeline_results status "
    "tblogger",
}


@pytest.mark.parametrize("module", PLACES)
def test_names_are_where_scripts_import_them_from(module: str) -> None:
    found = importlib.import_module(module)
    for name in PLACES[module].split():
        assert getattr(found, name) is not None, name


def test_what_has_several_places_is_one_thing() -> None:
    from neps.api import run
    from neps.optimizers.algorithms import hyperband
    from neps.space.neps_spaces.parameters import Float
    from neps.state.trial import State, Trial

    assert run is neps.run and Float is neps.Float and Trial is neps.Trial and Trial.State is State
    assert hyperband is neps.algorithms.hyperband


@pytest.mark.parametrize("name", ["status", "plot", "clean"])
def test_modules_that_are_functions(name: str, tmp_path: Path) -> None:
    function = getattr(neps, name)
    assert importlib.import_module(f"neps.{name}") is function
    assert next(iter(inspect.signature(function).parameters)) == "root_directory"
    assert "root_directory" in inspect.getdoc(function)
    assert pickle.loads(pickle.dumps(function)) is function
    with pytest.raises(FileNotFoundError):
        function(tmp_path)


# ---------------------------------------------------------------------- optimizers as functions


def flat() -> neps.PipelineSpace:
    class Space(neps.PipelineSpace):
        x = neps.Float(0.0, 1.0)

    return Space()


def test_an_optimizer_looks_like_a_function() -> None:
    function = neps.algorithms.bayesian_optimization
    assert function.__name__ == "bayesian_optimization"
    parameters = inspect.signature(function).parameters
    assert next(iter(parameters)) == "pipeline_space" and parameters["initial_design_size"].default == "ndim"
    assert "initial_design_size" in inspect.getdoc(function)
    assert pickle.loads(pickle.dumps(function)) is function
    made = function(pipeline_space=flat(), initial_design_size=3)
    assert neps.AskAndTell(made, seed=1).ask().config


def test_every_installed_optimizer_is_in_the_mapping() -> None:
    from neps.optimizers.algorithms import OptimizerChoice, PredefinedOptimizers
    from neps.utils.common import extract_keyword_defaults

    assert set(PredefinedOptimizers) == set(OptimizerChoice) >= {"random_search", "neps_hyperband"}
    assert len(PredefinedOptimizers) == len(list(PredefinedOptimizers))
    assert PredefinedOptimizers["hyperband"] is neps.algorithms.hyperband
    assert PredefinedOptimizers.get("no_such") is None
    defaults = extract_keyword_defaults(PredefinedOptimizers.get("bayesian_optimization"))
    assert defaults["initial_design_size"] == "ndim" and "pipeline_space" not in defaults


def test_which_optimizer_auto_is() -> None:
    from neps.optimizers.algorithms import determine_optimizer_automatically

    assert determine_optimizer_automatically(flat()) == "bayesian_optimization"


class Middle:
    """An optimizer as upstream documents them: a class made of the space."""

    def __init__(self, space: Any, at: float = 0.5) -> None:
        self.at = at

    def __call__(self, trials: Any, budget_info: Any, n: int | None = None) -> neps.SampledConfig:
        return neps.SampledConfig(id=str(len(trials) + 1), config={"x": self.at})


def objective(x: float) -> float:
    return x


def test_an_optimizer_of_ones_own_with_a_name(root: Path) -> None:
    custom = neps.algorithms.custom("mine", Middle, kwargs={"at": 0.25})
    result = neps.run(objective, flat(), root_directory=root, evaluations_to_spend=2, optimizer=custom)
    assert {trial.config["x"] for trial in result.trials.values()} == {0.25}
    info = neps.load_optimizer_info(root)
    assert "mine" in info["name"] and info["info"] == {"at": 0.25}
    with pytest.raises(neps.NePSError, match="no keyword 'where'"):
        neps.run(
            objective,
            flat(),
            root_directory=root,
            evaluations_to_spend=1,
            optimizer=neps.algorithms.custom("mine", Middle, kwargs={"where": 0.25}),
        )


def test_an_optimizer_that_is_made_already(root: Path) -> None:
    custom = neps.algorithms.custom("mine", Middle(None, 0.75), initialized=True)
    result = neps.run(objective, flat(), root_directory=root, evaluations_to_spend=2, optimizer=custom)
    assert {trial.config["x"] for trial in result.trials.values()} == {0.75}


def test_a_partial_is_the_optimizer_that_it_is(root: Path) -> None:
    chosen = functools.partial(neps.algorithms.bayesian_optimization, initial_design_size=2)
    neps.run(objective, flat(), root_directory=root, evaluations_to_spend=3, optimizer=chosen)
    info = neps.load_optimizer_info(root)
    assert info["name"] == "bayesian_optimization" and info["info"]["initial_design_size"] == 2


# ---------------------------------------------------------------------- calls


def test_no_optimizer_is_auto(root: Path) -> None:
    neps.run(objective, flat(), root_directory=root, evaluations_to_spend=1, optimizer=None)
    assert neps.load_optimizer_info(root)["name"] == "bayesian_optimization"
    neps.run(objective, root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    neps.run(objective, root_directory=root, evaluations_to_spend=1, optimizer=None)
    assert neps.load_optimizer_info(root)["name"] == "random_search"


def test_names_of_the_budget_of_a_call(root: Path) -> None:
    result = neps.run(objective, flat(), root_directory=root, max_evaluations_per_run=2, optimizer="random_search")
    assert len(result.trials) == 2
    with pytest.raises(neps.NePSError, match="names for one thing"):
        neps.run(objective, root_directory=root, max_evaluations_per_run=2, worker_evaluations_to_spend=3)


def test_what_a_budget_info_is_asked_and_told() -> None:
    info = neps.BudgetInfo(worker_cost_to_spend=10, used_cost_budget=2.5, total_evaluations_to_spend=20)
    assert info.total_cost_to_spend == info.max_cost == 10 and info.used_cost == info.used_cost_budget == 2.5
    assert info.worker_evaluations_to_spend == 20 and info.used_evaluations == 0
    assert info.worker_fidelities_to_spend is None
    assert info == neps.BudgetInfo({"cost": 10, "evaluations": 20}, {"cost": 2.5})
    for wrong in ({"used_money": 3}, {"fraction_spent": 0.5}, {"used_cost": "three"}):
        with pytest.raises(neps.NePSError, match=next(iter(wrong))):
            neps.BudgetInfo(**wrong)


def test_asking_with_a_budget_and_a_name_of_the_worker() -> None:
    seen = []

    def optimizer(trials: Any, budget_info: Any) -> neps.SampledConfig:
        seen.append(budget_info)
        return neps.SampledConfig({"x": 0.5})

    loop = neps.AskAndTell(optimizer, worker_id="mine")
    budget = neps.BudgetInfo(worker_evaluations_to_spend=3)
    trial = loop.ask(budget_info=budget)
    assert seen == [budget]
    assert trial.metadata.sampling_worker_id == trial.metadata.evaluating_worker_id == "mine"


def test_telling_when_and_how_long() -> None:
    loop = neps.AskAndTell(neps.algorithms.random_search(flat()))
    first, second, third = loop.ask(3)
    told = loop.tell(first, 0.5, time_end=first.metadata.time_started + 7)
    assert told.metadata.time_end == first.metadata.time_started + 7
    assert told.report.evaluation_duration == pytest.approx(7)
    assert loop.tell(second, 0.5, evaluation_duration=3).report.evaluation_duration == 3
    failed = loop.tell(third, {"exception": ValueError("no")}, traceback_str="in line 7")
    assert failed.report.tb == "in line 7" and failed.state is neps.Trial.State.FAILED
    with pytest.raises(neps.NePSError, match="time_end"):
        loop.tell(loop.ask(), 0.5, time_end="yesterday")


def test_telling_of_what_was_not_asked_for() -> None:
    loop = neps.AskAndTell(neps.algorithms.random_search(flat()))
    loop.tell_custom(config_id="old", config={"x": 0.5}, result=1.0)
    told = loop.tell_custom(
        config_id="new",
        config={"x": 0.5},
        result=0.5,
        time_sampled=10.0,
        time_started=11.0,
        time_end=15.0,
        evaluation_duration=4.0,
        previous_trial_id="old",
        worker_id="elsewhere",
        location="/somewhere",
    )
    about = told.metadata
    assert (about.time_sampled, about.time_started, about.time_end) == (10.0, 11.0, 15.0)
    assert (about.previous_trial_id, about.sampling_worker_id, about.evaluating_worker_id) == (
        "old",
        "elsewhere",
        "elsewhere",
    )
    assert told.report.evaluation_duration == 4.0
    unknown = loop.tell_custom(config_id="later", config={"x": 0.5}, result=0.5, time_sampled=math.nan)
    assert unknown.metadata.time_sampled is None
    with pytest.raises(neps.NePSError, match="no trial 'nobody'"):
        loop.tell_custom(config_id="third", config={"x": 0.5}, result=0.5, previous_trial_id="nobody")


def test_loading_a_configuration_by_space_and_content(root: Path) -> None:
    assert neps.load_config(flat(), {"x": 0.25}) == {"x": 0.25}
    assert neps.load_config(pipeline_space=flat(), config={"x": 0.25}) == {"x": 0.25}
    neps.run(objective, flat(), root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    assert neps.load_config(config_path=root / "configs/config_1/config.yaml", pipeline_space=flat())
    assert neps.load_config(root, config_id="config_1")


def test_loading_a_configuration_by_position(root: Path) -> None:
    neps.run(objective, flat(), root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    arguments = neps.load_config(root, config_id="1")
    path = root / "configs/config_1/config.yaml"
    assert neps.load_config(flat(), None, root, "1") == arguments
    assert neps.load_config(None, None, str(path)) == arguments
    assert neps.load_config(flat(), config_path=path) == arguments
    assert neps.load_config(flat(), {"x": 0.25}, None, None) == {"x": 0.25}
    with pytest.raises(neps.NePSError, match="pipeline_space= was given"):
        neps.load_config(flat(), {"x": 0.25}, pipeline_space=flat())


def test_merging_open_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("evaluations_to_spend: 3\n")
    (tmp_path / "b.yaml").write_text("root_directory: results\n")
    with (tmp_path / "a.yaml").open() as file:
        merged = neps.load_and_merge_yamls(file, tmp_path / "b.yaml")
    assert merged == {"evaluations_to_spend": 3, "root_directory": "results"}
    with (tmp_path / "a.yaml").open() as file, pytest.raises(neps.NePSError, match=r"both in .*a\.yaml and in"):
        neps.load_and_merge_yamls(tmp_path / "a.yaml", file)


def test_making_a_configuration_says_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    answers = iter(["1", "sgd", "64"])

    def answer(text: str) -> str:
        asked.append(text)
        return next(answers)

    monkeypatch.setattr("builtins.input", answer)

    class Space(neps.PipelineSpace):
        optimizer = neps.Categorical(["adam", "sgd"])
        other = neps.Categorical(["adam", "sgd"])
        batch_size = neps.Categorical([32, 64])

    _, arguments = neps.create_config(Space())
    assert arguments == {"optimizer": "sgd", "other": "sgd", "batch_size": 64}
    assert "a choice or its index: 0: adam, 1: sgd" in asked[0]
    assert "one of 32, 64" in asked[2]


def test_an_index_is_not_taken_where_it_could_be_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["0", "2"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    _, arguments = neps.create_config({"layers": neps.Categorical([2, 1])})
    assert arguments == {"layers": 2}


def test_pictures_while_the_run_goes_on(root: Path) -> None:
    pytest.importorskip("matplotlib")
    there = []

    def evaluate(x: float) -> float:
        there.append([path.suffix for path in (root / "summary").glob("*.png")])
        return x

    neps.run(evaluate, flat(), root_directory=root, evaluations_to_spend=2, optimizer="random_search", live_plots=True)
    assert there[0] == [] and there[1]
    for path in (root / "summary").iterdir():
        path.unlink()
    neps.analyze(root)
    assert {path.suffix for path in (root / "summary").iterdir()} == {".png", ".csv", ".txt"}


# ---------------------------------------------------------------------- programs of the shape of upstream's examples


def test_looking_at_a_run(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def evaluate_pipeline(float1: float, categorical: int, integer1: int) -> dict[str, Any]:
        return {"objective_to_minimize": -float(float1 + categorical + integer1), "info_dict": {"train_time": 0.1}}

    class HPOSpace(neps.PipelineSpace):
        float1 = neps.Float(lower=0, upper=1)
        categorical = neps.Categorical(choices=(0, 1))
        integer1 = neps.Integer(lower=0, upper=1)

    logging.getLogger("neps").setLevel(logging.INFO)
    neps.run(
        evaluate_pipeline=evaluate_pipeline,
        pipeline_space=HPOSpace(),
        root_directory=root,
        worker_evaluations_to_spend=5,
        optimizer="neps_random_search",
    )
    full, summary = neps.status(root, print_summary=True)
    assert capsys.readouterr().out
    assert full.loc["1"]["objective_to_minimize"] <= 0
    assert summary["best_config_id"] in full.index and summary["num_success"] == 5


def test_results_that_come_from_another_program(root: Path) -> None:
    waiting = []

    def evaluate_pipeline(pipeline_id: str, pipeline_directory: Path, learning_rate: float) -> None:
        (pipeline_directory / "job.json").write_text(json.dumps({"learning_rate": learning_rate}))
        waiting.append(pipeline_id)

    class Space(neps.PipelineSpace):
        learning_rate = neps.Float(1e-6, 1e-2, log=True)

    neps.run(evaluate_pipeline, Space(), root_directory=root, evaluations_to_spend=2, optimizer="random_search")
    good = {"objective_to_minimize": 0.25, "cost": 3.0}
    neps.save_pipeline_results(user_result=good, pipeline_id=int(waiting[0]), root_directory=root)
    bad = {"objective_to_minimize": None, "cost": None, "exception": ValueError("no data")}
    neps.save_pipeline_results(user_result=bad, pipeline_id=waiting[1], root_directory=root)
    states = [trial.state.value for trial in neps.AskAndTell("auto", root_directory=root).trials.values()]
    assert states == ["success", "failed"]


def test_a_loop_of_ones_own_that_submits_jobs(tmp_path: Path) -> None:
    class MySpace(neps.PipelineSpace):
        a = neps.IntegerFidelity(1, 9)
        b = neps.Float(1, 5)

    from neps.optimizers.ask_and_tell import AskAndTell

    loop = AskAndTell(neps.algorithms.neps_hyperband(MySpace(), eta=3))
    active = {}
    for _ in range(9):
        trial = loop.ask()
        (tmp_path / f"trial_{trial.id}.json").write_text(json.dumps({"id": trial.id, "config": trial.config}))
        active[trial.id] = trial
    for trial in active.values():
        config = json.loads((tmp_path / f"trial_{trial.id}.json").read_text())["config"]
        loop.tell(trial, {"objective_to_minimize": (config["b"] - 2) ** 2 / config["a"]})
    promoted = loop.ask()
    assert promoted.id.endswith("_rung_1") and promoted.config["a"] == 3


def test_going_on_with_the_trials_of_another_study(tmp_path: Path) -> None:
    class ExampleSpace(neps.PipelineSpace):
        float1 = neps.Float(lower=0, upper=1)
        float2 = neps.Fidelity(neps.Float(lower=1, upper=10))
        categorical = neps.Categorical(choices=[0, 1])

    def evaluate_pipeline(float1: float, float2: float, categorical: int) -> float:
        return -float(float1 + float2 + categorical)

    neps.run(
        evaluate_pipeline=evaluate_pipeline,
        pipeline_space=ExampleSpace(),
        root_directory=tmp_path / "old",
        overwrite_root_directory=True,
        fidelities_to_spend=5,
        optimizer="successive_halving",
    )
    trials = neps.utils.load_trials_from_pickle(root_dir=tmp_path / "old")
    neps.import_trials(
        evaluated_trials=trials,
        root_directory=tmp_path / "new",
        pipeline_space=ExampleSpace(),
        overwrite_root_directory=True,
        optimizer="hyperband",
    )
    foreign = [
        ({"float1": 0.5, "float2": 3.3, "categorical": 1}, neps.UserResultDict(objective_to_minimize=-4.8)),
        ({"float1": 0.25, "categorical": 0}, neps.UserResultDict(objective_to_minimize=-1.0)),
        (
            {
                "ENVIRONMENT__float2": 1,
                "SAMPLING__Resolvable.categorical::categorical__2": 0,
                "SAMPLING__Resolvable.float1::float__0_1_False": 0.125,
            },
            neps.UserResultDict(objective_to_minimize=-1.5),
        ),
    ]
    ids = neps.import_trials(
        evaluated_trials=foreign,
        root_directory=tmp_path / "new",
        pipeline_space=ExampleSpace(),
        optimizer="hyperband",
    )
    result = neps.run(
        evaluate_pipeline=evaluate_pipeline,
        pipeline_space=ExampleSpace(),
        root_directory=tmp_path / "new",
        fidelities_to_spend=10,
        optimizer="hyperband",
    )
    assert result.trials[ids[1]].config["float2"] == 10.0
    assert result.trials[ids[2]].config == {"float1": 0.125, "float2": 1.0, "categorical": 0}
    assert len(result.trials) > len(trials) + 3


def test_the_folder_in_which_a_configuration_began(root: Path) -> None:
    from neps.utils.common import get_initial_directory

    class Space(neps.PipelineSpace):
        x = neps.Float(0.0, 1.0)
        epochs = neps.IntegerFidelity(1, 9)

    began = {}

    def evaluate(x: float, epochs: int, pipeline_id: str, pipeline_directory: Path) -> float:
        began[pipeline_id] = get_initial_directory(pipeline_directory).name
        assert get_initial_directory() == get_initial_directory(pipeline_directory)
        return x / epochs

    neps.run(evaluate, Space(), root_directory=root, evaluations_to_spend=12, optimizer="successive_halving")
    assert {f"config_{trial_id.partition('_')[0]}_rung_0" for trial_id in began} == set(began.values())
    with pytest.raises(RuntimeError):
        get_initial_directory()


def test_an_optimizer_that_is_searched(root: Path) -> None:
    """Operators from the standard library, and a class that is built by a function."""

    class OptimizerSpace(neps.PipelineSpace):
        _functions = neps.Categorical(choices=(math.sqrt, math.log1p, math.exp, abs))
        _learning_rate = neps.Float(0.0001, 0.01, log=True)
        optimizer_class = neps.Operation(
            operator=make_optimizer,
            args=(neps.Resample(_functions), neps.Resample(_functions)),
            kwargs={"learning_rate": neps.Resample(_learning_rate)},
        )

    def evaluate_pipeline(optimizer_class: Any) -> float:
        return float(optimizer_class().step(1.0))

    neps.run(evaluate_pipeline, OptimizerSpace(), root_directory=root, evaluations_to_spend=3)
    assert neps.status(root)[1]["num_success"] == 3
    assert neps.load_config(root, config_id="1")["optimizer_class"]().step(1.0) >= 0


def make_optimizer(*functions: Any, learning_rate: float) -> type:
    class Optimizer:
        def step(self, x: float) -> float:
            for function in functions:
                x = function(x)
            return learning_rate * x

    return Optimizer


def test_commands(root: Path) -> None:
    neps.run(objective, flat(), root_directory=root, evaluations_to_spend=6, optimizer="random_search", seed=1)
    for module, *flags in (["status", "--best_configs"], ["clean", "--dry_run"]):
        call = [sys.executable, "-m", f"neps.{module}", str(root), *flags]
        done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0 and done.stdout, (call, done.stderr)
        told = [line.split()[3].rstrip(",") for line in done.stdout.splitlines() if line.startswith("Was best:")]
        if module == "status":
            best = (root / "summary/best_config_trajectory.txt").read_text()
            assert told == [line.split()[2] for line in best.splitlines() if line.startswith("Config ID:")]


def test_a_state_reads_as_its_value() -> None:
    assert f"{neps.Trial.State.FAILED} {neps.Trial.State.SUCCESS!s}" == "failed success"
