"""Architectures from a grammar: how they are drawn, stored, made again, and varied.

    pip install neps-framework
    python grammar.py

A cell is an operation, a chain of two cells, or a sum of branches, which are cells again. Nothing is trained here:
every operator is a string, so an architecture is a text.
"""

import numpy as np

import neps
from neps_core import Uniform, parse_space, replay
from neps_core.spaces.variation import crossover, mutate


class Space(neps.PipelineSpace):
    # One value for the whole architecture, in however many places it is used ...
    _width = neps.Categorical([16, 32, 64])
    # ... and one that is drawn anew wherever it stands in `Resample`.
    _kernel = neps.Categorical([1, 3, 5])

    # Inside its own definition, `ByName` is another cell at each place: that is the recursion.
    _cell = neps.Categorical(
        [
            "identity",
            neps.Operation("pool", args=(neps.Categorical(["max", "mean"]),)),
            neps.Operation("conv", args=(_width,), kwargs={"kernel": neps.Resample(_kernel)}),
            neps.Operation("chain", args=(neps.ByName("_cell"), neps.ByName("_cell"))),
            neps.Operation("sum", args=neps.Repeated(neps.Integer(2, 3), neps.ByName("_cell"))),
        ]
    )

    # Without `Resample`, this would be the same cell two to four times.
    architecture = neps.Operation("net", args=neps.Repeated(neps.Integer(2, 4), neps.Resample(_cell)))


def show(title, resolution):
    print(f"\n{title} ({len(resolution.config)} decisions)\n{resolution.arguments()['architecture']}")


def main():
    space = parse_space(Space())
    rng = np.random.default_rng(18)

    population = [space.resolve(Uniform(rng)) for _ in range(4)]
    for i, resolution in enumerate(population):
        show(f"Architecture {i + 1}", resolution)

    # What a run stores of a configuration is the decisions, each under its path. The same walk, with these for
    # answers, leads to the same architecture, here and in any other process.
    first, second = population[:2]
    print("\nThe decisions of architecture 1:")
    for path, value in first.config.items():
        print(f"    {path} = {value}")
    replayed = replay(space, first.config)
    print(f"Replayed, they give the same text: {replayed.arguments() == first.arguments()}")

    # A child is a walk in which most decisions are kept. What depends on a changed one is drawn anew, so it is always
    # an architecture of the grammar.
    show("Architecture 1, mutated", mutate(space, first.config, rng))
    show("Architectures 1 and 2, crossed", crossover(space, first.config, second.config, rng))


if __name__ == "__main__":
    main()
