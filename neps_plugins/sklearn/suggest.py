"""Spaces for scikit-learn's common estimators: which parameters are worth searching, and how far.

Sources, by the letters below:

- [A] auto-sklearn's spaces: Feurer et al. 2015, "Efficient and Robust Automated Machine Learning" (NeurIPS), and its
  source text since then
- [H] Hsu, Chang & Lin 2003, "A Practical Guide to Support Vector Classification"
- [P] Probst, Boulesteix & Bischl 2019, "Tunability: Importance of Hyperparameters of Machine Learning Algorithms"
  (JMLR)
- [R] van Rijn & Hutter 2018, "Hyperparameter Importance Across Datasets" (KDD)
- [S] scikit-learn's own documentation, and the grids that its `...CV` estimators begin with

The number of trees or iterations is left alone where more is better and only costs more: it makes a good fidelity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from neps_core import SpaceError, nearest
from neps_plugins.spaces.pipeline.categorical import Categorical
from neps_plugins.spaces.pipeline.parameters import Float, Integer

Space = dict[str, Any]


def suggest_space(estimator: Any) -> Space:
    """A space for an estimator, for `SearchCV(estimator, space)` or to begin with.

    What is not searched stays as the estimator has it: a kernel, or a penalty, that was chosen decides what goes with
    it. Of pipelines, column transformers, ensembles and estimators around another one, the parts are looked at.
    Transformers without a suggestion have nothing to search.

    Args:
        estimator: Not fitted.

    Returns:
        Parameters of `neps` by the name that `set_params` takes: `{"svc__C": Float(...), ...}`.

    Raises:
        SpaceError: If there is no suggestion for it, or for the last step of a pipeline.
    """
    space = dict(_within(estimator, ""))
    if not space:
        raise SpaceError(f"nothing in {estimator!r} is known to be worth searching. Write the space yourself.")
    return space


def _within(estimator: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """The parameters of an estimator and its parts, by name."""
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise SpaceError(f"{estimator!r} is no estimator of scikit-learn's; suggest_space takes an object of one.")
    own = _suggestion(estimator)
    parts = list(_parts(estimator))
    if own is None and not parts and (not prefix or not hasattr(estimator, "transform")):
        name = type(estimator).__name__
        hint = nearest(name, _SUGGESTIONS)
        raise SpaceError(f"there is no suggestion for {name}. {hint} Write its space yourself.")
    known = estimator.get_params(deep=False)
    for name, part in (own or {}).items():
        if name in known:
            yield prefix + name, part
    for name, part in parts:
        yield from _within(part, f"{prefix}{name}__")


def _parts(estimator: Any) -> Iterator[tuple[str, Any]]:
    """The estimators within one, by the name that their parameters begin with."""
    own = estimator.get_params(deep=False)
    for key in ("steps", "transformers", "transformer_list", "estimators"):
        for item in own.get(key) or ():
            if isinstance(item, tuple) and hasattr(item[1], "get_params"):  # no "passthrough", "drop" or None
                yield item[0], item[1]
    for key in ("estimator", "regressor", "final_estimator"):
        if hasattr(own.get(key), "get_params"):
            yield key, own[key]


def _suggestion(estimator: Any) -> Space | None:
    """The suggestion for an estimator's class, or for the nearest one that it is derived from."""
    for cls in type(estimator).__mro__:
        if cls.__name__ in _SUGGESTIONS and cls.__module__.partition(".")[0] == "sklearn":
            return _SUGGESTIONS[cls.__name__](estimator)
    return None


def _svm(estimator: Any) -> Space:
    """[H] for C and gamma, [A] for the rest. A kernel that was chosen decides what there is."""
    space: Space = {
        "C": Float(2**-5, 2**15, log=True),
        "epsilon": Float(1e-3, 1.0, log=True),
        "nu": Float(0.05, 0.5),  # more than some shares of classes allow
    }
    if estimator.kernel in ("rbf", "poly", "sigmoid"):
        space["gamma"] = Float(2**-15, 2**3, log=True)
    if estimator.kernel in ("poly", "sigmoid"):
        space["coef0"] = Float(-1.0, 1.0)
    if estimator.kernel == "poly":
        space["degree"] = Integer(2, 5)
    return space


def _forest(estimator: Any) -> Space:
    """[R]; the more trees, the better [S]."""
    criteria: Space = {}
    if estimator.criterion in ("gini", "entropy"):
        criteria["criterion"] = Categorical(["gini", "entropy"])
    space: Space = {
        "max_features": Float(0.1, 1.0),
        "min_samples_leaf": Integer(1, 20),
        "min_samples_split": Integer(2, 20),
        **criteria,
    }
    own = estimator.get_params(deep=False)
    if not own.get("oob_score") and own.get("max_samples") is None:  # which need the bootstrap
        space["bootstrap"] = Categorical([True, False])
    return space


def _tree(estimator: Any) -> Space:
    """[P] for the depth, [A] for the rest."""
    space = {key: part for key, part in _forest(estimator).items() if key not in ("bootstrap", "max_features")}
    return {"max_depth": Integer(1, 30), **space}


def _boosting(estimator: Any) -> Space:
    """[A], [P] for the shares of samples and features."""
    return {
        "learning_rate": Float(0.01, 1.0, log=True),
        "max_depth": Integer(1, 10),
        "min_samples_leaf": Integer(1, 20),
        "subsample": Float(0.1, 1.0),
        "max_features": Float(0.1, 1.0),
    }


def _histogram_boosting(estimator: Any) -> Space:
    """[A], which goes to 2047 leaves; here to 255, which are quick on small data."""
    return {
        "learning_rate": Float(0.01, 1.0, log=True),
        "max_leaf_nodes": Integer(3, 255, log=True),
        "min_samples_leaf": Integer(1, 200, log=True),
        "l2_regularization": Float(1e-10, 1.0, log=True),
    }


def _network(estimator: Any) -> Space:
    """[A]: one to three layers, of 16 to 256 units each."""
    layers = [(width,) * depth for depth in (1, 2, 3) for width in (16, 32, 64, 128, 256)]
    space: Space = {
        "hidden_layer_sizes": Categorical(layers),
        "activation": Categorical(["tanh", "relu"]),
        "alpha": Float(1e-7, 1e-1, log=True),
    }
    if estimator.solver in ("adam", "sgd"):
        space["learning_rate_init"] = Float(1e-4, 0.5, log=True)
    return space


def _logistic(estimator: Any) -> Space:
    """[S]: the grid that LogisticRegressionCV begins with."""
    space: Space = {"C": Float(1e-4, 1e4, log=True)}
    if getattr(estimator, "solver", None) == "saga" and estimator.get_params().get("penalty") == "elasticnet":
        space["l1_ratio"] = Float(0.0, 1.0)
    return space


def _elastic_net(estimator: Any) -> Space:
    """[S]: ElasticNetCV's documentation for the ratio; the penalty as for Lasso."""
    return {**_lasso(estimator), "l1_ratio": Float(0.1, 1.0)}


def _lasso(estimator: Any) -> Space:
    """[S]: LassoCV begins with a path over three orders of magnitude below what makes all coefficients 0."""
    return {"alpha": Float(1e-4, 1e1, log=True)}


def _gradient_descent(estimator: Any) -> Space:
    """[A]."""
    return {"alpha": Float(1e-7, 1e-1, log=True), "penalty": Categorical(["l2", "l1", "elasticnet"])}


def _kernel_ridge(estimator: Any) -> Space:
    """[A], [H]."""
    space: Space = {"alpha": Float(1e-5, 1e1, log=True)}
    if estimator.kernel in ("rbf", "laplacian", "poly", "polynomial", "sigmoid", "chi2"):
        space["gamma"] = Float(2**-15, 2**3, log=True)
    return space


def _discriminant(estimator: Any) -> Space:
    """[A]. With `n_components` it is there to transform, which "lsqr" can't."""
    transforms = estimator.n_components is not None or estimator.solver == "eigen"
    return {"solver": Categorical(["eigen" if transforms else "lsqr"]), "shrinkage": Float(0.0, 1.0)}


def _components(estimator: Any) -> Space:
    """[A]: the share of the variance that is kept, where the solver takes one."""
    return {"n_components": Float(0.5, 0.9999)} if estimator.svd_solver in ("auto", "full") else {}


def _imputer(estimator: Any) -> Space:
    """[A]. What was chosen for columns of text stays."""
    numeric = estimator.strategy in ("mean", "median")
    return {"strategy": Categorical(["mean", "median", "most_frequent"])} if numeric else {}


def _neighbors(estimator: Any) -> Space:
    """[A], which goes to 100 neighbours; here to 50, so that the folds of small data have them."""
    return {
        "n_neighbors": Integer(1, 50, log=True),
        "weights": Categorical(["uniform", "distance"]),
        "p": Categorical([1, 2]),
    }


def _of(**space: Any) -> Callable[[Any], Space]:
    """The same whatever else the estimator has."""
    return lambda _: dict(space)


_BAYES = _of(alpha=Float(1e-2, 100.0, log=True), fit_prior=Categorical([True, False]))  # [A]
_TEXT = _of(ngram_range=Categorical([(1, 1), (1, 2)]), min_df=Categorical([1, 2, 5]))  # [S]: the example of text

#: By the name of the class. What an estimator doesn't have is left out.
_SUGGESTIONS: Mapping[str, Callable[[Any], Space]] = {
    # Support vectors
    **dict.fromkeys(("SVC", "SVR", "NuSVC", "NuSVR"), _svm),
    **dict.fromkeys(("LinearSVC", "LinearSVR"), _of(C=Float(2**-5, 2**15, log=True))),  # [H], [A]
    # Linear models
    "LogisticRegression": _logistic,
    **dict.fromkeys(("Ridge", "RidgeClassifier"), _of(alpha=Float(1e-5, 1e3, log=True))),  # [A], and stronger
    "KernelRidge": _kernel_ridge,
    "Lasso": _lasso,
    "LassoLars": _lasso,
    "ElasticNet": _elastic_net,
    "BayesianRidge": _of(  # [A]
        alpha_1=Float(1e-10, 1e-3, log=True),
        alpha_2=Float(1e-10, 1e-3, log=True),
        lambda_1=Float(1e-10, 1e-3, log=True),
        lambda_2=Float(1e-10, 1e-3, log=True),
    ),
    **dict.fromkeys(("PoissonRegressor", "GammaRegressor", "TweedieRegressor"), _of(alpha=Float(1e-6, 1e2, log=True))),
    "HuberRegressor": _of(epsilon=Float(1.0, 3.0), alpha=Float(1e-6, 1e1, log=True)),
    **dict.fromkeys(("SGDClassifier", "SGDRegressor", "Perceptron"), _gradient_descent),
    **dict.fromkeys(  # [A]
        ("PassiveAggressiveClassifier", "PassiveAggressiveRegressor"), _of(C=Float(1e-5, 1e1, log=True))
    ),
    "LinearDiscriminantAnalysis": _discriminant,
    "QuadraticDiscriminantAnalysis": _of(reg_param=Float(0.0, 1.0)),  # [A]
    # Trees
    **dict.fromkeys(
        ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"), _tree
    ),
    **dict.fromkeys(
        ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor"), _forest
    ),
    **dict.fromkeys(("GradientBoostingClassifier", "GradientBoostingRegressor"), _boosting),
    **dict.fromkeys(("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"), _histogram_boosting),
    **dict.fromkeys(  # [A], [R]
        ("AdaBoostClassifier", "AdaBoostRegressor"),
        _of(learning_rate=Float(0.01, 2.0, log=True), n_estimators=Integer(50, 500)),
    ),
    **dict.fromkeys(
        ("BaggingClassifier", "BaggingRegressor"), _of(max_samples=Float(0.1, 1.0), max_features=Float(0.1, 1.0))
    ),
    # Others
    **dict.fromkeys(("KNeighborsClassifier", "KNeighborsRegressor"), _neighbors),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), _network),
    "GaussianNB": _of(var_smoothing=Float(1e-12, 1.0, log=True)),
    **dict.fromkeys(("MultinomialNB", "ComplementNB", "BernoulliNB", "CategoricalNB"), _BAYES),
    "GaussianProcessRegressor": _of(alpha=Float(1e-14, 1.0, log=True)),  # [A]
    # Transformers
    "PCA": _components,
    "SelectPercentile": _of(percentile=Integer(1, 99)),  # [A]
    "PolynomialFeatures": _of(degree=Integer(2, 3), interaction_only=Categorical([True, False])),  # [A]
    "SimpleImputer": _imputer,
    "Nystroem": _of(gamma=Float(2**-15, 2**3, log=True)),  # [A]
    "CountVectorizer": _TEXT,
    "TfidfVectorizer": lambda _: {**_TEXT(_), "sublinear_tf": Categorical([True, False])},
    "TfidfTransformer": _of(use_idf=Categorical([True, False]), sublinear_tf=Categorical([True, False])),
}
