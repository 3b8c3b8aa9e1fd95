"""Predict the progress of diabetes as scikit-learn's users do, with a search of ours.

    pip install "neps-framework[sklearn]"
    python scikit_learn.py

It takes some five seconds.
"""

from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from neps.sklearn import SearchCV, suggest_space

# The search sees two thirds of the patients. The others are for an honest look at what it has chosen.
X, X_test, y, y_test = train_test_split(*load_diabetes(return_X_y=True), test_size=1 / 3, random_state=0)

pipeline = make_pipeline(StandardScaler(), SVR(max_iter=100_000))
space = suggest_space(pipeline)  # what is worth searching, and how far


def main():
    # One fold tells enough to drop the worst, so that more candidates are tried in the same time.
    search = SearchCV(pipeline, space, n_trials=40, cv=5, fidelity="n_splits", random_state=0)
    search.fit(X, y)
    complete = search.cv_results_["n_resources"] == 5
    print(f"{len(complete)} candidates, {complete.sum()} of them on all folds")
    for name, value in search.best_params_.items():
        print(f"    {name} = {value:.3g}")
    print(f"\n{'':20}{'default':>8}{'best':>8}")
    print(f"{'R2 on the others':20}{pipeline.fit(X, y).score(X_test, y_test):8.3f}{search.score(X_test, y_test):8.3f}")


if __name__ == "__main__":
    main()
