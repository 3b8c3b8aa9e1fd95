"""Choices of derived classes and other plain values are the same in memory, on disk, and after loading."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import neps
from neps_core import SpaceError, parse_space, replay
from neps_core.documents import build, read, write
from neps_core.space_parsing import load_space
from neps_plugins.spaces.pipeline.shorthand import HPOConstant


class Act(str, enum.Enum):
    RELU = "relu"
    TANH = "tanh"


class Level(enum.IntEnum):
    ONE = 1
    TWO = 2


class Colour(enum.Enum):
    RED = 1
    BLUE = (2,)


class Flag(enum.Flag):
    A = 1
    B = 2


class Pair(NamedTuple):
    a: object
    b: object


class Name(str):
    pass


class Number(int):
    pass


CHOICES = {
    "text enum": [Act.RELU, Act.TANH, "relu"],
    "integer enum": [Level.ONE, Level.TWO, 1, True, 1.0],
    "enum": [Colour.RED, Colour.BLUE],
    "flag": [Flag.A, Flag.A | Flag.B],
    "named tuple": [Pair(1, "x"), Pair(Act.RELU, [1]), (1, "x")],
    "derived": [Name("a"), "a", Name("b" * 80), Number(3), 3],
    "numpy": [np.str_("a"), np.float32(0.1), 0.1, np.int8(1), np.bool_(True)],
    "numpy time": [np.datetime64("2020-01-01"), np.datetime64("2020-01-01T00:00:00.123456789"), np.timedelta64(3, "D")],
    "time": [dt.datetime(2020, 1, 2, 3, 4, 5, 6), dt.date(2020, 1, 1), dt.time(3, 4), dt.timedelta(-3, 0, 1)],
    "numbers": [Decimal("1.10"), Decimal("NaN"), Fraction(1, 3), 1j],
    "others": [b"ab", uuid.UUID(int=5), Path("a"), None, "None"],
    "nested": [[Act.RELU], {"a": Level.ONE}, (Decimal(1),)],
}
if hasattr(enum, "StrEnum"):
    Modern = enum.StrEnum("Modern", {"X": "x"}, module=__name__)
    CHOICES["modern"] = [Modern.X, "y"]


def same(a, b):
    return type(a) is type(b) and repr(a) == repr(b)


@pytest.mark.parametrize("kind", CHOICES)
def test_the_same_everywhere(root, kind):
    choices = CHOICES[kind]
    space = {"x": neps.Categorical(choices), "c": HPOConstant(choices[0]), "y": neps.Float(0, 1)}
    seen = []

    def evaluate(x, c, y):
        seen.append((x, c))
        return y

    run = {"root_directory": root, "evaluations_to_spend": 6, "optimizer": "random_search"}
    neps.run(evaluate, space, **run, seed=1)
    neps.run(evaluate, **run)  # with the stored space
    neps.run(evaluate, space, **run)
    for i, (x, c) in enumerate(seen, 1):
        assert any(same(x, choice) for choice in choices) and same(c, choices[0])
        for path, more in ((root, {"config_id": str(i)}), (root / f"configs/config_{i}", {"pipeline_space": space})):
            loaded = neps.load_config(path, **more)
            assert same(loaded["x"], x) and same(loaded["c"], c)
    given, stored = parse_space(space), parse_space(neps.load_pipeline_space(root))
    assert given.flat_domains == stored.flat_domains  # so that proposals are the same, too
    for parsed in (given, stored):
        for choice in choices:
            config = parsed.from_arguments({"x": choice, "c": choices[0], "y": 0.5})
            assert same(replay(parsed, config).arguments()["x"], choice)


@pytest.mark.parametrize("kind", ["enum", "flag", "numpy time", "time", "numbers", "others"])
def test_in_configspace(root, kind):
    cs = pytest.importorskip("ConfigSpace")
    choices = CHOICES[kind]
    space = cs.ConfigurationSpace()
    space.add(cs.CategoricalHyperparameter("x", choices), cs.Float("y", (0, 1)))
    seen = []

    def evaluate(x, y):
        seen.append(x)
        return y

    run = {"root_directory": root, "evaluations_to_spend": 6, "optimizer": "random_search"}
    neps.run(evaluate, space, **run, seed=1)
    neps.run(evaluate, **run)
    for i, x in enumerate(seen, 1):
        assert any(same(x, choice) for choice in choices)
        assert same(neps.load_config(root, config_id=str(i))["x"], x)


def test_a_member_that_is_gone_is_told():
    stored = {"format": "pipeline_space", "name": "s", "attributes": {"c": {**write(Act.RELU), "value": "GELU"}}}
    with pytest.raises(SpaceError, match="GELU"):
        parse_space(load_space(stored)).check_usable()


def test_nothing_is_called_on_the_word_of_a_file():
    for path in ("os:system", "subprocess:Popen", f"{__name__}:spy"):
        stored = {**write(Act.RELU), "path": path, "value": "true"}
        with pytest.raises(SpaceError):
            build(read(stored))


def spy(*_):
    raise AssertionError("called")
