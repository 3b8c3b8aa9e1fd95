"""What a trial of a search does: fit and score the estimator on each fold, and keep what a table of results needs."""

from __future__ import annotations

import json
import pickle
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from attrs import evolve, frozen
from sklearn.base import clone, is_classifier
from sklearn.model_selection._validation import _fit_and_score  # the one that scikit-learn's own searches call
from sklearn.utils import resample
from sklearn.utils.validation import _num_samples

from neps_plugins.sklearn.fidelity import FOLDS, PASSES, SAMPLES, FidelityOfSearch
from neps_plugins.sklearn.iterations import WarmStart, fitted_by_passes, warm_start_of

#: The files in a trial's folder that one which continues it begins with: what its folds came to, or its models.
FOLDS_KEPT, MODELS_KEPT = "folds.json", "models.joblib"


@frozen(eq=False)
class Data:
    """What all evaluations of a search share, and what may be large.

    Attributes:
        X: The samples.
        y: The targets; None if there are none.
        splits: Indices of the training and of the test samples, for each fold.
        fit_params: For the estimator's `fit`.
        score_params: For the scorer.
    """

    X: Any
    y: Any
    splits: list[tuple[Any, Any]]
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]


@contextmanager
def filed(evaluation: Evaluation, beside: Path | None) -> Iterator[Evaluation]:
    """The evaluation with its data in a file, so that they don't travel with each trial.

    Args:
        evaluation: With the data.
        beside: A folder that other hosts see, too, in which one is made for the file; None for a temporary one.
    """
    if beside is not None:
        beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="neps-data-", dir=beside, ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "data.joblib"
        joblib.dump(evaluation.data, file)
        yield evolve(evaluation, data=file)


@lru_cache(maxsize=2)
def _loaded(file: str) -> Data:
    data: Data = joblib.load(file, mmap_mode="r")
    return data


@frozen(eq=False)
class Evaluation:
    """The function that a search minimises: minus the mean test score.

    Attributes:
        data: The samples, or the file that they are in, for other processes.
        estimator: Not fitted.
        scorer: What scikit-learn's `check_scoring` gives, or a function.
        error_score: The score where fitting fails; `"raise"` to let it.
        return_train_score: Whether to score the training samples, too.
        verbose: As for scikit-learn's searches.
        fidelity: What is saved at first, if anything.
        seed: Of the choice of samples.
        key: Tells the data and the estimator from others; kept with each trial.
    """

    data: Data | Path
    estimator: Any
    scorer: Any
    error_score: Any
    return_train_score: bool = False
    verbose: int = 0
    fidelity: FidelityOfSearch | None = None
    seed: int = 0
    key: str | None = None

    def __call__(
        self, pipeline_directory: Path, previous_pipeline_directory: Path | None = None, **params: Any
    ) -> dict[str, Any]:
        """Evaluate a configuration.

        Args:
            pipeline_directory: The trial's folder.
            previous_pipeline_directory: That of the trial at a lower fidelity that this one continues, if any.
            **params: The estimator's parameters, and the fidelity.

        Returns:
            What `neps.run` takes; the scores and times of each fold in `info_dict`.
        """
        data = _loaded(str(self.data)) if isinstance(self.data, Path) else self.data
        n_splits, share = len(data.splits), 1.0
        amount: Any = None
        warm: WarmStart | None = None
        if self.fidelity is not None:
            amount = params[self.fidelity.name]
            if not self.fidelity.is_parameter:
                del params[self.fidelity.name]
            if self.fidelity.name == FOLDS:
                n_splits = int(amount)
            elif self.fidelity.name == SAMPLES:
                share = float(amount) / _num_samples(data.X)
            elif self.fidelity.is_parameter:
                candidate = clone(self.estimator).set_params(**clone(params, safe=False))
                warm = warm_start_of(candidate, self.fidelity.name)
        goes_on = warm is not None or (self.fidelity is not None and self.fidelity.name == PASSES)
        previous = None if previous_pipeline_directory is None else Path(previous_pipeline_directory)
        before = self._kept_folds(previous)
        models, amount_before = _kept_models(previous) if goes_on else (None, None)
        outcomes, fitted = [], []
        for i in range(len(before), n_splits):
            model = None if models is None else models[i]
            more = amount if model is None else amount - amount_before
            outcomes.append(self._fold(data, i, share, params, model, more, warm))
            model = outcomes[-1].pop("estimator")
            fitted.append(model if outcomes[-1]["fit_error"] is None else None)
        if self.fidelity is not None and amount < self.fidelity.upper:
            if self.fidelity.name == FOLDS:
                (Path(pipeline_directory) / FOLDS_KEPT).write_text(json.dumps([*before, *outcomes], default=float))
            elif goes_on:
                _keep_models(Path(pipeline_directory), fitted, amount)
        if previous is not None:  # nobody else goes on from there
            for name in (FOLDS_KEPT, MODELS_KEPT):
                (previous / name).unlink(missing_ok=True)
        cost = sum(each["fit_time"] + each["score_time"] for each in outcomes)
        return {**self._result([*before, *outcomes]), "cost": cost}

    def _kept_folds(self, previous: Path | None) -> list[dict[str, Any]]:
        """What the folds came to that the trial which this one continues was scored on."""
        file = None if previous is None else previous / FOLDS_KEPT
        folds: list[dict[str, Any]] = [] if file is None or not file.exists() else json.loads(file.read_text())
        return folds

    def _fold(
        self, data: Data, i: int, share: float, params: dict[str, Any], model: Any, more: Any, warm: WarmStart | None
    ) -> dict[str, Any]:
        """Fit and score on one fold, as scikit-learn does.

        Args:
            data: All of it.
            i: The fold.
            share: Of the training samples that are used.
            params: The estimator's parameters.
            model: What it goes on with; None to begin anew.
            more: How much further it goes, from where it is, along the fidelity.
            warm: How it is told to go on, if by `warm_start`.
        """
        train, test = data.splits[i]
        if share < 1.0:
            train = self._part(data, train, share, self.seed + i)
        given = dict(params)
        if model is not None:  # the estimators among them have been fitted by now
            given = {name: value for name, value in params.items() if not hasattr(value, "get_params")}
        if warm is not None and self.fidelity is not None:
            given[warm.name] = True
            if not warm.is_total:
                given[self.fidelity.name] = more
        is_new = model is None
        model = clone(self.estimator) if is_new else model
        by_passes = self.fidelity is not None and self.fidelity.name == PASSES
        with fitted_by_passes(model, int(more), is_new) if by_passes else nullcontext():
            outcome: dict[str, Any] = _fit_and_score(
                model,
                data.X,
                data.y,
                scorer=self.scorer,
                train=train,
                test=test,
                verbose=self.verbose,
                parameters=given,
                fit_params=data.fit_params,
                score_params=data.score_params,
                return_train_score=self.return_train_score,
                return_times=True,
                return_estimator=True,
                split_progress=(i, len(data.splits)),
                error_score=self.error_score,
            )
        return outcome

    def _part(self, data: Data, train: Any, share: float, seed: int) -> Any:
        """A part of the training samples, with the classes in their shares where there are enough of each."""
        train = np.asarray(train)
        n = max(1, round(share * len(train)))
        stratify = None
        if is_classifier(self.estimator) and data.y is not None and np.ndim(data.y) == 1:
            classes = np.asarray(data.y)[train]
            counts = np.unique(classes, return_counts=True)[1]
            if counts.min() > 1 and n >= len(counts) and len(train) - n >= len(counts):
                stratify = classes
        return resample(train, replace=False, n_samples=n, random_state=seed, stratify=stratify)

    def _result(self, outcomes: list[dict[str, Any]]) -> dict[str, Any]:
        info: dict[str, Any] = {"fit_time": [each["fit_time"] for each in outcomes]}
        info["score_time"] = [each["score_time"] for each in outcomes]
        for key in ("test_scores", "train_scores") if self.return_train_score else ("test_scores",):
            info[key] = _by_name([each[key] for each in outcomes], self.error_score)
        if any(each["fit_error"] is not None for each in outcomes):
            info["fit_errors"] = [each["fit_error"] for each in outcomes]
        if self.key is not None:
            info["key"] = self.key
        means = {name: -float(np.mean(values)) for name, values in info["test_scores"].items()}
        return {
            "objective_to_minimize": means if set(means) != {"score"} else means["score"],
            "info_dict": info,
        }


def _by_name(scores: list[Any], error_score: Any) -> dict[str, list[float]]:
    """The folds' scores by the name of the scorer; where a function that gives several failed, all of them failed."""
    names = next((list(each) for each in scores if isinstance(each, dict)), None)
    if names is None:
        return {"score": [float(each) for each in scores]}
    return {name: [float(each[name] if isinstance(each, dict) else error_score) for each in scores] for name in names}


def _kept_models(previous: Path | None) -> tuple[list[Any] | None, Any]:
    """The models of the trial that this one continues, and their iterations; None if there are none."""
    file = None if previous is None else previous / MODELS_KEPT
    if file is None or not file.exists():
        return None, None
    models, amount = joblib.load(file)
    return models, amount


def _keep_models(folder: Path, models: list[Any], amount: Any) -> None:
    """Leave in the trial's folder what one that continues it begins with."""
    try:
        joblib.dump((models, amount), folder / MODELS_KEPT)
    except (pickle.PicklingError, AttributeError, TypeError):  # the user's class: it is fitted anew, then
        (folder / MODELS_KEPT).unlink(missing_ok=True)
