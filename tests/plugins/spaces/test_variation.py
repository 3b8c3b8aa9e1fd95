"""Generated spaces: storing, mutating, crossing and encoding keep configurations valid."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neps
from neps_core import ConfigError, Uniform, parse_space, replay
from neps_core.files import from_yaml, to_yaml
from neps_core.space_parsing import load_space
from neps_core.spaces.identity import canonical
from neps_core.spaces.variation import Keep, crossover, domains_of, mutate, neighbours
from neps_plugins.toolkit.encoding import Encoder

NAMES = ("_a", "_b", "c", "d")


@st.composite
def spaces(draw: Any) -> dict[str, Any]:
    """Spaces with shared objects, references forwards and backwards, recursion, repetition and nested choices."""
    pool: list[Any] = []

    def part(depth: int) -> Any:
        kinds = ["integer", "float", "constant", "by name"]
        if depth:
            kinds += ["categorical", "operation", "repeated", "resample", "shared"]
        kind = draw(st.sampled_from(kinds))
        if kind == "integer":
            made: Any = neps.Integer(1, draw(st.integers(2, 9)), log=draw(st.booleans()))
        elif kind == "float":
            made = neps.Float(0.1, 2.0, log=draw(st.booleans()), prior=draw(st.sampled_from([None, 0.5])))
        elif kind == "constant":
            return draw(st.sampled_from(["x", 1, None, 2.5]))
        elif kind == "by name":
            # Recursion ends because it always stands beside a constant.
            made = neps.Categorical([neps.ByName(draw(st.sampled_from(NAMES))), "end"])
        elif kind == "categorical":
            made = neps.Categorical([part(depth - 1), (part(depth - 1), "t"), "z"])
        elif kind == "operation":
            made = neps.Operation("f", (part(depth - 1),), {"k": part(depth - 1)})
        elif kind == "repeated":
            made = neps.Repeated(neps.Integer(0, 3), part(depth - 1))
        elif kind == "resample":
            source = part(depth - 1)
            made = neps.Resample(neps.Categorical([source, "w"]) if isinstance(source, str) else source)
        else:
            return draw(st.sampled_from(pool)) if pool else "x"
        pool.append(made)
        return made

    return {name: part(2) for name in NAMES}


@given(spaces(), st.integers(0, 2**31))
def test_whatever_is_made_of_configurations_is_one(attributes, seed):
    space = parse_space(attributes)
    document = from_yaml(to_yaml(space.to_document()))
    loaded = parse_space(load_space(document))
    assert loaded.to_document() == document
    rng = np.random.default_rng(seed)
    a, b = (space.resolve(Uniform(rng)).config for _ in range(2))
    made = [
        a,
        b,
        mutate(space, a, rng).config,
        mutate(space, a, rng, 3, 0.1).config,
        crossover(space, a, b, rng).config,
    ]
    made += [r.config for r, _ in zip(neighbours(space, a, rng), range(5))]
    encoder = Encoder(space)
    for config in made:
        stored = from_yaml(to_yaml(json.loads(json.dumps(config)))) or {}
        for each in (space, loaded):
            assert list(replay(each, stored).config.items()) == list(config.items())
        assert replay(space, stored).arguments() == replay(loaded, stored).arguments()
        assert canonical(space, dict(reversed(stored.items()))) == config
    values, active = encoder.encode(made)
    for config, row, mask in zip(made, values, active):
        assert mask.sum() == sum(c.width for c in encoder.columns if c.path in config)
        decoded = encoder.decode(row, lambda path, domain: pytest.fail(f"no column for {path}")).config
        assert decoded == pytest.approx(config)


FLAT = {
    "x": neps.Float(0, 1),
    "n": neps.Integer(1, 9),
    "c": neps.Categorical(["a", "b", "c"]),
    "e": neps.IntegerFidelity(1, 9),
}


class TestMutate:
    def test_one_decision_changes_and_never_a_fidelity(self):
        space, rng = parse_space(FLAT), np.random.default_rng(0)
        parent = {"x": 0.5, "n": 3, "c": "a", "e": 4}
        changed = set()
        for _ in range(100):
            child = mutate(space, parent, rng).config
            different = [k for k in parent if child[k] != parent[k]]
            assert len(different) == 1
            changed.update(different)
        assert changed == {"x", "n", "c"}

    def test_several_decisions_and_small_steps(self):
        space, rng = parse_space(FLAT), np.random.default_rng(0)
        parent = {"x": 0.5, "n": 5, "c": "a", "e": 4}
        children = [mutate(space, parent, rng, n=3, sigma=0.05).config for _ in range(200)]
        assert all(c["x"] != 0.5 and c["c"] != "a" and c["n"] != 5 and c["e"] == 4 for c in children)
        assert np.std([c["x"] for c in children]) < 0.1

    def test_nothing_to_change(self):
        space = parse_space({"k": 1, "c": neps.Categorical(["only"])})
        assert mutate(space, {"c": "only"}, np.random.default_rng(0)).config == {"c": "only"}

    def test_what_stays_valid_is_kept(self):
        space = parse_space({"m": neps.Categorical([neps.Integer(1, 5), neps.Integer(6, 9)]), "y": neps.Float(0, 1)})
        first = space.resolve(
            Keep({"m": space.attributes["m"].domain().choices[0], "y": 0.25}, Uniform(np.random.default_rng(0)))
        )
        child = mutate(space, first.config, np.random.default_rng(1))
        assert (child.config["y"] == 0.25) or child.config["m"] == first.config["m"]

    def test_a_parent_that_is_no_configuration(self):
        with pytest.raises(ConfigError):
            mutate(parse_space(FLAT), {"x": 3}, np.random.default_rng(0))


class TestCrossover:
    def test_flat_children_have_something_of_each(self):
        space, rng = parse_space(FLAT), np.random.default_rng(0)
        a, b = {"x": 0.1, "n": 1, "c": "a", "e": 1}, {"x": 0.9, "n": 9, "c": "b", "e": 9}
        children = {tuple(crossover(space, a, b, rng).config.values()) for _ in range(100)}
        assert len(children) == 8  # the fidelity stays
        assert all(x in (0.1, 0.9) and n in (1, 9) and c in "ab" and e == 1 for x, n, c, e in children)

    def test_subtrees_move_to_other_places(self):
        class Tree(neps.PipelineSpace):
            t = neps.Categorical([neps.Operation("n", (neps.ByName("t"), neps.ByName("t"))), "x", "y"])

        space, rng = parse_space(Tree()), np.random.default_rng(0)
        a = replay(space, {"t": "n", "t.n[0]": "x", "t.n[1]": "x"}).config
        b = replay(space, {"t": "n", "t.n[0]": "n", "t.n[0].n[0]": "y", "t.n[0].n[1]": "y", "t.n[1]": "x"}).config
        found = {str(crossover(space, a, b, rng).arguments()["t"]) for _ in range(200)}
        assert "n(x, n(y, y))" in found  # the subtree of b's first child as a's second


def test_neighbours_are_single_small_steps():
    space = parse_space(FLAT)
    start = {"x": 0.5, "n": 1, "c": "b", "e": 4}
    found = [r.config for r in neighbours(space, start, np.random.default_rng(0), n_floats=3)]
    assert [c["n"] for c in found if c["n"] != 1] == [2]
    assert [c["c"] for c in found if c["c"] != "b"] == ["a", "c"]
    assert len([c for c in found if c["x"] != 0.5]) == 3
    assert all(c["e"] == 4 for c in found)


def test_domains_of():
    assert list(domains_of(parse_space(FLAT), {"x": 0.5, "n": 1, "c": "b", "e": 4})) == ["x", "n", "c", "e"]
