"""Train networks with PyTorch epoch by epoch, and the good ones for longer, each from where it ended.

    pip install "neps-framework[torch,examples]"
    python pytorch_loop.py

Hyperband trains many networks for one epoch, the best third of them for three, and so on. `neps.torch.Epochs` keeps a
checkpoint of each, reports each epoch, and goes on from the checkpoint: of the same trial, if it was interrupted, or of
the trial that is continued. Break it off with Ctrl-C or `kill -9` and start it again.

It takes some seconds, and leaves all that was found in the folder `pytorch_loop_results`.
"""

import os

import torch
from sklearn.datasets import load_digits
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset, random_split

import neps
import neps.torch

images, labels = load_digits(return_X_y=True)
digits = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels))
training_data, validation_data = random_split(digits, [1200, 597], torch.Generator().manual_seed(0))


class Space(neps.PipelineSpace):
    learning_rate = neps.Float(1e-4, 1e0, log=True)
    width = neps.Integer(8, 128, log=True)
    dropout = neps.Float(0.0, 0.5)
    epochs = neps.IntegerFidelity(1, 9)


def evaluate_pipeline(learning_rate, width, dropout, epochs, pipeline_directory, previous_pipeline_directory):
    """Train up to `epochs`; the loss on the validation data is minimised."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Dropout(dropout), torch.nn.Linear(width, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), learning_rate, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    data = DataLoader(training_data, batch_size=64, shuffle=True)

    training = neps.torch.Epochs(
        epochs,
        model=model,
        optimizer=optimizer,
        scheduler=scheduler,
        directory=pipeline_directory,
        previous=previous_pipeline_directory,
    )
    for _ in training:
        for x, y in data:
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        scheduler.step()
        loss, accuracy = validate(model)
        training.report(loss, accuracy=accuracy)
    return training.result()  # also right if nothing was left to be trained


@torch.no_grad()
def validate(model):
    model.eval()
    x, y = validation_data[:]
    scores = model(x)
    model.train()
    return functional.cross_entropy(scores, y).item(), (scores.argmax(1) == y).float().mean().item()


def main():
    torch.set_num_threads(1)  # the networks are small
    result = neps.run(
        evaluate_pipeline,
        Space(),
        root_directory="pytorch_loop_results",
        optimizer="hyperband",
        cost_to_spend=float(os.environ.get("EPOCHS", "200")),  # the cost of a trial is the epochs that it adds
        seed=0,
    )
    print(f"{len(result.trials)} trials. The best one: {result.best.config}")
    print(f"loss {result.best.report.objective_to_minimize:.4f}, accuracy {result.best.report.extra['accuracy']:.1%}")


if __name__ == "__main__":
    main()
