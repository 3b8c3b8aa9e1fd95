"""Two processes train each network together (DistributedDataParallel), and search together.

    pip install "neps-framework[torch,examples]"
    torchrun --standalone --nproc-per-node=2 pytorch_ddp.py

Every process calls `neps.run`. That of rank 0 is the worker; the other one evaluates what it evaluates and records
nothing. The median rule ends a bad training after the same epoch in both. On a machine with GPUs, it is the same with
`backend="nccl"` and a model on each process's GPU.

It takes some seconds, and leaves all that was found in the folder `pytorch_ddp_results`.
"""

import os

import torch
from sklearn.datasets import load_digits
from torch import distributed
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset, random_split

import neps
import neps.torch

images, labels = load_digits(return_X_y=True)
digits = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels))
training_data, validation_data = random_split(digits, [1200, 597], torch.Generator().manual_seed(0))


class Space(neps.PipelineSpace):
    learning_rate = neps.Float(1e-4, 1e0, log=True)
    width = neps.Integer(8, 128, log=True)
    epochs = neps.IntegerFidelity(1, 9)


def evaluate_pipeline(learning_rate, width, epochs):
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 10))
    model = DistributedDataParallel(layers)
    optimizer = torch.optim.SGD(model.parameters(), learning_rate, momentum=0.9)
    sampler = DistributedSampler(training_data)  # each process has its half of an epoch
    data = DataLoader(training_data, batch_size=32, sampler=sampler)

    training = neps.torch.Epochs(epochs, model=model, optimizer=optimizer)
    for epoch in training:
        sampler.set_epoch(epoch)
        for x, y in data:
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        with torch.no_grad():
            x, y = validation_data[:]
            loss = functional.cross_entropy(model(x), y)
        training.report(loss)  # in all ranks
    return training.result()


def main():
    torch.set_num_threads(1)  # the networks are small
    distributed.init_process_group("gloo")  # once, before the search
    result = neps.run(
        evaluate_pipeline,
        Space(),
        root_directory="pytorch_ddp_results",
        optimizer="hyperband",
        stopping_rule=("median", {"min_trials": 3}),
        cost_to_spend=float(os.environ.get("EPOCHS", "100")),  # the cost of a trial is the epochs that it adds
        seed=0,
    )
    if distributed.get_rank() == 0:
        print(f"{len(result.trials)} trials. The best one: {result.best.config}")
        print(f"loss {result.best.report.objective_to_minimize:.4f}")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
