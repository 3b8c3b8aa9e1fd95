"""From the trials of a run to the table that scikit-learn's searches call `cv_results_`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from neps_core import SearchSpace, SpaceError, replay
from neps_core.large import WholeExtra, reference_in
from neps_core.run_result import RunResult
from neps_plugins.sklearn.fidelity import FidelityOfSearch
from neps_plugins.toolkit.pareto.sorting import non_dominated


@frozen
class Row:
    """One evaluated candidate.

    Attributes:
        params: The estimator's parameters.
        amount: Of the fidelity that it was evaluated at; None without one.
        info: Scores and times of its folds; empty if it broke down.
    """

    params: dict[str, Any]
    amount: float | None
    info: Mapping[str, Any]

    @property
    def is_scored(self) -> bool:
        """Whether it has a mean by every scorer."""
        return bool(self.info) and bool(np.all(np.isfinite([*map(np.mean, self.info["test_scores"].values())])))


def row(params: Mapping[str, Any], fidelity: FidelityOfSearch | None, info: Mapping[str, Any]) -> Row:
    """A candidate; the folds, samples or passes that it got are none of its parameters."""
    if fidelity is None:
        return Row(dict(params), None, info)
    shown = {name: value for name, value in params.items() if name != fidelity.name or fidelity.is_parameter}
    return Row(shown, float(params[fidelity.name]), info)


def rows_of(result: RunResult, space: SearchSpace, fidelity: FidelityOfSearch | None) -> list[Row]:
    """The finished trials of a run, in the order of their sampling.

    Args:
        result: What the run has come to.
        space: That it searched.
        fidelity: What was saved at first.
    """
    rows = []
    for trial in result.trials.values():
        if not trial.state.is_finished or trial.report is None:
            continue
        try:
            params = replay(space, trial.config).arguments()
        except SpaceError:  # what somebody has imported, of another space
            continue
        extra: Mapping[str, Any] = trial.report.extra or {}
        if any(reference_in(value, trial.id) for value in (extra, *extra.values())):
            extra = WholeExtra(trial.report.extra, result.root_directory, trial.id)
        rows.append(row(params, fidelity, extra if "test_scores" in extra else {}))
    return rows


def table(rows: Sequence[Row], n_splits: int, fidelity: FidelityOfSearch | None, with_train: bool) -> dict[str, Any]:
    """`cv_results_`: a column by name, a row for each candidate in the order of their sampling.

    It has the keys of scikit-learn's own. With a fidelity there is one more, `n_resources`, as HalvingRandomSearchCV
    has it, and those that got all of it rank first, whatever the scores of the others are: these can't be compared.

    Args:
        rows: The candidates.
        n_splits: The number of folds.
        fidelity: What was saved at first.
        with_train: Whether there are scores of the training samples.
    """
    results: dict[str, Any] = {}
    for key in ("fit_time", "score_time"):
        times = _folds([each.info.get(key, ()) for each in rows], n_splits)
        results[f"mean_{key}"], results[f"std_{key}"] = _means(times), _deviations(times)
    results |= _parameters([each.params for each in rows])
    results["params"] = [each.params for each in rows]
    is_full = np.ones(len(rows), bool)
    if fidelity is not None:
        amounts = np.array([each.amount for each in rows])
        results["n_resources"] = amounts.astype(int) if np.all(amounts == np.floor(amounts)) else amounts
        is_full = amounts >= fidelity.upper
    names = dict.fromkeys(name for each in rows for name in each.info.get("test_scores", ()))
    for name in names or ("score",):
        for kind in ("test", "train") if with_train else ("test",):
            scores = _folds([each.info.get(f"{kind}_scores", {}).get(name, ()) for each in rows], n_splits)
            for i in range(n_splits):
                results[f"split{i}_{kind}_{name}"] = scores[:, i]
            counts = [len(each.info.get(f"{kind}_scores", {}).get(name, ())) for each in rows]
            means = np.array([np.mean(line[:n]) if n else np.nan for line, n in zip(scores, counts)])
            results[f"mean_{kind}_{name}"] = means
            results[f"std_{kind}_{name}"] = np.array(
                [np.std(line[:n]) if n else np.nan for line, n in zip(scores, counts)]
            )
            if not np.all(np.isfinite(means)):
                message = f"One or more of the {kind} scores are non-finite: {means}"
                warnings.warn(message, UserWarning, stacklevel=4)
            if kind == "test":
                results[f"rank_test_{name}"] = _ranks(means, is_full)
    return results


def _folds(values: Sequence[Sequence[float]], n_splits: int) -> np.ndarray[Any, Any]:
    """A line for each candidate, a column for each fold; NaN where it has none."""
    lines = np.full((len(values), n_splits), np.nan)
    for i, each in enumerate(values):
        lines[i, : len(each)] = each
    return lines


def _means(lines: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    known = ~np.isnan(lines)
    means: np.ndarray[Any, Any] = np.where(known, lines, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return means


def _deviations(lines: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    deviations: np.ndarray[Any, Any] = np.sqrt(_means((lines - _means(lines)[:, None]) ** 2))
    return deviations


def _ranks(means: np.ndarray[Any, Any], is_full: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """1 for the best; equal ones share the better rank, and those without a score the last."""
    keys = [(not full, -mean) if not np.isnan(mean) else (True, np.inf) for mean, full in zip(means, is_full)]
    ordered = sorted(keys)
    first: dict[Any, int] = {}
    for rank, key in enumerate(ordered, 1):
        first.setdefault(key, rank)
    return np.array([first[key] for key in keys], dtype=np.int32)


def _parameters(candidates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A masked array for each parameter; masked where a candidate doesn't have it."""
    columns: dict[str, Any] = {}
    for name in dict.fromkeys(name for each in candidates for name in each):
        values = [each[name] for each in candidates if name in each]
        dtype: Any = object
        if all(isinstance(value, (bool, np.bool_)) for value in values) or all(
            isinstance(value, (int, float, np.number)) and not isinstance(value, bool) for value in values
        ):
            dtype = np.array(values).dtype
        column = np.ma.MaskedArray(np.empty(len(candidates), dtype=dtype), mask=True)
        for i, each in enumerate(candidates):
            if name in each:
                column[i] = each[name]
        columns[f"param_{name}"] = column
    return columns


def front(results: Mapping[str, Any], is_full: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The rows of which no other one is at least as good by every scorer and better by one.

    Args:
        results: The table.
        is_full: Which rows got all of the fidelity.
    """
    names = [key.removeprefix("mean_test_") for key in results if key.startswith("mean_test_")]
    scores = np.stack([results[f"mean_test_{name}"] for name in names], axis=1)
    rows = np.flatnonzero(is_full & ~np.isnan(scores).any(axis=1))
    return rows[non_dominated(-scores[rows])]
