"""What the user's process has set for itself changes nothing here: NumPy's errors, warnings, the working directory."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest

import neps
from neps.testing import gallery, simulate
from neps_core import NePSError, NePSWarning
from neps_core.errors import warn

OPTIMIZERS = [
    ("random_search", {"use_priors": True, "ignore_fidelity": True}),
    ("grid_search", {"ignore_fidelity": True}),
    "successive_halving",
    ("hyperband", {"sampler": "bayesian_optimization"}),
    "asha",
    "async_hb",
    ("priorband", {"base": "asha", "bayesian_optimization_kick_in_point": 2}),
    ("bayesian_optimization", {"initial_design_size": 3, "ignore_fidelity": True, "cost_aware": True}),
    ("pibo", {"initial_design_size": 3, "ignore_fidelity": True}),
    ("tpe", {"initial_design_size": 3, "ignore_fidelity": True}),
]


def worth(config, _):
    number = sum(value for value in config.values() if isinstance(value, float))
    return {"objective_to_minimize": number * 1e-200, "cost": 1 + abs(number)}, 1.0


def proposals(optimizer):
    found = {}
    for name, space in gallery().items():
        try:
            run = simulate(optimizer, space, worth, n_workers=2, seed=2, max_evaluations=7)
        except NePSError as refused:
            assert "needs" in str(refused) or "fidelit" in str(refused)
        else:
            found[name] = [trial.config for trial in run.trials.values()]
    return found


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_optimizers_propose_the_same(optimizer):
    before = np.geterr()
    usual = proposals(optimizer)
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert proposals(optimizer) == usual
    assert np.geterr() == before


def test_a_run_where_everything_is_an_error(root):
    cs = pytest.importorskip("ConfigSpace")
    space = cs.ConfigurationSpace()
    space.add(
        cs.Float("x", (0, 1), distribution=cs.Normal(0.3, 1e-6)), cs.Integer("i", (1, 9), distribution=cs.Beta(2, 9))
    )
    settings = {}

    def evaluate(x, i):
        settings.update(np.geterr())  # in the user's own function, the user's own settings
        neps.report(x)
        return x + i

    run = {"root_directory": root, "evaluations_to_spend": 5, "optimizer": ("pibo", {"initial_design_size": 2})}
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        neps.run(evaluate, space, **run, stopping_rule="median")
        neps.run(evaluate, **run)
    assert set(settings.values()) == {"raise"}


def test_our_own_warnings_stop_nothing(caplog):
    with pytest.warns(NePSWarning, match="odd"):
        warn("odd")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn("odd")
    assert "odd" in caplog.text


def test_another_working_directory(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    folders = []

    def evaluate(x, pipeline_directory):
        folders.append(Path(pipeline_directory))
        (Path(pipeline_directory) / "mine").touch()
        os.chdir(tmp_path / "elsewhere" if len(folders) % 2 else tmp_path)
        neps.report(x)
        return x

    space = {"x": neps.Float(0, 1)}
    result = neps.run(evaluate, space, root_directory="run", evaluations_to_spend=5, optimizer="random_search")
    assert len(result.trials) == 5 and not any((tmp_path / "elsewhere").iterdir())
    assert all(folder.is_absolute() and (folder / "mine").exists() for folder in folders)
    assert len(list((tmp_path / "run" / "configs").iterdir())) == 5
