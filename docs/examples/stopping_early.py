"""Stop trainings early that are worse than the others were by the same epoch: the same error for fewer epochs.

    pip install "neps-framework[examples]"
    python stopping_early.py

Two searches train the same neural networks, in the same order: one trains each to its end, the other has
`stopping_rule="median"`. All that the function has to do is to say how it stands after each epoch, with `neps.report`.

It takes about a quarter of a minute, and leaves all that was found in the folder `stopping_early_results`.
"""

import math
import os
import sys

from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import neps

# With --watch, how it stands is shown at the terminal, and a page is left in summary/report.html.
OBSERVERS = ["summary", "progress", "report"] if "--watch" in sys.argv else ["summary"]

X, X_validation, y, y_validation = train_test_split(*load_digits(return_X_y=True), test_size=0.35, random_state=0)
scaler = StandardScaler().fit(X)
X, X_validation = scaler.transform(X), scaler.transform(X_validation)

EPOCHS = 20
NETWORKS = int(os.environ.get("NETWORKS", "40"))


class Space(neps.PipelineSpace):
    learning_rate_init = neps.Float(1e-5, 1e0, log=True)
    alpha = neps.Float(1e-6, 1e-1, log=True)  # the strength of the regularisation
    batch_size = neps.Integer(32, 256, log=True)
    width = neps.Integer(4, 128, log=True)  # of the hidden layer
    momentum = neps.Float(0.0, 0.95)


def evaluate_pipeline(width, **hyperparameters):
    """Train and return the loss on the validation data: this is minimised."""
    model = MLPClassifier((width,), solver="sgd", random_state=0, **hyperparameters)
    for epoch in range(1, EPOCHS + 1):
        try:
            model.partial_fit(X, y, classes=range(10))
        except ValueError:  # the steps were too large, and the weights have overflown
            return math.inf
        loss = log_loss(y_validation, model.predict_proba(X_validation), labels=range(10))
        # Raises StopTrial if it is not worth going on. Nothing has to be done about that.
        neps.report(loss, epoch, error=1 - model.score(X_validation, y_validation))
    return loss


def main():
    print(f"{'':10}{'networks':>10}{'stopped':>10}{'epochs':>10}{'best loss':>12}{'its error':>12}")
    for name, rule in (("to the end", None), ("median", "median")):
        result = neps.run(
            evaluate_pipeline,
            Space(),
            root_directory=f"stopping_early_results/{name.replace(' ', '_')}",
            overwrite_root_directory=True,  # each start begins anew
            observers=OBSERVERS,
            optimizer="random_search",
            stopping_rule=rule,
            evaluations_to_spend=NETWORKS,
            seed=0,
        )
        trials = list(result.trials.values())
        stopped = sum(trial.was_stopped_early for trial in trials)
        epochs = sum(len(trial.points) for trial in trials)
        best = result.best
        error = best.points[-1].extra["error"]
        loss = best.report.objective_to_minimize
        print(f"{name:10}{len(trials):10}{stopped:10}{epochs:10}{loss:12.4f}{error:12.1%}")
    print("\nThe results are in stopping_early_results")


if __name__ == "__main__":
    main()
