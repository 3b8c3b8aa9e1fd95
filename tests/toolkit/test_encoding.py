"""The encoder."""

from __future__ import annotations

import numpy as np
import pytest

import neps
from neps_core import ConfigError, Uniform, parse_space
from neps_plugins.toolkit.encoding import Encoder

SPACE = {
    "x": neps.Float(0, 2),
    "r": neps.Float(1e-4, 1, log=True),
    "n": neps.Integer(1, 4),
    "c": neps.Categorical(["a", "b", "c"]),
    "k": 3,
}


def test_columns_and_values():
    encoder = Encoder(parse_space(SPACE))
    values, active = encoder.encode([{"x": 1.0, "r": 1e-2, "n": 1, "c": "b"}, {"x": 0.0, "r": 1.0, "n": 4, "c": "a"}])
    assert [(c.path, c.kind, c.start, c.width) for c in encoder.columns] == [
        ("x", "real", 0, 1),
        ("r", "real", 1, 1),
        ("n", "integer", 2, 1),
        ("c", "one-hot", 3, 3),
    ]
    assert values == pytest.approx(np.array([[0.5, 0.5, 0.125, 0, 1, 0], [0, 1, 0.875, 1, 0, 0]]))
    assert active.all()


def test_index():
    encoder = Encoder(parse_space(SPACE), one_hot=False)
    values, _ = encoder.encode([{"x": 1.0, "r": 1e-2, "n": 1, "c": "c"}])
    assert values[0, 3] == 2
    assert encoder.decode(values[0], lambda path, domain: pytest.fail()).config["c"] == "c"


def test_decoding_rounds_and_clips():
    encoder = Encoder(parse_space(SPACE))
    encoder.encode([{"x": 1.0, "r": 1e-2, "n": 1, "c": "b"}])
    config = encoder.decode([1.7, -3, 0.6, 0.2, 0.1, 0.9], lambda path, domain: pytest.fail()).config
    assert config == {"x": 2.0, "r": pytest.approx(1e-4), "n": 3, "c": "c"}


def test_new_paths_get_columns_and_old_arrays_can_be_widened():
    space = parse_space({"m": neps.Categorical([neps.Float(0, 1), (neps.Float(0, 1), neps.Float(0, 1))])})
    labels = space.attributes["m"].domain().choices
    encoder = Encoder(space)
    first = encoder.encode([{"m": labels[0], "m.Float": 0.5}])
    assert encoder.width == 3
    second = encoder.encode([{"m": labels[1], "m{1}[0]": 0.25, "m{1}[1]": 1.0}, {"m": labels[0], "m.Float": 0.5}])
    assert encoder.width == 5
    assert second[1].tolist() == [[True, True, False, True, True], [True, True, True, False, False]]
    values, active = encoder.widened(*first)
    assert values.tolist() == [second[0][1].tolist()]
    assert active.tolist() == [second[1][1].tolist()]


def test_an_unknown_path_is_decided_by_the_other_source():
    space = parse_space({"m": neps.Categorical([neps.Float(0, 1), "x"])})
    encoder = Encoder(space)
    encoder.encode([{"m": "x"}])
    config = encoder.decode([1.0, 0.0], Uniform(np.random.default_rng(0))).config
    assert set(config) == {"m", "m.Float"}


def test_ordered_choices_are_ranks():
    cs = pytest.importorskip("ConfigSpace")
    space = cs.ConfigurationSpace()
    space.add(cs.OrdinalHyperparameter("o", ["s", "m", "l"]), cs.Float("x", (0, 1)))
    encoder = Encoder(parse_space(space))
    values, _ = encoder.encode([{"o": o, "x": 0.5} for o in "sml"])
    column = next(c for c in encoder.columns if c.path == "o")
    assert values[:, column.start].tolist() == [0, 0.5, 1]


def test_choices_that_depend_on_others_are_indices():
    space = parse_space({"x": neps.Categorical(neps.Categorical([("a", "b"), ("c",)]))})
    encoder = Encoder(space)
    values, _ = encoder.encode([{"x:choices": "('a', 'b')", "x": "b"}, {"x:choices": "('c',)", "x": "c"}])
    assert values.tolist() == [[0, 1], [1, 0]]


def test_open_bounds_are_positions_within_them():
    space = parse_space({"n": neps.Integer(1, neps.Integer(2, 9))})
    encoder = Encoder(space)
    values, _ = encoder.encode([{"n:upper": 2, "n": 2}, {"n:upper": 9, "n": 9}])
    assert values[0, 1] < values[1, 1]


def test_what_is_no_configuration_is_named():
    encoder = Encoder(parse_space(SPACE))
    assert encoder.width == 6  # a flat space has its columns from the beginning
    good = {"x": 1.0, "r": 1e-2, "n": 1, "c": "b"}
    for bad, path in (({"x": 7.0}, "x"), ({"c": "z"}, "c"), ({"y": 1}, "y")):
        with pytest.raises(ConfigError, match=f"'{path}'"):
            encoder.encode([good, {**good, **bad}])


def test_a_fidelity_is_on_the_log_scale():
    encoder = Encoder(parse_space({"x": neps.Float(0, 1), "share": neps.FloatFidelity(1, 27)}))
    values, _ = encoder.encode([{"x": 0.5, "share": share} for share in (1.0, 3.0, 9.0, 27.0)])
    assert values[:, 1] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert encoder.decode(values[2], lambda path, domain: pytest.fail()).config["share"] == pytest.approx(9.0)
