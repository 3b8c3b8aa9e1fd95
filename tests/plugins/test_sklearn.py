"""`neps.sklearn.SearchCV`."""

import functools
import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import loguniform, randint, uniform
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import GroupKFold, RandomizedSearchCV, StratifiedKFold, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import neps
from neps.sklearn import SearchCV

X, y = load_iris(return_X_y=True)
SPACE = {"C": loguniform(1e-2, 1e3), "gamma": loguniform(1e-4, 1e1)}


def search(estimator=None, space=None, **options):
    settings = {"n_trials": 6, "optimizer": "random_search", "cv": 3, "random_state": 0, **options}
    return SearchCV(SVC() if estimator is None else estimator, SPACE if space is None else space, **settings)


class Guess(ClassifierMixin, BaseEstimator):
    """Predicts one class; knows how often, with what, and on how much it was fitted."""

    fits = 0

    def __init__(self, guess=0, fails=False, n_estimators=1, warm_start=False):
        self.guess = guess
        self.fails = fails
        self.n_estimators = n_estimators
        self.warm_start = warm_start

    def fit(self, X, y, sample_weight=None):
        type(self).fits += 1
        if self.fails:
            raise ValueError("it was told to fail")
        self.classes_ = np.unique(y)
        before = getattr(self, "rounds_", 0) if self.warm_start else 0
        self.made_ = self.n_estimators - before
        self.rounds_ = self.n_estimators
        self.n_ = len(X)
        self.weight_ = None if sample_weight is None else float(np.sum(sample_weight))
        return self

    def predict(self, X):
        return np.full(len(X), self.guess)


class Rounds(Guess):
    """Goes on with earlier rounds if it may."""

    made = []

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.made.append((self.n_estimators, self.made_))
        return self


class ColdRounds(Rounds):
    """Begins anew each time."""

    def __init__(self, guess=0, n_estimators=1):
        super().__init__(guess, n_estimators=n_estimators)


@pytest.fixture(autouse=True)
def no_fits():
    Guess.fits = 0
    Rounds.made = []


# ---------------------------------------------------------------------- what scikit-learn's searches give


def test_finds_what_is_better_than_the_default_in_a_table_like_scikit_learns():
    ours = search(return_train_score=True).fit(X, y)
    theirs = RandomizedSearchCV(SVC(), SPACE, n_iter=6, cv=3, random_state=0, return_train_score=True).fit(X, y)
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    for key, column in theirs.cv_results_.items():
        assert type(ours.cv_results_[key]) is type(column)
        if key != "params":
            assert ours.cv_results_[key].dtype == column.dtype and ours.cv_results_[key].shape == column.shape
    assert ours.best_score_ == ours.cv_results_["mean_test_score"].max() > 0.9
    assert ours.best_params_ == ours.cv_results_["params"][ours.best_index_]
    assert ours.best_params_["C"] == ours.best_estimator_.C
    assert ours.n_splits_ == 3 and ours.refit_time_ >= 0 and ours.multimetric_ is False
    assert list(ours.classes_) == [0, 1, 2] and ours.n_features_in_ == 4
    assert ours.score(X, y) == accuracy_score(y, ours.predict(X))


def test_a_candidate_scores_what_cross_validation_says():
    cv = StratifiedKFold(4, shuffle=True, random_state=3)
    found = search(cv=cv).fit(X, y)
    scores = cross_val_score(SVC(**found.best_params_), X, y, cv=cv)
    assert [found.cv_results_[f"split{i}_test_score"][found.best_index_] for i in range(4)] == list(scores)
    assert found.cv_results_["std_test_score"][found.best_index_] == pytest.approx(np.std(scores))


def test_is_reproducible_and_leaves_what_it_was_given_alone():
    estimator = SVC(C=7)
    first, second = search(estimator).fit(X, y), search(estimator).fit(X, y)
    assert first.cv_results_["params"] == second.cv_results_["params"]
    assert first.cv_results_["params"] != search(estimator, random_state=1).fit(X, y).cv_results_["params"]
    assert estimator.C == 7 and not hasattr(estimator, "support_")


def test_the_model_behind_auto_searches():
    found = search(optimizer="auto", n_trials=8).fit(X, y)
    assert len(found.cv_results_["params"]) == 8 and found.best_score_ > 0.9


def test_is_cloned_and_pickled():
    found = search()
    assert clone(found).get_params()["n_trials"] == 6
    found.fit(X, y)
    again = pickle.loads(pickle.dumps(found))
    assert (again.predict(X) == found.predict(X)).all() and again.best_params_ == found.best_params_
    with pytest.raises(NotFittedError):
        search().predict(X)


def test_within_a_pipeline_within_cross_validation():
    inner = make_pipeline(StandardScaler(), search(n_trials=3))
    assert cross_val_score(inner, X, y, cv=2).mean() > 0.8


def test_takes_data_as_scikit_learn_does():
    assert search(space={"C": [1.0, 10.0]}, n_trials=2).fit(sparse.csr_matrix(X), y).best_score_ > 0.9
    frame = pd.DataFrame(X, columns=list("abcd"))
    found = search(n_trials=2).fit(frame, pd.Series(y))
    assert list(found.feature_names_in_) == list("abcd")
    several = search(Ridge(), {"alpha": loguniform(1e-3, 1e3)}, n_trials=2).fit(X, np.stack([y, -y], axis=1))
    assert several.predict(X).shape == (150, 2)
    clusters = search(KMeans(n_init=1, random_state=0), {"n_clusters": randint(2, 6)}, n_trials=2).fit(X)
    assert clusters.best_params_["n_clusters"] >= 2


def test_parameters_that_some_candidates_lack_are_masked():
    space = [{"kernel": ["linear"], "C": loguniform(1e-2, 1e2)}, {"kernel": ["rbf"], "gamma": uniform(0.1, 1)}]
    results = search(space=space, n_trials=12).fit(X, y).cv_results_
    masks = np.ma.getmaskarray(results["param_C"]), np.ma.getmaskarray(results["param_gamma"])
    assert (masks[0] != masks[1]).all() and masks[0].any() and masks[1].any()
    assert set(results["param_kernel"]) == {"linear", "rbf"}


def test_estimators_are_choices():
    pipeline = Pipeline([("model", SVC())])
    trees = [DecisionTreeClassifier(random_state=0), RandomForestClassifier(5, random_state=0)]
    found = search(pipeline, {"model": [SVC(), *trees]}, n_trials=4).fit(X, y)
    assert type(found.best_estimator_["model"]) in (SVC, DecisionTreeClassifier, RandomForestClassifier)
    assert not any(hasattr(tree, "classes_") for tree in trees)


def test_spaces_of_our_own():
    class Space(neps.PipelineSpace):
        svc__C = neps.Float(1e-2, 1e3, log=True)
        svc__kernel = neps.Categorical(["rbf", "linear"])

    found = search(make_pipeline(StandardScaler(), SVC()), Space).fit(X, y)
    assert set(found.best_params_) == {"svc__C", "svc__kernel"}
    assert search(space={"C": neps.Float(1e-2, 1e3, log=True, prior=1.0), "gamma": ["scale"]}).fit(X, y).best_score_


# ---------------------------------------------------------------------- several scorers


def test_several_scorers_are_several_objectives():
    space = {"min_samples_leaf": randint(1, 40)}
    scoring = {"accuracy": "accuracy", "leaves": lambda model, X, y: -model.get_n_leaves()}
    found = search(DecisionTreeClassifier(random_state=0), space, scoring=scoring, refit="accuracy", n_trials=10)
    found.fit(X, y)
    results = found.cv_results_
    assert found.multimetric_ and set(found.scorer_) == {"accuracy", "leaves"}
    assert results["rank_test_accuracy"][found.best_index_] == 1
    scores = np.stack([results["mean_test_accuracy"], results["mean_test_leaves"]], axis=1)
    for i in range(10):
        dominated = any((scores[j] >= scores[i]).all() and (scores[j] > scores[i]).any() for j in range(10))
        assert (i in found.pareto_front_) is not dominated
    assert found.score(X, y) == accuracy_score(y, found.predict(X))

    least = clone(found).set_params(refit=lambda table: int(np.argmax(table["mean_test_leaves"]))).fit(X, y)
    assert least.best_index_ == np.argmax(results["mean_test_leaves"]) and not hasattr(least, "best_score_")
    none = clone(found).set_params(refit=False).fit(X, y)
    assert not hasattr(none, "best_index_") and len(none.pareto_front_)


def test_which_scorer_decides_has_to_be_said():
    with pytest.raises(ValueError, match="refit must be set to a scorer key"):
        search(scoring=["accuracy", "f1_macro"]).fit(X, y)


def test_a_function_may_give_several_scores():
    def both(model, X, y):
        return {"right": model.score(X, y), "vectors": -len(model.support_)}

    found = search(scoring=both, refit="right").fit(X, y)
    assert found.multimetric_ and found.best_score_ == found.cv_results_["mean_test_right"].max()


def test_errors_count_where_less_is_better():
    found = search(Ridge(), {"alpha": loguniform(1e-3, 1e5)}, scoring="neg_mean_squared_error").fit(X, y)
    scores = found.cv_results_["mean_test_score"]
    assert (scores < 0).all() and found.best_score_ == scores.max()


# ---------------------------------------------------------------------- failures


def test_what_fails_counts_as_the_error_score():
    space = {"fails": [True, False], "guess": randint(0, 3)}
    with pytest.warns(FitFailedWarning, match="it was told to fail"), pytest.warns(UserWarning, match="non-finite"):
        found = search(Guess(), space).fit(X, y)
    failed = np.array([params["fails"] for params in found.cv_results_["params"]])
    assert failed.any() and (np.isnan(found.cv_results_["mean_test_score"]) == failed).all()
    assert (found.cv_results_["rank_test_score"][failed] == (~failed).sum() + 1).all()
    assert not found.best_params_["fails"]
    with pytest.warns(FitFailedWarning):
        assert search(Guess(), space, error_score=-1).fit(X, y).cv_results_["mean_test_score"].min() == -1


def test_failures_are_raised_as_they_are():
    with pytest.raises(ValueError, match="^it was told to fail$"):
        search(Guess(fails=True), {"guess": [0, 1]}, error_score="raise").fit(X, y)
    with pytest.raises(ValueError, match="All the 18 fits failed"):
        search(Guess(fails=True), {"guess": randint(0, 100)}).fit(X, y)
    with pytest.raises(ValueError, match="The 'refit' parameter of SearchCV must be"):
        search(Guess(), {"guess": [0, 1]}, refit=3).fit(X, y)
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        search(Guess(), {"nothing": [0, 1]}).fit(X, y)
    with pytest.raises(neps.NePSError, match="needs max_seconds"):
        search(n_trials=None).fit(X, y)
    with pytest.raises(neps.NePSError, match="give it to the search itself"):
        search(run_options={"root_directory": "elsewhere"}).fit(X, y)


def test_scores_of_very_many_folds_are_read_from_their_file(tmp_path):
    many = [(np.arange(75), np.arange(75, 150))] * 600
    found = search(Guess(guess=2), {"n_estimators": [1, 2]}, cv=many, n_trials=1, refit=False, root_directory=tmp_path)
    found.fit(X, y)
    assert list(tmp_path.glob("configs/*/extra.fit_time-*"))
    assert found.n_splits_ == 600 and found.cv_results_["split599_test_score"] == np.mean(y[75:] == 2)


# ---------------------------------------------------------------------- weights, groups, routing


def test_weights_and_groups():
    groups = np.arange(150) % 5
    found = search(Guess(), {"guess": [0, 1]}, cv=GroupKFold(5), n_trials=2)
    found.fit(X, y, groups=groups)
    assert found.n_splits_ == 5
    with pytest.raises(ValueError, match="'groups' parameter should not be None"):
        clone(found).fit(X, y)


def test_metadata_is_routed():
    weights = np.where(y == 2, 100.0, 1.0)
    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        estimator = Guess().set_fit_request(sample_weight=True)
        found = search(estimator, {"guess": [0, 2]}, scoring=scorer, cv=GroupKFold(5), n_trials=4)
        found.fit(X, y, sample_weight=weights, groups=np.arange(150) % 5)
        assert found.best_params_ == {"guess": 2} and found.best_score_ > 0.95
        assert found.best_estimator_.weight_ == weights.sum()
        assert found.get_metadata_routing().consumes("fit", ["groups", "sample_weight"]) == {"groups", "sample_weight"}


# ---------------------------------------------------------------------- fidelities


def test_folds_are_saved_and_gone_on_with():
    options = {"optimizer": ("asha", {"sampler": "uniform"}), "n_trials": 16, "cv": 4, "refit": False}
    found = search(Guess(), {"guess": randint(0, 3)}, fidelity="n_splits", **options).fit(X, y)
    folds = found.cv_results_["n_resources"]
    known = np.sum([~np.isnan(found.cv_results_[f"split{i}_test_score"]) for i in range(4)], axis=0)
    assert set(folds) == {1, 4} and (known == folds).all()
    assert Guess.fits == folds.sum() - (folds == 4).sum()  # the first fold of those that went on is known
    assert folds[found.best_index_] == 4
    full = folds == 4
    assert found.cv_results_["rank_test_score"][full].max() <= full.sum() < found.cv_results_["rank_test_score"].max()
    assert "n_splits" not in found.best_params_


def test_samples_are_saved_with_the_classes_in_their_shares():
    seen = []

    class Counts(Guess):
        def fit(self, X, y, sample_weight=None):
            seen.append(np.bincount(y, minlength=3))
            return super().fit(X, y, sample_weight)

    options = {"optimizer": ("asha", {"sampler": "uniform"}), "n_trials": 10, "refit": False}
    found = search(Counts(), {"guess": randint(0, 3)}, fidelity=("n_samples", 50, None), **options).fit(X, y)
    assert set(found.cv_results_["n_resources"]) == {50, 150}
    assert found.cv_results_["n_resources"][found.best_index_] == 150
    assert {int(counts.sum()) for counts in seen} == {33, 100}
    assert all(np.ptp(counts) <= 1 for counts in seen)


@pytest.mark.parametrize("kind", [Rounds, ColdRounds])
def test_iterations_are_saved_and_gone_on_with(kind):
    options = {"optimizer": ("asha", {"sampler": "uniform"}), "n_trials": 12}
    found = search(kind(n_estimators=9), {"guess": randint(0, 3)}, fidelity="n_estimators", **options).fit(X, y)
    assert set(found.cv_results_["n_resources"]) >= {1, 3}
    assert found.best_params_["n_estimators"] == 9 == found.best_estimator_.rounds_
    is_warm = kind is Rounds
    assert ((3, 2) in Rounds.made) is is_warm and ((3, 3) in Rounds.made) is not is_warm
    assert "warm_start" not in found.best_params_ and not getattr(found.best_estimator_, "warm_start", False)


def test_what_can_not_be_kept_is_fitted_anew():
    class Local(Rounds):
        pass

    options = {"optimizer": ("asha", {"sampler": "uniform"}), "n_trials": 12}
    search(Local(n_estimators=9), {"guess": randint(0, 3)}, fidelity="n_estimators", **options).fit(X, y)
    assert (3, 3) in Rounds.made and (3, 2) not in Rounds.made


def test_what_max_iter_adds_to_is_known():
    forest = search(
        RandomForestClassifier(9, random_state=0), {"max_features": uniform(0.1, 0.9)}, fidelity="n_estimators"
    )
    assert forest.set_params(optimizer=("asha", {}), n_trials=8).fit(X, y).best_params_["n_estimators"] == 9
    descent = make_pipeline(StandardScaler(), SGDClassifier(tol=None, random_state=0))
    found = search(
        descent,
        {"sgdclassifier__alpha": loguniform(1e-6, 1e-1)},
        fidelity=("sgdclassifier__max_iter", 2, 18),
        optimizer=("asha", {}),
        n_trials=14,
    ).fit(X, y)
    assert found.best_params_["sgdclassifier__max_iter"] == 18 and found.best_score_ > 0.8


FOREST = RandomForestClassifier(5, random_state=0)
BOTH = [SGDClassifier(tol=None, random_state=0), HistGradientBoostingClassifier(random_state=0)]


@pytest.mark.parametrize(
    ("estimator", "space", "fidelity"),
    [
        (FOREST, {"max_features": [1, 2, 3]}, ("n_estimators", 1, 9)),
        (FOREST, {"max_features": [1, 2, 3]}, ("max_depth", 1, 9)),  # forests have warm_start, which would keep trees
        (FOREST, {"max_features": [1, 2, 3], "max_samples": neps.FloatFidelity(0.1, 0.9)}, None),
        (OneVsRestClassifier(BOTH[0]), {"estimator__alpha": [1e-4, 1e-3, 1e-2]}, ("estimator__max_iter", 1, 9)),
        (
            Pipeline([("model", BOTH[0])]),
            {"model": BOTH[1:], "model__max_leaf_nodes": [3, 5]},
            ("model__max_iter", 1, 9),
        ),
        (
            Pipeline([("model", FOREST)]),
            {"model": [DecisionTreeClassifier(random_state=0)]},
            ("model__max_depth", 1, 9),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Using the fractional value")
def test_what_went_on_scores_as_if_it_was_fitted_at_once(estimator, space, fidelity):
    found = search(estimator, space, fidelity=fidelity, optimizer=("asha", {"sampler": "uniform"}), n_trials=9, cv=2)
    results = found.set_params(refit=False).fit(X, y).cv_results_
    full = np.flatnonzero(results["n_resources"] == np.max(results["n_resources"]))
    assert len(full)
    for row in full[:1]:
        scores = cross_val_score(clone(estimator).set_params(**results["params"][row]), X, y, cv=2)
        assert [results[f"split{i}_test_score"][row] for i in range(2)] == list(scores)


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (MultinomialNB(), "alpha"),
        (make_pipeline(MinMaxScaler(), SGDClassifier(random_state=0)), "sgdclassifier__alpha"),
        (make_pipeline("passthrough", MLPClassifier((3,), random_state=0)), "mlpclassifier__alpha"),
    ],
)
def test_passes_are_added(estimator, name, monkeypatch):
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    passes, original = [], type(last).partial_fit

    @functools.wraps(original)
    def counted(self, *args, **kwargs):
        passes.append(sorted(kwargs))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(type(last), "partial_fit", counted)
    weighted = {f"{name[:-5]}sample_weight": np.where(y == 1, 2.0, 1.0)} if name != "mlpclassifier__alpha" else {}
    found = search(estimator, {name: [1e-3, 1e-2, 1e-1]}, fidelity=("partial_fit", 1, 9), n_trials=14, cv=2)
    found.set_params(optimizer=("asha", {"sampler": "uniform"})).fit(X, y, **weighted)
    results, row = found.cv_results_, found.best_index_
    assert results["n_resources"][row] == 9 and set(found.best_params_) == {name} and "fit" not in vars(last)
    spared = {1: 0, 3: 1, 9: 3}  # those that went on
    assert len(passes) == 2 * sum(n - spared[n] for n in results["n_resources"]) + 9
    assert passes[0] == sorted({"classes", *(["sample_weight"] if weighted else [])}) and "classes" not in passes[-1]
    for i, (train, test) in enumerate(StratifiedKFold(2).split(X, y)):
        model = clone(estimator).set_params(**found.best_params_)
        before = model[:-1].fit(X[train]) if isinstance(estimator, Pipeline) else None
        inner, seen = (model, X) if before is None else (model[-1], before.transform(X))
        for _ in range(9):
            weights = {"sample_weight": each[train] for each in weighted.values()}
            original(inner, seen[train], y[train], classes=[0, 1, 2], **weights)
        weights = {"sample_weight": weighted["sample_weight"][test]} if name == "alpha" else {}  # scored as well
        assert results[f"split{i}_test_score"][row] == inner.score(seen[test], y[test], **weights)


def test_the_best_is_made_complete_where_nothing_was():
    found = search(Guess(), {"guess": randint(0, 3)}, fidelity="n_splits", optimizer=("asha", {}), n_trials=1)
    found.fit(X, y)
    assert list(found.cv_results_["n_resources"]) == [1, 3] and found.best_index_ == 1
    assert found.cv_results_["params"][0] == found.cv_results_["params"][1]


def test_a_fidelity_in_the_space():
    found = search(
        Guess(), {"guess": [0, 1, 2], "n_estimators": neps.IntegerFidelity(1, 9)}, optimizer="auto", n_trials=6
    )
    found.fit(X, y)
    assert found.best_params_["n_estimators"] == 9


@pytest.mark.parametrize(
    ("fidelity", "message"),
    [
        ("n_split", "neither 'n_splits', 'n_samples', 'partial_fit' nor a parameter"),
        (("n_samples", 0.1, 0.5), "0.1 is no whole number"),
        ("partial_fit", "doesn't say how many passes"),
        (("partial_fit", 1, 9), r"partial_fit, which Guess\(\) does not have"),
        (("n_samples", 10, 200), "there are only 150 of n_samples"),
        (("n_splits", 3, 3), "leaves nothing to save"),
        ("fails", "is False, no whole number"),
        (3, "must be a name, or"),
    ],
)
def test_fidelities_that_make_no_sense(fidelity, message):
    with pytest.raises(neps.NePSError, match=message):
        search(Guess(), {"guess": [0, 1]}, fidelity=fidelity).fit(X, y)


# ---------------------------------------------------------------------- folders and processes


def test_a_folder_is_gone_on_with(tmp_path):
    first = search(Guess(), {"guess": randint(0, 50)}, root_directory=tmp_path / "run", n_trials=4).fit(X, y)
    fits = Guess.fits
    again = search(Guess(), {"guess": randint(0, 50)}, root_directory=tmp_path / "run", n_trials=4).fit(X, y)
    assert Guess.fits == fits + 1  # to all data
    assert again.cv_results_["params"] == first.cv_results_["params"]
    assert again.cv_results_["split1_test_score"].tolist() == first.cv_results_["split1_test_score"].tolist()
    more = search(Guess(), {"guess": randint(0, 50)}, root_directory=tmp_path / "run", n_trials=6).fit(X, y)
    assert more.cv_results_["params"][:4] == first.cv_results_["params"] and len(more.cv_results_["params"]) == 6
    assert len(neps.load_trials(tmp_path / "run")) == 6


def test_a_folder_is_for_one_data_set(tmp_path):
    search(Guess(), {"guess": [0, 1]}, root_directory=tmp_path / "run").fit(X, y)
    with pytest.raises(neps.NePSError, match="has a search on other data"):
        search(Guess(), {"guess": [0, 1]}, root_directory=tmp_path / "run").fit(X[:120], y[:120])
    models = {"m": [Guess(1), Guess(2)]}
    search(Pipeline([("m", Guess())]), models, root_directory=tmp_path / "models", n_trials=2).fit(X, y)
    models["m"][1].guess = 0  # a run knows only the classes of what it chose from
    with pytest.raises(neps.NePSError, match="has a search on other data"):
        search(Pipeline([("m", Guess())]), models, root_directory=tmp_path / "models").fit(X, y)
    each = search(Guess(), {"guess": [0, 1]}, root_directory=str(tmp_path / "all-{data}"), n_trials=2)
    cross_val_score(each, X, y, cv=2)
    assert len(list(tmp_path.glob("all-*"))) == 2


def test_a_killed_search_goes_on(tmp_path, monkeypatch):
    (tmp_path / "mortal.py").write_text(
        textwrap.dedent(
            """
            import os
            from sklearn.svm import SVC

            class Mortal(SVC):
                fits = 0
                def fit(self, X, y):
                    Mortal.fits += 1
                    if Mortal.fits == int(os.environ.get("DIES_AT", 0)):
                        os._exit(9)
                    return super().fit(X, y)
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    from mortal import Mortal

    made = search(Mortal(), {"C": [0.1, 1.0, 10.0, 100.0]}, n_trials=4, root_directory=tmp_path / "run")
    (tmp_path / "search.pickle").write_bytes(pickle.dumps((made, X, y)))
    program = "import pickle; search, X, y = pickle.load(open('search.pickle', 'rb')); search.fit(X, y)"
    environment = {**os.environ, "DIES_AT": "8", "PYTHONPATH": str(tmp_path)}
    killed = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=False)
    assert killed.returncode == 9
    assert len(made.fit(X, y).cv_results_["params"]) == 4
    assert Mortal.fits == 7  # two candidates of three fits each, and one to all data


def test_other_processes_evaluate():
    one = search(n_trials=4).fit(X, y)
    two = search(n_trials=4, n_jobs=2, executor="threads").fit(X, y)
    assert two.cv_results_["params"] == one.cv_results_["params"]
    assert two.cv_results_["mean_test_score"].tolist() == one.cv_results_["mean_test_score"].tolist()
    three = search(n_trials=2, executor="processes", n_jobs=1).fit(X, y)
    assert three.cv_results_["params"] == one.cv_results_["params"][:2]


def test_a_search_ends_by_the_clock():
    found = search(Guess(), {"guess": randint(0, 100)}, n_trials=None, max_seconds=0.2).fit(X, y)
    assert "wallclock" in found.stopped_because_ and len(found.cv_results_["params"]) > 1


def test_without_scikit_learn_one_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "neps.sklearn")
    with pytest.raises(ImportError, match=r"install neps-framework\[sklearn\]"):
        import neps.sklearn  # noqa: F401


def test_scorers_by_name_are_scikit_learns():
    found = search(LogisticRegression(max_iter=500), {"C": [0.1, 1.0]}, scoring="neg_log_loss", n_trials=2).fit(X, y)
    assert found.score(X, y) == get_scorer("neg_log_loss")(found.best_estimator_, X, y)
