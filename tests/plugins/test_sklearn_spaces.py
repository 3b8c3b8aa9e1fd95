"""Spaces as scikit-learn takes them, and those that are suggested."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.gaussian_process.kernels import RBF
from sklearn.impute import SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.utils import all_estimators

import neps
from neps.sklearn import suggest_space
from neps_core import CategoricalDomain, FloatDomain, IntegerDomain, Prior, SpaceError, Uniform, replay
from neps_core.space_parsing import load_space
from neps_plugins.spaces.distributions import DistributionSpace, parse_distributions


def domains(**given):
    return parse_distributions(given).flat_domains


def test_ranges():
    found = domains(
        a=stats.uniform(2, 3), b=stats.loguniform(1e-3, 10), c=stats.randint(1, 8), d=neps.Integer(1, 4, log=True)
    )
    assert found["a"] == FloatDomain(2.0, 5.0)
    assert (found["b"].lower, found["b"].upper, found["b"].log) == (pytest.approx(1e-3), pytest.approx(10.0), True)
    assert found["c"] == IntegerDomain(1, 7)
    assert found["d"] == IntegerDomain(1, 4, log=True)


def test_lists_are_choices():
    space = parse_distributions(
        {"a": [1, 2, 10], "b": np.array([3.0, 1.0]), "c": ("x", None), "d": [(1, 1), (1, 2)], "e": ["only"], "f": 7}
    )
    found = space.flat_domains
    assert found["a"] == CategoricalDomain((1, 2, 10), ordered=True)
    assert found["b"] == CategoricalDomain((3.0, 1.0))
    assert found["c"] == CategoricalDomain(("x", None))
    assert set(found) == set("abcd")
    arguments = space.resolve(Uniform(np.random.default_rng(0))).arguments()
    assert arguments["e"] == "only" and arguments["f"] == 7 and arguments["d"] in [(1, 1), (1, 2)]
    assert domains(a=["x", "x", "y"])["a"].choices == ("x", "y")
    assert domains(a=pd.Series([2, 1]))["a"].choices == (2, 1)
    assert len(domains(a=[RBF(1.0), RBF(1.0001)])["a"].choices) == 2  # which look the same
    assert len(domains(a=[np.zeros(2000), np.eye(1, 2000, 999)[0]])["a"].choices) == 2


@pytest.mark.parametrize(
    "distribution",
    [
        stats.norm(3, 2),
        stats.truncnorm(-1, 2),
        stats.expon(scale=100),
        stats.beta(2, 5),
        stats.cauchy(),
        stats.lognorm(3, scale=1e-3),
        stats.pareto(1.2),
        stats.poisson(6),
        stats.nbinom(1, 0.001),
        stats.zipf(1.5),
    ],
)
def test_other_distributions_are_priors(distribution):
    space = parse_distributions({"x": distribution})
    assert space.has_priors
    space = load_space(json.loads(json.dumps(space.to_document())), trusted=True)
    source = Prior(np.random.default_rng(0))
    drawn = np.array([space.resolve(source).arguments()["x"] for _ in range(2000)])
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        value = np.quantile(drawn, share)
        before = distribution.cdf(value - 1) if hasattr(distribution, "pmf") else distribution.cdf(value)
        assert before - 0.04 < share < distribution.cdf(value) + 0.04


def test_a_table_of_values_is_a_choice_with_weights():
    domain = domains(x=stats.rv_discrete(values=([1, 3, 10, 4], [0.2, 0.3, 0.5, 0.0]))(loc=1))["x"]
    assert domain.choices == (2, 4, 11) and domain.ordered and domain.prior.weights == (0.2, 0.3, 0.5)


def test_what_can_not_be_meant():
    class Drawn:
        def rvs(self, random_state=None):
            return 1.0

    with pytest.raises(SpaceError, match=r"C: \(1, 8\) may be a range or two values"):
        domains(C=(1, 8))
    with pytest.raises(SpaceError, match="has no quantiles"):
        domains(C=Drawn())
    for several in ({1, 2}, iter([1, 2]), np.eye(2), {"a": 1}.values()):
        with pytest.raises(SpaceError, match="may be several values or one"):
            domains(C=several)
    with pytest.raises(SpaceError, match="'loguniform' needs a number for each of its parameters"):
        domains(C=stats.loguniform)
    with pytest.raises(SpaceError, match="nothing to choose from"):
        domains(C=[])
    with pytest.raises(SpaceError, match="parameter within a parameter"):
        domains(C=neps.Categorical([neps.Float(0, 1), 2.0]))
    with pytest.raises(SpaceError, match="makes no sense"):
        domains(C=stats.uniform(0, -1))
    with pytest.raises(SpaceError, match="list of such dicts"):
        parse_distributions([1, 2])


SEVERAL = [
    {"kernel": ["linear"], "C": stats.loguniform(1e-2, 1e2), "tol": [1e-3]},
    {"kernel": ["rbf", "poly"], "C": stats.loguniform(1e-2, 1e2), "gamma": stats.expon(scale=0.1)},
    {"kernel": ["poly"], "C": stats.uniform(0, 1)},
]


def test_one_of_several_dicts():
    space = parse_distributions(SEVERAL)
    rng = np.random.default_rng(0)
    resolutions = [space.resolve(Uniform(rng)) for _ in range(60)]
    assert {each.config["which"] for each in resolutions} == {1, 2, 3}
    for each in resolutions:
        names = set(SEVERAL[each.config["which"] - 1])
        assert set(each.arguments()) == names
        assert ("C" in each.config) is (each.config["which"] < 3)  # one decision where it is the same
        assert replay(space, each.config).arguments() == each.arguments()
        assert replay(space, space.from_arguments(each.arguments())).arguments() == each.arguments()
    assert space.argument_names == {"kernel": True, "C": True, "tol": False, "gamma": False}


@pytest.mark.parametrize("given", [SEVERAL, {"a": stats.poisson(3), "b": [np.mean, None, (1, 2)], "c": "constant"}])
def test_is_stored_and_read(given):
    space = parse_distributions(given)
    document = json.loads(json.dumps(space.to_document()))
    again = load_space(document, trusted=True)
    assert isinstance(again, DistributionSpace) and again.to_document() == document
    for seed in range(20):
        one, other = (each.resolve(Prior(np.random.default_rng(seed))) for each in (space, again))
        assert one.config == other.config and one.arguments() == other.arguments()


def test_a_run_is_gone_on_with_by_what_is_stored(tmp_path):
    def evaluate(**arguments):
        return float(len(arguments))

    neps.run(evaluate, parse_distributions(SEVERAL), root_directory=tmp_path / "run", evaluations_to_spend=3)
    result = neps.run(evaluate, root_directory=tmp_path / "run", evaluations_to_spend=2)
    assert len(result.trials) == 5


# ---------------------------------------------------------------------- suggestions


@pytest.mark.parametrize(
    "make",
    [
        LogisticRegression,
        Ridge,
        SVC,
        SVR,
        ExtraTreesClassifier,
        RandomForestRegressor,
        HistGradientBoostingClassifier,
        KNeighborsClassifier,
        MLPClassifier,
        GaussianNB,
    ],
)
def test_suggestions_can_be_set(make):
    space = neps.sklearn.suggest_space(make())
    rng = np.random.default_rng(0)
    for _ in range(20):
        arguments = parse_distributions(space).resolve(Uniform(rng)).arguments()
        assert make().set_params(**arguments)._validate_params() is None


@pytest.mark.filterwarnings("ignore:Class .* is deprecated:FutureWarning")
def test_suggestions_name_parameters_of_every_estimator():
    n = 0
    for _, make in all_estimators(type_filter=["classifier", "regressor"]):
        try:
            space = suggest_space(make())
        except (TypeError, SpaceError):  # it needs another estimator, or there is none for it
            continue
        assert set(space) <= set(make().get_params())
        n += 1
    assert n > 45


def test_a_kernel_that_was_chosen_decides():
    assert set(suggest_space(SVC(kernel="linear"))) == {"C"}
    assert set(suggest_space(SVC(kernel="poly"))) == {"C", "gamma", "coef0", "degree"}
    assert set(suggest_space(SVR())) == {"C", "gamma", "epsilon"}
    assert suggest_space(SVC())["C"].log
    assert "bootstrap" in suggest_space(RandomForestRegressor())
    assert "bootstrap" not in suggest_space(RandomForestRegressor(oob_score=True))
    assert set(suggest_space(KernelRidge())) == {"alpha"}
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), PCA(2, svd_solver="arpack"), Ridge())
    assert set(suggest_space(words)) == {"ridge__alpha"}  # a mean of text, and a share of variance, would fail
    assert suggest_space(LinearDiscriminantAnalysis(n_components=1))["solver"].choices == ("eigen",)


def test_parts_are_looked_at():
    columns = ColumnTransformer([("numbers", make_pipeline(StandardScaler(), PCA()), [0]), ("rest", "drop", [1])])
    space = suggest_space(Pipeline([("columns", columns), ("nothing", "passthrough"), ("model", Ridge())]))
    assert set(space) == {"columns__numbers__pca__n_components", "model__alpha"}
    assert set(suggest_space(TransformedTargetRegressor(Ridge()))) == {"regressor__alpha"}
    stack = StackingClassifier([("svm", SVC(kernel="linear"))], final_estimator=LogisticRegression())
    assert set(suggest_space(stack)) == {"svm__C", "final_estimator__C"}


def test_what_has_no_suggestion_says_so():
    class Mine(BaseEstimator):
        def fit(self, X, y):
            return self

    with pytest.raises(SpaceError, match=r"no suggestion for Mine\."):
        suggest_space(make_pipeline(StandardScaler(), Mine()))
    with pytest.raises(SpaceError, match=r"no suggestion for LinearRegression\."):
        suggest_space(LinearRegression())
    with pytest.raises(SpaceError, match="no estimator of scikit-learn's"):
        suggest_space(SVC)
    with pytest.raises(SpaceError, match="nothing in Pipeline"):
        suggest_space(make_pipeline(StandardScaler()))
