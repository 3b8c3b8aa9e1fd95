"""Search for a whole scikit-learn pipeline: how to scale, whether to reduce dimensions, which classifier.

    pip install "neps-framework[examples]"
    python pipeline_search.py

It takes about fifteen seconds, and leaves all that it found in the folder `pipeline_search_results`.
"""

import logging
import sys

from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

import neps

# With --watch, how it stands is shown at the terminal, and a page is left in summary/report.html.
OBSERVERS = ["summary", "progress", "report"] if "--watch" in sys.argv else ["summary"]

# The search sees one half of the digits. The other is for an honest look at what it has chosen.
X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), test_size=0.5, random_state=0)


class Space(neps.PipelineSpace):
    # Building blocks: the underscore keeps them from being arguments of their own.
    _scaler = neps.Categorical(
        [
            "passthrough",  # a constant: what scikit-learn calls a step that does nothing
            neps.Operation(StandardScaler),
            neps.Operation(MinMaxScaler),
        ]
    )
    _reduction = neps.Categorical(
        [
            "passthrough",
            neps.Operation(
                PCA,
                # A constant may stand anywhere, and so may a choice.
                kwargs={
                    "n_components": neps.Integer(5, 60, log=True),
                    "whiten": neps.Categorical([False, True]),
                    "random_state": 0,
                },
            ),
        ]
    )
    # A classifier's parameters are decided only where that classifier is chosen.
    _classifier = neps.Categorical(
        [
            neps.Operation(
                SVC,
                kwargs={"C": neps.Float(1e-2, 1e3, log=True), "gamma": neps.Float(1e-5, 1e0, log=True)},
            ),
            neps.Operation(
                KNeighborsClassifier,
                kwargs={"n_neighbors": neps.Integer(1, 20), "weights": neps.Categorical(["uniform", "distance"])},
            ),
            neps.Operation(
                RandomForestClassifier,
                kwargs={
                    "n_estimators": 50,
                    "max_features": neps.Float(0.05, 0.5),
                    "min_samples_leaf": neps.Integer(1, 10, log=True),
                    "random_state": 0,
                },
            ),
        ]
    )

    # A callable operator is called: `evaluate_pipeline` gets the estimator that it returns.
    pipeline = neps.Operation(make_pipeline, args=(_scaler, _reduction, _classifier))
    # An operator that is a string is handed over as text. The same objects have the same values here as there.
    description = neps.Operation("pipeline", args=(_scaler, _reduction, _classifier))


def evaluate_pipeline(pipeline, description):
    """The share of digits that are misread, by five-fold cross-validation: this is minimised."""
    error = 1 - cross_val_score(pipeline, X, y, cv=5).mean()
    return {"objective_to_minimize": error, "info_dict": {"pipeline": description}}


def held_out_error(pipeline):
    return 1 - pipeline.fit(X, y).score(X_test, y_test)


def main():
    logging.basicConfig(level=logging.INFO, format="%(message)s")  # or else nothing is said until the end
    space = Space()
    result = neps.run(
        evaluate_pipeline,
        space,
        root_directory="pipeline_search_results",
        overwrite_root_directory=True,  # each start begins anew
        observers=OBSERVERS,
        evaluations_to_spend=40,
        seed=0,
    )
    best = result.best
    # The configuration holds the decisions; this makes the arguments of `evaluate_pipeline` from them again.
    arguments = neps.load_config(config=best.config, pipeline_space=space)
    print(f"\nThe best pipeline:\n{arguments['description']}")
    print("\nIts decisions:")
    for path, value in best.config.items():
        print(f"    {path} = {value}")

    default = make_pipeline(StandardScaler(), LogisticRegression())
    validation_error = evaluate_pipeline(default, "default")["objective_to_minimize"]
    print(f"\nThe default is {default}.\n")
    print(f"{'':20}{'default':>8}{'best':>8}")
    print(f"{'validation error':20}{validation_error:8.1%}{best.report.objective_to_minimize:8.1%}")
    print(f"{'test error':20}{held_out_error(default):8.1%}{held_out_error(arguments['pipeline']):8.1%}")
    print(f"\nThe results are in {result.root_directory}")


if __name__ == "__main__":
    main()
