"""`SearchCV`: a search of ours that is one of scikit-learn's."""

from __future__ import annotations

import numbers
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV  # documented, and imported from here by everybody
from sklearn.model_selection._validation import _warn_or_raise_about_fit_failures
from sklearn.utils import check_random_state, indexable
from sklearn.utils.validation import _check_method_params, _num_samples

from neps_core import EvaluationError, RunError, SearchSpace, open_run
from neps_core.api import run
from neps_core.observers import DEFAULT
from neps_core.run_result import RunResult
from neps_plugins.sklearn.evaluation import Data, Evaluation, filed
from neps_plugins.sklearn.fidelity import (
    PASSES,
    FidelityOfSearch,
    fidelity_in,
    parse_fidelity,
    parsed,
    with_fidelity,
)
from neps_plugins.sklearn.iterations import check_passes, make_passes
from neps_plugins.sklearn.results import Row, front, row, rows_of, table

#: Where a root directory names the data.
DATA = "{data}"


class SearchCV(BaseSearchCV):  # type: ignore[misc]
    """Search for the best parameters of an estimator by cross-validation, with any optimizer of `neps`.

    It stands where `RandomizedSearchCV` stands, and gives what that gives.

    ```python
    search = neps.sklearn.SearchCV(SVC(), {"C": loguniform(1e-2, 1e3), "gamma": loguniform(1e-5, 1e1)}, n_trials=30)
    search.fit(X, y).predict(X_new)
    ```

    Args:
        estimator: What to search for; not fitted, and not changed.
        space: Its parameters: a dict from name (`"svc__C"` in a pipeline) to a frozen distribution of `scipy.stats`, a
            list of values, or a parameter of `neps`; a list of such dicts, of which one is chosen; a
            `neps.PipelineSpace`; a `ConfigurationSpace`. `suggest_space` gives one.
        optimizer: As for `neps.run`. `"auto"` uses brackets where there is a fidelity, and a model everywhere.
        n_trials: How many candidates to evaluate, at whatever fidelity; over all calls, if there is a `root_directory`.
            None for no limit, which needs `max_seconds`.
        max_seconds: No candidate is begun after so many seconds of this `fit`.
        fidelity: What to save at first: `"n_splits"` (folds), `"n_samples"`, `("partial_fit", 1, 27)` (passes), or a
            whole number among the estimator's parameters, such as `"n_estimators"` or `"mlp__max_iter"`. A tuple
            `(name, lower, upper)` gives the bounds; else a candidate gets at least a ninth, and at most all folds or
            samples, or what the estimator has. The best one is chosen among those that got all of it. A fidelity in
            the space serves as well.
        scoring: As for `RandomizedSearchCV`. Several scorers are several objectives, searched for their front.
        refit: Whether to fit the best to all data: True, the name of the scorer that decides, or a function of
            `cv_results_` that gives a row.
        cv: As for `RandomizedSearchCV`. All candidates get the same folds.
        n_jobs: How many candidates to evaluate at a time, in processes of their own; -1 for one for each processor.
        executor: Who evaluates instead, as for `neps.run`: `"threads"`, `"dask"`, `"slurm"`, ...
        root_directory: A folder that the search is kept in: a `fit` that was killed goes on where it was, and several
            at once share the work. It is for one data set and one estimator; `{data}` in its name stands for these, so
            that a search within `cross_val_score` has a folder for each part. None for the memory of this process.
        run_options: Further keywords of `neps.run`, such as `resources`, `observers` or `storage`.
        random_state: Makes the search reproducible.
        error_score: The score of a fold on which fitting fails; `"raise"` to let it. NaN counts as no result.
        return_train_score: Whether to score the training samples, too.
        verbose: 1 shows a line of progress; more, what scikit-learn's searches show.

    Attributes:
        cv_results_: A table, as of `RandomizedSearchCV`, with a row for each candidate in the order of their sampling;
            with a fidelity also `n_resources`, what each of them got.
        best_estimator_: As of `RandomizedSearchCV`, and so are `best_params_`, `best_score_`, `best_index_`, `scorer_`,
            `n_splits_`, `refit_time_`, `multimetric_`, `classes_`, `n_features_in_` and `feature_names_in_`.
        pareto_front_: The rows of `cv_results_` that no other one dominates, among those that got all of the fidelity.
        stopped_because_: Why the search ended, in words.

    Raises:
        NePSError: In `fit`, where something can't be meant: the space, the optimizer, the budget.
        ValueError: In `fit`, as `RandomizedSearchCV` does: if all fits fail, say.
    """

    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        optimizer: Any = "auto",
        n_trials: int | None = 50,
        max_seconds: float | None = None,
        fidelity: Any = None,
        scoring: Any = None,
        refit: Any = True,
        cv: Any = None,
        n_jobs: int | None = None,
        executor: Any = None,
        root_directory: str | Path | None = None,
        run_options: Mapping[str, Any] | None = None,
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.space = space
        self.optimizer = optimizer
        self.n_trials = n_trials
        self.max_seconds = max_seconds
        self.fidelity = fidelity
        self.executor = executor
        self.root_directory = root_directory
        self.run_options = run_options
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, **params: Any) -> SearchCV:
        """Search, and fit the best to all data.

        Args:
            X: The samples.
            y: The targets; None where there are none.
            **params: For the `fit` of the estimator (`sample_weight`), the splitter (`groups`) and the scorer; by
                scikit-learn's metadata routing, if that is enabled.
        """
        self._validate_params()
        scorer = self._scorer()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = list(cv.split(X, y, **routed.splitter.split))
        self.n_splits_ = len(splits)
        if not splits:
            raise ValueError("No fits were performed. Was the CV iterator empty?")
        base = clone(self.estimator)
        space, fidelity = self._space(base, X, y)
        data = Data(X, y, splits, routed.estimator.fit, routed.scorer.score)
        random = check_random_state(self.random_state)
        evaluation = Evaluation(
            data,
            base,
            scorer,
            self.error_score,
            self.return_train_score,
            max(0, self.verbose),
            fidelity,
            int(random.randint(2**31 - 1)) if fidelity is not None and self.random_state is not None else 0,
            None if self.root_directory is None else _key(data, base, self.scoring, space),
        )
        seed = None if self.random_state is None else int(random.randint(2**31 - 1))
        result = self._search(evaluation, space, seed)
        rows = rows_of(result, space, fidelity)
        self.stopped_because_ = result.stopped_because
        if not rows:
            raise ValueError(f"No fits were performed: {result.stopped_because}. Were there no candidates?")
        self._choose(self._with_a_complete_one(rows, evaluation), evaluation)
        if self.refit:
            self._refit(base, data, fidelity)
        return self

    # ------------------------------------------------------------------ before

    def _scorer(self) -> Any:
        """What scores a fitted estimator, checked; several in one object."""
        if callable(self.scoring) or self.scoring is None or isinstance(self.scoring, str):
            return self.scoring if callable(self.scoring) else check_scoring(self.estimator, self.scoring)
        scorer = check_scoring(self.estimator, self.scoring, raise_exc=self.error_score == "raise")
        self._check_refit_for_multimetric(scorer._scorers)
        return scorer

    def _space(self, estimator: Any, X: Any, y: Any) -> tuple[SearchSpace, FidelityOfSearch | None]:
        """The search space, with the fidelity, and that."""
        space = parsed(self.space)
        if self.fidelity is None:
            fidelity = fidelity_in(space)
            if fidelity is not None and fidelity.name == PASSES:
                check_passes(estimator)
            return space, fidelity
        least = 2 * self.n_splits_
        if is_classifier(estimator) and y is not None and np.ndim(y) == 1:
            least *= len(np.unique(np.asarray(y)))
        fidelity = parse_fidelity(self.fidelity, estimator, self.n_splits_, _num_samples(X), least)
        if fidelity.name == PASSES:
            check_passes(estimator)
        return with_fidelity(self.space, space, fidelity), fidelity

    # ------------------------------------------------------------------ the search

    def _search(self, evaluation: Evaluation, space: SearchSpace, seed: int | None) -> RunResult:
        """Run it.

        Raises:
            RunError: If there is no budget, or the folder has a search on other data.
            BaseException: What fitting raised, with `error_score="raise"`.
        """
        if self.n_trials is None and self.max_seconds is None:
            raise RunError("n_trials=None needs max_seconds=: a search has to end at some time.")
        if "root_directory" in (self.run_options or {}):  # which would not be looked into for other data
            raise RunError("run_options has 'root_directory': give it to the search itself, as root_directory=.")
        n_workers = joblib.effective_n_jobs(self.n_jobs)
        options: dict[str, Any] = {
            "root_directory": self._location(evaluation),
            "optimizer": self.optimizer,
            "total_evaluations_to_spend": self.n_trials,
            "budgets": None if self.max_seconds is None else {"wallclock": self.max_seconds},
            "seed": seed,
            "observers": ["progress"] if self.verbose == 1 else [] if self.root_directory is None else DEFAULT,
        }
        error: BaseException | None = None
        with ExitStack() as stack:
            if n_workers > 1 or self.executor is not None:
                options |= {"n_workers": n_workers if n_workers > 1 else None, "executor": self.executor}
                if self.executor is None:
                    options["resources"] = {"cpus": max(1, joblib.cpu_count() // n_workers)}
                if self.executor != "threads":
                    beside = None if self.root_directory is None else Path(options["root_directory"]).parent
                    evaluation = stack.enter_context(filed(evaluation, beside))
            options |= dict(self.run_options or {})
            try:
                return run(evaluation, space, **options)
            except EvaluationError as reason:
                error = reason.__cause__ or reason
        raise error

    def _location(self, evaluation: Evaluation) -> str | Path:
        """Where the run is kept.

        Raises:
            RunError: If there is one on other data.
        """
        if self.root_directory is None:
            return "memory://"
        key = evaluation.key or ""
        location = Path(str(self.root_directory).replace(DATA, key[:12])).expanduser()
        storage = (self.run_options or {}).get("storage")
        try:
            trials = open_run(location, storage=storage).trials.values()
        except FileNotFoundError:
            return location
        keys = {trial.report.extra.get("key", key) for trial in trials if trial.report and trial.report.extra}
        if keys - {key}:
            raise RunError(
                f"{location} has a search on other data, other folds, or of another estimator. Choose another "
                f"root_directory; with {DATA!r} in its name there is one for each. If the data are the same, the folds "
                "are not: give cv= a random_state."
            )
        return location

    # ------------------------------------------------------------------ after

    def _with_a_complete_one(self, rows: list[Row], evaluation: Evaluation) -> list[Row]:
        """The rows, and the most promising once more with all of the fidelity, if none has had it."""
        fidelity = evaluation.fidelity
        known = [each for each in rows if each.is_scored]
        if fidelity is None or not known or any(each.amount == fidelity.upper for each in known):
            return rows
        most = max(each.amount or 0.0 for each in known)
        scores = table([each for each in known if each.amount == most], self.n_splits_, fidelity, False)
        name = self.refit if isinstance(self.refit, str) else next(iter(known[0].info["test_scores"]))
        best = scores["params"][int(np.argmin(scores[f"rank_test_{name}"]))]
        params = {**best, fidelity.name: int(fidelity.upper) if fidelity.upper % 1 == 0 else fidelity.upper}
        with tempfile.TemporaryDirectory(prefix="neps-") as folder:
            outcome = evaluation(Path(folder), **params)
        return [*rows, row(params, fidelity, outcome["info_dict"])]

    def _choose(self, rows: list[Row], evaluation: Evaluation) -> None:
        """Make the table, and choose from it.

        Raises:
            ValueError: If all fits failed, or `refit` names none of several scorers.
        """
        fits = [
            {"fit_error": error}
            for each in rows
            for error in each.info.get("fit_errors") or [None] * len(each.info.get("fit_time", ()))
        ]
        _warn_or_raise_about_fit_failures(fits, self.error_score)
        results = table(rows, self.n_splits_, evaluation.fidelity, self.return_train_score)
        names = [key.removeprefix("mean_test_") for key in results if key.startswith("mean_test_")]
        self.multimetric_ = names != ["score"] or hasattr(evaluation.scorer, "_scorers")
        if self.multimetric_:
            self._check_refit_for_multimetric(dict.fromkeys(names))
        self.scorer_ = getattr(evaluation.scorer, "_scorers", evaluation.scorer)
        self.cv_results_ = results
        is_full = np.array([evaluation.fidelity is None or each.amount == evaluation.fidelity.upper for each in rows])
        self.pareto_front_ = front(results, is_full)
        if self.refit or not self.multimetric_:
            metric = self.refit if self.multimetric_ else "score"
            self.best_index_ = self._best(metric, results)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]

    def _best(self, metric: Any, results: dict[str, Any]) -> int:
        """The row that is best."""
        if not callable(self.refit):
            return int(results[f"rank_test_{metric}"].argmin())
        index = self.refit(results)
        if not isinstance(index, numbers.Integral):
            raise TypeError("best_index_ returned is not an integer")
        index = int(index)
        if not 0 <= index < len(results["params"]):
            raise IndexError("best_index_ index out of range")
        return index

    def _refit(self, base: Any, data: Data, fidelity: FidelityOfSearch | None) -> None:
        """Fit the best to all data."""
        self.best_estimator_ = clone(base).set_params(**clone(self.best_params_, safe=False))
        targets = () if data.y is None else (data.y,)
        began = time.time()
        if fidelity is not None and fidelity.name == PASSES:
            n = int(self.cv_results_["n_resources"][self.best_index_])
            make_passes(self.best_estimator_, data.X, data.y, data.fit_params, n, is_new=True)
        else:
            self.best_estimator_.fit(data.X, *targets, **data.fit_params)
        self.refit_time_ = time.time() - began
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_


def _key(data: Data, estimator: Any, scoring: Any, space: SearchSpace) -> str:
    """What tells a search from one on other data, with other folds, or of another estimator."""
    what: list[Any] = [data.X, data.y, data.splits, data.fit_params, data.score_params]
    if unstored := getattr(space, "unstored", None):  # the run's own comparison of spaces knows only their classes
        what.append(unstored)
    try:
        return str(joblib.hash((*what, estimator, scoring)))
    except Exception:  # a function without a name, say, can't be told from another
        return str(joblib.hash((*what[:5], type(estimator).__qualname__)))
