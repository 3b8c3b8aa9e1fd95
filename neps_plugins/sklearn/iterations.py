"""How an estimator goes on where it was: by `warm_start`, or by further passes of `partial_fit`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from typing import Any

import numpy as np
from attrs import frozen
from sklearn import get_config
from sklearn.base import is_classifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.multiclass import unique_labels

from neps_core import SpaceError
from neps_plugins.sklearn.fidelity import PASSES

#: Estimators whose `max_iter` says how many iterations there are in all; with `warm_start`, others add as many.
_TOTAL = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")


@frozen
class WarmStart:
    """How a fitted estimator is told to go on.

    Attributes:
        name: The parameter `warm_start`, as `set_params` of the whole estimator takes it.
        is_total: Whether the number of iterations is that of all of them, and not of the further ones.
    """

    name: str
    is_total: bool


def warm_start_of(estimator: Any, name: str) -> WarmStart | None:
    """How an estimator goes on with more iterations; None if it can't.

    What else may be called a fidelity (`max_samples`, `max_depth`) changes what was fitted before. And an estimator
    around another one fits a copy of that, as a pipeline does with all but its last step.

    Args:
        estimator: With its parameters set.
        name: The parameter that is its number of iterations.
    """
    *steps, last = name.split("__")
    for step in steps:
        if not isinstance(estimator, Pipeline) or estimator.steps[-1][0] != step:
            return None
        estimator = estimator.steps[-1][1]
    if last not in ("n_estimators", "max_iter") or "warm_start" not in estimator.get_params(deep=False):
        return None
    is_total = last == "n_estimators" or any(cls.__name__ in _TOTAL for cls in type(estimator).__mro__)
    return WarmStart("__".join([*steps, "warm_start"]), is_total)


def check_passes(estimator: Any) -> None:
    """That an estimator, or the last step of a pipeline, has `partial_fit`.

    Raises:
        SpaceError: If it doesn't.
    """
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    if not hasattr(estimator, "partial_fit"):
        raise SpaceError(
            f"fidelity={PASSES!r} makes passes over the data by partial_fit, which {estimator!r} does not have. "
            "Use 'n_samples' or 'n_splits', or another estimator."
        )


@contextmanager
def fitted_by_passes(estimator: Any, n: int, is_new: bool) -> Iterator[None]:
    """While this lasts, `estimator.fit` makes passes, for whoever calls it."""

    def fit(X: Any, y: Any = None, **params: Any) -> Any:
        make_passes(estimator, X, y, params, n, is_new)
        return estimator

    estimator.fit = fit
    try:
        yield
    finally:
        del estimator.fit


def make_passes(estimator: Any, X: Any, y: Any, params: Mapping[str, Any], n: int, is_new: bool) -> None:
    """Let an estimator, or the last step of a pipeline, see the data further times.

    Args:
        estimator: Has `partial_fit`.
        X: The samples.
        y: The targets; None if there are none.
        params: As for `fit`.
        n: The number of passes.
        is_new: Whether these are the first ones: a classifier is told its classes, and the earlier steps are fitted.
    """
    if isinstance(estimator, Pipeline):
        params, earlier = _split(estimator, params)
        if len(estimator.steps) > 1:
            before = estimator[:-1]
            X = before.fit_transform(X, y, **earlier) if is_new else before.transform(X)
            estimator.steps = [*before.steps, estimator.steps[-1]]  # with a memory, those that were fitted are copies
        make_passes(estimator.steps[-1][1], X, y, params, n, is_new)
        return
    targets = () if y is None else (y,)
    told: dict[str, Any] = {}
    if is_new and is_classifier(estimator) and "classes" in signature(estimator.partial_fit).parameters:
        told["classes"] = _classes(estimator, y)
    for _ in range(n):
        estimator.partial_fit(X, *targets, **params, **told)
        told = {}


def _split(pipeline: Pipeline, params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of a pipeline's `fit`: those of its last step, and those of the others."""
    name, last = pipeline.steps[-1]
    if get_config()["enable_metadata_routing"]:
        its = get_routing_for_object(last).consumes("fit", params)
        others = get_routing_for_object(pipeline[:-1]).consumes("fit_transform", params) if len(pipeline) > 1 else ()
        return {key: params[key] for key in its}, {key: params[key] for key in others}
    prefix = f"{name}__"
    its = {key.removeprefix(prefix): value for key, value in params.items() if key.startswith(prefix)}
    return its, {key: value for key, value in params.items() if not key.startswith(prefix)}


def _classes(classifier: Any, y: Any) -> Any:
    if isinstance(classifier, MultiOutputClassifier):
        return [np.unique(column) for column in np.asarray(y).T]
    return unique_labels(y)
