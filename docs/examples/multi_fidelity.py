"""Train neural networks epoch by epoch, and the good ones for longer: the same error for a fraction of the epochs.

    pip install "neps-framework[examples]"
    python multi_fidelity.py

Hyperband trains many networks for one epoch, the best third of them for three, the best third of those for nine, and
so on. A network that goes on does so from its checkpoint. Random search trains each one to the end. One run of each
says little, because both depend on luck: with the seeds from 0 to 5, Hyperband needed between 13 % and 143 % of the
epochs that random search needed for the same loss, and 22 % in the median.

It takes about a quarter of a minute, and leaves all that was found in the folder `multi_fidelity_results`.
"""

import logging
import math
import os
import sys

import joblib
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

EPOCHS = 27  # of one whole training
TRAININGS = int(os.environ.get("TRAININGS", "25"))  # the whole trainings that each search may spend


class Space(neps.PipelineSpace):
    learning_rate_init = neps.Float(1e-5, 1e0, log=True)
    alpha = neps.Float(1e-6, 1e-1, log=True)  # the strength of the regularisation
    batch_size = neps.Integer(32, 256, log=True)
    width = neps.Integer(4, 128, log=True)  # of the hidden layer
    activation = neps.Categorical(["logistic", "tanh", "relu"])
    momentum = neps.Float(0.0, 0.95)
    epochs = neps.IntegerFidelity(1, EPOCHS)


def evaluate_pipeline(epochs, width, pipeline_directory, previous_pipeline_directory, **hyperparameters):
    """Train up to `epochs` and return the loss on the validation data: this is minimised."""
    # A checkpoint is here if this trial was interrupted; otherwise there may be one in the trial that it continues.
    model, done = MLPClassifier((width,), solver="sgd", random_state=0, **hyperparameters), 0
    for folder in (pipeline_directory, previous_pipeline_directory):
        if folder is not None and (folder / "checkpoint.joblib").exists():
            model, done = joblib.load(folder / "checkpoint.joblib")
            break
    for epoch in range(done, epochs):
        try:
            model.partial_fit(X, y, classes=range(10))
        except ValueError:  # the steps were too large, and the weights have overflown
            return {"objective_to_minimize": math.inf, "cost": epochs - done, "info_dict": {"error": 1.0}}
        joblib.dump((model, epoch + 1), pipeline_directory / "part")
        (pipeline_directory / "part").replace(pipeline_directory / "checkpoint.joblib")  # whole, or not at all
    loss = log_loss(y_validation, model.predict_proba(X_validation), labels=range(10))
    return {
        "objective_to_minimize": loss,
        "cost": epochs - done,  # only what was added
        "info_dict": {"error": 1 - model.score(X_validation, y_validation)},
    }


def search(name, optimizer):
    result = neps.run(
        evaluate_pipeline,
        Space(),
        root_directory=f"multi_fidelity_results/{name}",
        overwrite_root_directory=True,  # each start begins anew
        observers=OBSERVERS,
        optimizer=optimizer,
        cost_to_spend=TRAININGS * EPOCHS,
        seed=0,
    )
    return sorted(result.trials.values(), key=lambda trial: trial.metadata.time_end)


def loss_of(trial):
    return trial.report.objective_to_minimize


def epochs_until(trials, loss):
    """The epochs that were trained until there was a network as good as that."""
    spent = 0
    for trial in trials:
        spent += trial.report.cost
        if loss_of(trial) <= loss:
            return spent
    return None


def main():
    logging.basicConfig(level=logging.WARNING, format="%(message)s")  # INFO tells of every trial
    # "hyperband" decides at which fidelity each network is trained; random search has to be told.
    runs = {
        "random_search": search("random_search", ("random_search", {"ignore_fidelity": "highest_fidelity"})),
        "hyperband": search("hyperband", "hyperband"),
    }
    print(f"{'':15}{'networks':>10}{'epochs':>10}{'best loss':>12}{'its error':>12}")
    for name, trials in runs.items():
        networks = {trial.id.partition("_")[0] for trial in trials}
        epochs = sum(trial.report.cost for trial in trials)
        best = min(trials, key=loss_of)
        print(f"{name:15}{len(networks):10}{epochs:10.0f}{loss_of(best):12.4f}{best.report.extra['error']:12.1%}")

    target = min(loss_of(trial) for trial in runs["random_search"])
    needed = {name: epochs_until(trials, target) for name, trials in runs.items()}
    print(f"\nEpochs until there was a network with a loss of at most {target:.4f}, the best of random search:")
    for name, epochs in needed.items():
        print(f"    {name:15} {'not reached' if epochs is None else f'{epochs:.0f}'}")
    if needed["hyperband"] is not None:
        print(f"Hyperband needed {needed['hyperband'] / needed['random_search']:.0%} of them.")
    print("\nThe results are in multi_fidelity_results")


if __name__ == "__main__":
    main()
