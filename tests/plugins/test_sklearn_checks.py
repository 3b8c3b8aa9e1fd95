"""scikit-learn's own checks of estimators, as it runs them on its searches."""

import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from neps.sklearn import SearchCV


def search(estimator, name, **options):
    return SearchCV(
        estimator,
        {name: [0.1, 1.0]},
        n_trials=2,
        optimizer="random_search",
        cv=2,
        error_score="raise",
        random_state=0,
        **options,
    )


def known(estimator):
    """What scikit-learn's own searches don't pass, either: the warning is the inner estimator's."""
    return {"check_supervised_y_2d": "DataConversionWarning not caught"}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [
        search(LogisticRegression(), "C"),
        search(Pipeline([("pca", PCA()), ("ridge", Ridge())]), "ridge__alpha"),
    ],
    expected_failed_checks=known,
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)
