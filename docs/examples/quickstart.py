"""Tune a linear classifier that reads handwritten digits: it then misreads about half as many.

    pip install "neps-framework[examples]"
    python quickstart.py

It takes about ten seconds, and leaves all that it found in the folder `quickstart_results`.
"""

import logging
import sys

from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import cross_val_score, train_test_split

import neps

# With --watch, how it stands is shown at the terminal, and a page is left in summary/report.html.
OBSERVERS = ["summary", "progress", "report"] if "--watch" in sys.argv else ["summary"]

# The search sees one half of the digits. The other is for an honest look at what it has chosen.
X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), test_size=0.5, random_state=0)


class Space(neps.PipelineSpace):
    loss = neps.Categorical(["hinge", "log_loss", "modified_huber"])
    alpha = neps.Float(1e-4, 1e1, log=True)  # the strength of the regularisation
    learning_rate = neps.Categorical(["optimal", "invscaling", "adaptive"])
    eta0 = neps.Float(1e-4, 1e-2, log=True)  # the first step's size
    average = neps.Integer(1, 1000)  # average the weights once so many digits were seen


def classifier(**hyperparameters):
    return SGDClassifier(**hyperparameters, random_state=0)


def evaluate_pipeline(**hyperparameters):
    """The share of digits that are misread, by five-fold cross-validation: this is minimised."""
    return 1 - cross_val_score(classifier(**hyperparameters), X, y, cv=5).mean()


def held_out_error(**hyperparameters):
    return 1 - classifier(**hyperparameters).fit(X, y).score(X_test, y_test)


def main():
    logging.basicConfig(level=logging.INFO, format="%(message)s")  # or else nothing is said until the end
    result = neps.run(
        evaluate_pipeline,
        Space(),
        root_directory="quickstart_results",
        # Each start begins anew, whatever was changed above. Without this line, the next start goes on where
        # the last one ended, and several at the same time share the work.
        overwrite_root_directory=True,
        observers=OBSERVERS,
        evaluations_to_spend=25,
        seed=0,
    )
    best = result.best.config
    print("\nThe best configuration:")
    for name, value in best.items():
        print(f"    {name} = {value}")
    print(f"\n{'':20}{'default':>8}{'best':>8}")
    print(f"{'validation error':20}{evaluate_pipeline():8.1%}{result.best.report.objective_to_minimize:8.1%}")
    print(f"{'test error':20}{held_out_error():8.1%}{held_out_error(**best):8.1%}")
    print(f"\nThe results are in {result.root_directory}")


if __name__ == "__main__":
    main()
