"""Search with Lightning: asynchronous successive halving, on images of handwritten digits.

    pip install "neps-framework[lightning,examples]"
    python pytorch_lightning.py

`neps.torch.LightningCallback` reports each validation, ends the training of a trial that is stopped, keeps a checkpoint
after each epoch and says where to go on. It takes about half a minute, most of which is Lightning's own, and leaves all
that was found in the folder `pytorch_lightning_results`.
"""

import logging
import os
import warnings

import lightning.pytorch as pl
import torch
from sklearn.datasets import load_digits
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset, random_split

import neps
import neps.torch


class Space(neps.PipelineSpace):
    learning_rate = neps.Float(1e-4, 1e-1, log=True)
    width = neps.Integer(8, 128, log=True)
    epochs = neps.IntegerFidelity(1, 9)


class Network(pl.LightningModule):
    def __init__(self, learning_rate, width):
        super().__init__()
        self.learning_rate = learning_rate
        self.layers = torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 10))

    def training_step(self, batch, _):
        x, y = batch
        return functional.cross_entropy(self.layers(x), y)

    def validation_step(self, batch, _):
        x, y = batch
        self.log("val_loss", functional.cross_entropy(self.layers(x), y))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), self.learning_rate)


def loaders():
    images, labels = load_digits(return_X_y=True)
    digits = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels))
    training_data, validation_data = random_split(digits, [1200, 597], torch.Generator().manual_seed(0))
    return DataLoader(training_data, batch_size=64, shuffle=True), DataLoader(validation_data, batch_size=597)


def evaluate_pipeline(learning_rate, width, epochs, pipeline_directory, previous_pipeline_directory):
    torch.manual_seed(0)
    callback = neps.torch.LightningCallback(
        monitor="val_loss", directory=pipeline_directory, previous=previous_pipeline_directory
    )
    trainer = pl.Trainer(
        max_epochs=epochs,
        callbacks=[callback],
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Network(learning_rate, width), *loaders(), ckpt_path=callback.ckpt_path)
    return callback.result()


def main():
    torch.set_num_threads(1)  # the networks are small
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")  # its advice on data loaders
    result = neps.run(
        evaluate_pipeline,
        Space(),
        root_directory="pytorch_lightning_results",
        optimizer="asha",
        cost_to_spend=float(os.environ.get("EPOCHS", "100")),  # the cost of a trial is the epochs that it adds
        seed=0,
    )
    print(f"{len(result.trials)} trials. The best one: {result.best.config}")
    print(f"loss {result.best.report.objective_to_minimize:.4f}")


if __name__ == "__main__":
    main()
