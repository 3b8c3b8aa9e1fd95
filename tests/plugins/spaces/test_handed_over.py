"""What is handed to `evaluate_pipeline` is fresh each time, and nothing that a user does to it is felt elsewhere."""

from __future__ import annotations

import copy
import functools
import threading
from collections import OrderedDict, defaultdict, deque, namedtuple

import numpy as np
import pytest

import neps
from neps_core import Uniform, parse_space, replay
from neps_plugins.spaces.pipeline.shorthand import HPOConstant


class Own:
    def __init__(self):
        self.items = []

    def __repr__(self):
        return f"Own({self.items})"


Pair = namedtuple("Pair", "a b")
SENTINEL = object()


def filled(items=()):
    return list(items)


def spoil(thing):
    """Change whatever can be changed in a thing."""
    if isinstance(thing, (list, deque)):
        for item in thing:
            spoil(item)
        thing.append("spoilt")
    elif isinstance(thing, dict):
        for item in list(thing.values()):
            spoil(item)
        thing["spoilt"] = 1
    elif isinstance(thing, set):
        thing.add("spoilt")
    elif isinstance(thing, tuple):
        for item in thing:
            spoil(item)
    elif isinstance(thing, np.ndarray):
        thing[0] = 9
    elif isinstance(thing, Own):
        thing.items.append("spoilt")
    elif isinstance(thing, functools.partial):
        spoil(thing.args)


MUTABLE = {
    "list": lambda: [1, [2]],
    "dict": lambda: {"a": {"b": []}},
    "set": lambda: {1},
    "tuple": lambda: ([], 1),
    "array": lambda: np.zeros(3),
    "object array": lambda: np.array([[1], {}], dtype=object),
    "deque": lambda: deque([[1]]),
    "ordered": lambda: OrderedDict(a=[1]),
    "defaultdict": lambda: defaultdict(list, a=[1]),
    "named tuple": lambda: Pair([1], 2),
    "own": Own,
    "nested own": lambda: {"a": (Own(), [Own()])},
    "partial": lambda: functools.partial(filled, [1]),
}


def spaces(make):
    part = neps.Integer(0, 3)
    return {
        "constant": {"x": HPOConstant(make()), "n": part},
        "choice": {"x": neps.Categorical([make(), 7]), "n": part},
        "walked": {"x": neps.Categorical([make(), part]), "n": part, "r": neps.Resample("n")},
        "operation": {"x": neps.Operation(filled, args=([make()],)), "n": part},
        "building block": {"_x": neps.Operation(filled, args=([make()],)), "x": neps.ByName("_x"), "n": part},
        "part beside": {"x": HPOConstant([make(), part]), "n": part},
        "repeated": {"x": neps.Repeated(2, make()), "n": part},
    }


@pytest.mark.parametrize("kind", MUTABLE)
@pytest.mark.parametrize("where", spaces(list))
def test_everything_is_fresh(kind, where):
    space = parse_space(spaces(MUTABLE[kind])[where])
    config = space.resolve(lambda path, domain: domain.choices[0] if hasattr(domain, "choices") else 1).config
    first = replay(space, config).arguments()["x"]
    before = repr(first)
    spoil(first)
    resolution = replay(space, config)
    for _ in range(2):  # also when the same resolution is asked twice
        again = resolution.arguments()["x"]
        assert repr(again) == before
        spoil(again)


def test_what_can_not_be_changed_or_copied_is_shared():
    lock = threading.Lock()
    constants = {
        "f": filled,
        "c": Own,
        "m": np,
        "l": lock,
        "s": SENTINEL,
        "t": HPOConstant((1, "a")),
        "x": neps.Float(0, 1),
    }
    arguments = parse_space(constants).resolve(Uniform(np.random.default_rng(0))).arguments()
    assert all(arguments[name] is constants[name] for name in "fcmls")


def test_a_run_whose_function_spoils_everything(root):
    seen = []

    def evaluate(layers, extra, x):
        seen.append((list(layers), {**extra}))
        layers.append(9)
        extra["a"] = 3
        return x

    space = {"layers": neps.Categorical([[1], [1, 2]]), "extra": HPOConstant({}), "x": neps.Float(0, 1)}
    neps.run(evaluate, space, root_directory=root, evaluations_to_spend=12, optimizer="random_search")
    assert all(extra == {} and layers in ([1], [1, 2]) for layers, extra in seen)


def test_configspace_values_are_fresh():
    cs = pytest.importorskip("ConfigSpace")
    space = cs.ConfigurationSpace()
    space.add(cs.CategoricalHyperparameter("x", [[1], [2]]), cs.Float("y", (0, 1)))
    parsed = parse_space(space)
    config = parsed.resolve(Uniform(np.random.default_rng(0))).config
    before = repr(replay(parsed, config).arguments())
    spoil(replay(parsed, config).arguments()["x"])
    assert repr(replay(parsed, config).arguments()) == before


def test_a_trials_configuration_does_not_change():
    loop = neps.AskAndTell(neps.algorithms.random_search({"x": neps.Float(0, 1)}))
    trial = loop.ask()
    with pytest.raises(TypeError, match="dict\\(trial.config\\)"):
        trial.config["x"] = 3
    changed = copy.deepcopy(dict(trial.config)) | {"x": 3}
    assert loop.tell(trial, 1.0).config != changed
