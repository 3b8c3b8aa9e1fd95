"""A pickled, copied or spawned space is the same space, and so is what was made for it."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import neps
from neps.testing import gallery, simulate
from neps_core import NePSError, Uniform, parse_space
from neps_core.optimizers.choosing import choose

WAYS = {"pickle": lambda thing: pickle.loads(pickle.dumps(thing)), "deepcopy": copy.deepcopy, "copy": copy.copy}


class Base(neps.PipelineSpace):
    _units = neps.Integer(1, 9)
    first = _units
    second = neps.Resample(_units)
    activation = neps.Operation(operator=lambda n: n + 1, args=(_units,))


class Own(neps.PipelineSpace):
    a = neps.Float(0, 1)

    def __init__(self):
        self.b = neps.Categorical([neps.Resample(self.a), self.a])


def draws(space, n=15):
    return [parse_space(space).resolve(Uniform(np.random.default_rng(i))) for i in range(n)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", gallery())
def test_the_gallery(name, way):
    for space in (gallery()[name], parse_space(gallery()[name])):
        other = WAYS[way](space)
        assert parse_space(other).to_document() == parse_space(space).to_document()
        assert [r.config for r in draws(other)] == [r.config for r in draws(space)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cls", [Base, Own])
def test_classes_with_functions_and_attributes_of_their_own(cls, way):
    space = cls()
    other = WAYS[way](space)
    assert type(other) is cls and repr(other) == repr(space)
    assert [r.config for r in draws(other)] == [r.config for r in draws(space)]
    assert [r.arguments() for r in draws(other)] == [r.arguments() for r in draws(space)]


def test_what_was_made_of_a_space():
    space = Own().add(3, "c").add_prior("a", 0.5)
    for way in WAYS.values():
        assert [r.config for r in draws(way(space))] == [r.config for r in draws(space)]


NAMES = [
    "random_search",
    "grid_search",
    "hyperband",
    "async_hb",
    "priorband",
    "bayesian_optimization",
    "pibo",
    "tpe",
    "nsga2",
    "primo",
    "regularized_evolution",
    "complex_random_search",
    "local_and_incumbent",
    "cma_es",
]


@pytest.mark.parametrize("name", NAMES)
def test_optimizers_are_copied_with_their_space(name):
    for space in gallery().values():
        try:
            made = choose(name, parse_space(space)).optimizer
        except NePSError:
            continue

        def proposed(optimizer, space=space):
            run = simulate(lambda _: optimizer, space, lambda config, _: (len(str(config)), 1.0), max_evaluations=4)
            return [trial.config for trial in run.trials.values()]

        copies = [way(made) for way in (WAYS["pickle"], WAYS["deepcopy"])]
        expected = proposed(made)
        assert all(proposed(each) == expected for each in [*copies, WAYS["deepcopy"](made)])


def test_spawned(script):
    script.write(
        """
        import multiprocessing, sys
        import numpy as np
        import neps
        from neps_core import Uniform, parse_space

        class Space(neps.PipelineSpace):
            _n = neps.Integer(1, 99)
            model = neps.Categorical(["x", neps.Operation("f", (neps.Resample("model"), _n))])
            width = _n

        def draws(space):
            return [parse_space(space).resolve(Uniform(np.random.default_rng(i))).config for i in range(9)]

        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                assert pool.apply(draws, (Space(),)) == draws(Space())
        """
    )
    script.run()
