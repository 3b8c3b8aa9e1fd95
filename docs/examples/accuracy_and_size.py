"""Two objectives and a constraint: forests that recognise digits, with few errors, small, and bad at no digit.

    pip install "neps-framework[examples,analysis]"
    python accuracy_and_size.py

A larger forest makes fewer errors, so there is no best one, but a Pareto front: those forests than which no other is
better in one thing and no worse in the other. What misses too many of any one digit is of no use, however small it is.

It takes a quarter of a minute, and leaves all that was found in the folder `accuracy_and_size_results`.
"""

import os
import sys

from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import recall_score
from sklearn.model_selection import train_test_split

import neps

# With --watch, how it stands is shown at the terminal, and a page is left in summary/report.html.
OBSERVERS = ["summary", "progress", "report"] if "--watch" in sys.argv else ["summary"]

X, X_validation, y, y_validation = train_test_split(*load_digits(return_X_y=True), test_size=0.4, random_state=0)

EVALUATIONS = int(os.environ.get("EVALUATIONS", "80"))


class Space(neps.PipelineSpace):
    n_estimators = neps.Integer(3, 60, log=True)  # trees
    max_leaf_nodes = neps.Integer(8, 512, log=True)  # of each tree
    max_features = neps.Float(0.05, 1.0, log=True)  # share of the pixels that a split may look at
    criterion = neps.Categorical(["gini", "entropy"])


def evaluate_pipeline(**hyperparameters):
    model = ExtraTreesClassifier(random_state=0, **hyperparameters).fit(X, y)
    found = recall_score(y_validation, model.predict(X_validation), average=None, zero_division=0)  # of each digit
    return {
        "objective_to_minimize": {
            "error": 1 - model.score(X_validation, y_validation),
            "nodes": sum(tree.tree_.node_count for tree in model.estimators_),
        },
        "constraints": {"missed": 1 - found.min() - 0.2},  # at most 0: of each digit, at most 20 % are missed
    }


def main():
    result = neps.run(
        evaluate_pipeline,
        Space(),
        root_directory="accuracy_and_size_results",
        overwrite_root_directory=True,  # each start begins anew
        observers=OBSERVERS,
        evaluations_to_spend=EVALUATIONS,
        seed=0,
        scalarize={"error": 100, "nodes": 1 / 1000},  # chooses result.best: 1 % of errors is worth 1000 nodes
    )
    infeasible = sum(not trial.is_feasible for trial in result.trials.values())
    print(f"Of {len(result.trials)} forests, {infeasible} miss more than 20 % of some digit. The best of the others:\n")
    print(f"{'trial':>6}{'error':>9}{'nodes':>8}{'trees':>8}{'leaves':>8}")
    for trial in result.pareto_front:
        error, nodes = trial.objectives
        chosen = "  <- 1 % of errors for 1000 nodes" if trial.id == result.best.id else ""
        trees, leaves = trial.config["n_estimators"], trial.config["max_leaf_nodes"]
        print(f"{trial.id:>6}{error:9.1%}{nodes:8.0f}{trees:8}{leaves:8}{chosen}")
    try:
        picture, *_ = neps.plot("accuracy_and_size_results", log_x=True)
    except neps.NePSError as reason:  # without matplotlib
        print(f"\nNo picture: {reason}")
    else:
        print(f"\nThe picture is {picture}")


if __name__ == "__main__":
    main()
