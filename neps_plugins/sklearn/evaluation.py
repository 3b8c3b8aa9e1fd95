"""What a trial of a search does: fit and score the estimator on each fold, and keep what a table of results needs."""

from __future__ import annotations

import json
import pickle
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from attrs import evolve, field, frozen
from sklearn.base import clone, is_classifier
from sklearn.model_selection._validation import _fit_and_score  # the one that scikit-learn's own searches call
from sklearn.utils import resample
from sklearn.utils.validation import _num_samples

from neps_plugins.sklearn.fidelity import FOLDS, SAMPLES, FidelityOfSearch

#: The files in a trial's folder that one which continues it begins with: what its folds came to, or its models.
FOLDS_KEPT, MODELS_KEPT = "folds.json", "models.joblib"

#: Estimators whose `max_iter` says how many iterations there are in all; with `warm_start`, others add as many.
_TOTAL = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")


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
    _warm: tuple[str, str] | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_warm", self._warm_start())

    def _warm_start(self) -> tuple[str, str] | None:
        """The parameter `warm_start` beside the one that is the fidelity, and how that is counted; None if there is
        none.
        """
        if self.fidelity is None or self.fidelity.is_of_data:
            return None
        step, _, last = self.fidelity.name.rpartition("__")
        name = f"{step}__warm_start" if step else "warm_start"
        parameters = self.estimator.get_params()
        if name not in parameters:
            return None
        owner = type(parameters[step] if step else self.estimator).__name__
        return name, "all" if last != "max_iter" or owner in _TOTAL else "further"

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
        if self.fidelity is not None:
            amount = params[self.fidelity.name]
            if self.fidelity.name == FOLDS:
                n_splits = int(params.pop(FOLDS))
            elif self.fidelity.name == SAMPLES:
                share = float(params.pop(SAMPLES)) / _num_samples(data.X)
        previous = None if previous_pipeline_directory is None else Path(previous_pipeline_directory)
        before = self._kept_folds(previous)
        models, amount_before = self._kept_models(previous, n_splits)
        outcomes, fitted = [], []
        for i in range(len(before), n_splits):
            outcomes.append(self._fold(data, i, share, params, models[i], amount, amount_before))
            fitted.append(outcomes[-1].pop("estimator"))
        if self.fidelity is not None and amount < self.fidelity.upper:
            self._keep(Path(pipeline_directory), [*before, *outcomes], fitted, amount)
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

    def _kept_models(self, previous: Path | None, n_splits: int) -> tuple[list[Any], Any]:
        """The models of the trial that this one continues, and their iterations."""
        file = None if previous is None or self._warm is None else previous / MODELS_KEPT
        if file is None or not file.exists():
            return [None] * n_splits, None
        models, amount = joblib.load(file)
        return models, amount

    def _keep(self, folder: Path, outcomes: list[dict[str, Any]], models: list[Any], amount: Any) -> None:
        """Leave in the trial's folder what one that continues it begins with."""
        if self.fidelity is not None and self.fidelity.name == FOLDS:
            (folder / FOLDS_KEPT).write_text(json.dumps(outcomes, default=float))
        elif self._warm is not None:
            try:
                joblib.dump((models, amount), folder / MODELS_KEPT)
            except (pickle.PicklingError, AttributeError, TypeError):  # the user's class: it is fitted anew, then
                (folder / MODELS_KEPT).unlink(missing_ok=True)

    def _fold(
        self, data: Data, i: int, share: float, params: dict[str, Any], model: Any, amount: Any, before: Any
    ) -> dict[str, Any]:
        """Fit and score on one fold, as scikit-learn does."""
        train, test = data.splits[i]
        if share < 1.0:
            train = self._part(data, train, share, self.seed + i)
        given = dict(params)
        if self._warm is not None and self.fidelity is not None:
            given[self._warm[0]] = True
            if model is not None and self._warm[1] == "further":
                given[self.fidelity.name] = amount - before
        outcome: dict[str, Any] = _fit_and_score(
            clone(self.estimator) if model is None else model,
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
