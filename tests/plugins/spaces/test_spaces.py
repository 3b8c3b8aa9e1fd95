"""Flat spaces: what they refuse, how they are sampled, and how they are stored."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import neps
from neps_core import CategoricalDomain, ConfigError, FloatDomain, IntegerDomain, Prior, SpaceError, Uniform, replay
from neps_core.documents import differences
from neps_core.files import from_yaml, to_yaml
from neps_core.space_parsing import load_space, parse_space
from neps_core.spaces.priors import CATEGORY_WEIGHT, SIGMA
from neps_plugins.spaces.pipeline.shorthand import HPOConstant

TEXTS = st.text("aZ1 é\n:#'-~[", max_size=5)


@st.composite
def parameters(draw: Any) -> Any:
    kind = draw(st.sampled_from(["float", "integer", "categorical", "fidelity", "constant"]))
    confidence = draw(st.sampled_from([None, "low", "medium", "high"]))
    if kind == "categorical":
        scalars = st.one_of(TEXTS, st.integers(-5, 5), st.booleans(), st.none(), st.floats(0, 1))
        choices = draw(st.lists(scalars, min_size=1, max_size=5, unique_by=lambda c: (type(c), c)))
        prior = draw(st.one_of(st.none(), st.integers(0, len(choices) - 1)))
        return neps.Categorical(choices, prior, confidence if prior is not None else None)
    if kind == "constant":
        return draw(st.one_of(TEXTS, st.integers(), st.lists(st.integers(), max_size=3).map(HPOConstant), st.none()))
    log = draw(st.booleans())
    low = draw(st.floats(1e-6, 10) if log else st.floats(-100, 100))
    if kind == "integer" or (kind == "fidelity" and draw(st.booleans())):
        low = max(1, int(low)) if log else int(low)
        high = low + draw(st.integers(1, 10**6))
        number, fidelity, prior = neps.Integer, neps.IntegerFidelity, draw(st.none() | st.integers(low, high))
    else:
        high = low + draw(st.floats(0.1, 1e6))
        number, fidelity, prior = neps.Float, neps.FloatFidelity, draw(st.none() | st.floats(low, high))
    if kind == "fidelity":
        return fidelity(low, high, log=log)
    return number(low, high, log, prior=prior, prior_confidence=None if prior is None else confidence)


SPACES = st.dictionaries(st.sampled_from("abcdefgh"), parameters(), max_size=6)


@given(SPACES, st.integers(0, 2**31), st.booleans())
def test_sample_store_and_replay(attributes, seed, use_prior):
    space = parse_space(attributes)
    source = (Prior if use_prior else Uniform)(np.random.default_rng(seed))
    resolution = space.resolve(source)
    stored = from_yaml(to_yaml(resolution.config)) or {}
    assert stored == json.loads(json.dumps(resolution.config)) == resolution.config
    again = replay(space, stored)
    assert again.config == resolution.config
    assert again.arguments() == resolution.arguments()
    assert set(again.arguments()) == set(space.argument_names)


@given(SPACES, st.integers(0, 2**31))
def test_a_space_survives_its_document(attributes, seed):
    space = parse_space(attributes)
    document = from_yaml(to_yaml(space.to_document()))
    loaded = parse_space(load_space(document))
    assert differences(document, loaded.to_document()) == []
    samples = [s.resolve(Uniform(np.random.default_rng(seed))) for s in (space, loaded)]
    assert samples[0].config == samples[1].config
    assert samples[0].arguments() == samples[1].arguments()


@given(SPACES)
def test_unit_cube_round_trips(attributes):
    space = parse_space(attributes)

    def decide(path: str, domain: Any) -> Any:
        for u in (0.0, 0.2, 0.5, 0.999, 1.0):
            value = domain.from_unit(u)
            assert domain.check(value) == value
            assert 0 <= domain.to_unit(value) <= 1
            back = domain.from_unit(domain.to_unit(value))
            assert back == (pytest.approx(value, rel=1e-6, abs=1e-6) if isinstance(domain, FloatDomain) else value)
            domain.check(domain.from_prior(u))
        for value in domain.grid(4):
            assert domain.check(value) == value
        return domain.from_unit(0.5)

    space.resolve(decide)


class TestSampling:
    def draw(self, domain: Any, n: int = 20_000, prior: bool = False) -> list[Any]:
        rng = np.random.default_rng(0)
        return [(domain.from_prior if prior else domain.from_unit)(u) for u in rng.random(n)]

    def test_log_is_uniform_in_the_logarithm(self):
        values = np.log(self.draw(FloatDomain(1e-4, 1e-1, log=True)))
        width = math.log(1e-1) - math.log(1e-4)
        assert stats.kstest(values, "uniform", args=(math.log(1e-4), width)).pvalue > 0.01

    def test_each_integer_is_as_likely(self):
        counts = Counter(self.draw(IntegerDomain(3, 7)))
        assert set(counts) == {3, 4, 5, 6, 7}
        assert stats.chisquare(list(counts.values())).pvalue > 0.01

    def test_both_bounds_are_included(self):
        assert {IntegerDomain(1, 3, log=True).from_unit(u) for u in (0.0, 1.0)} == {1, 3}
        assert [FloatDomain(0.1, 0.3).from_unit(u) for u in (0.0, 1.0)] == [0.1, 0.3]

    @pytest.mark.parametrize("confidence", list(SIGMA))
    def test_the_prior_of_a_number_is_a_truncated_normal(self, confidence):
        space = parse_space({"x": neps.Float(2, 4, prior=2.5, prior_confidence=confidence)})
        rng = np.random.default_rng(1)
        values = [space.resolve(Prior(rng)).config["x"] for _ in range(5000)]
        sigma = SIGMA[confidence] * 2
        law = stats.truncnorm((2 - 2.5) / sigma, (4 - 2.5) / sigma, 2.5, sigma)
        assert stats.kstest(values, law.cdf).pvalue > 0.01

    @pytest.mark.parametrize("confidence", list(CATEGORY_WEIGHT))
    def test_the_prior_of_a_category_is_a_weight(self, confidence):
        space = parse_space({"x": neps.Categorical(["a", "b", "c"], prior=1, prior_confidence=confidence)})
        rng = np.random.default_rng(1)
        counts = Counter(space.resolve(Prior(rng)).config["x"] for _ in range(6000))
        weight = CATEGORY_WEIGHT[confidence]
        expected = [6000 * w / (weight + 2) for w in (1, weight, 1)]
        assert stats.chisquare([counts[c] for c in "abc"], expected).pvalue > 0.01

    def test_a_prior_without_a_confidence_is_low(self):
        documents = [
            parse_space({"x": neps.Float(0, 1, prior=0.5, prior_confidence=c)}).to_document() for c in (None, "low")
        ]
        assert documents[0] == documents[1]

    def test_the_density_of_a_prior_integrates_to_one(self):
        domain = neps.Float(0, 1, prior=0.1, prior_confidence="high").domain()
        xs = np.linspace(0, 1, 2001)
        assert np.trapezoid([math.exp(domain.prior.log_density(x)) for x in xs], xs) == pytest.approx(1, abs=1e-4)

    def test_the_base_of_a_log_scale_changes_nothing(self):
        a, b = (neps.Float(1, 100, log=True, log_base=base).domain() for base in (2, 10))
        assert a.from_unit(0.3) == b.from_unit(0.3)


class TestRefusals:
    @pytest.mark.parametrize(
        "parameter, message",
        [
            (neps.Float(1, 0), "lower .* must not be greater than upper"),
            (neps.Integer(4, 3), "lower .* must not be greater than upper"),
            (neps.Float(0, 1, log=True), "log=True needs lower > 0"),
            (neps.Integer(0, 5, log=True), "log=True needs lower > 0"),
            (neps.Float("a", 1), "lower must be a number"),
            (neps.Float(0, math.inf), "upper must be finite"),
            (neps.Float(math.nan, 1), "lower must be finite"),
            (neps.Float(-1.7e308, 1.7e308), "too wide"),
            (neps.Integer(0, 2.5), "upper must be a whole number"),
            (neps.Integer(True, 2), "lower must be a number"),
            (neps.Float(0, 1, log="yes"), "log must be True or False"),
            (neps.Float(1, 2, log=True, log_base=1), "log_base"),
            (neps.Float(1, 2, log_base=10), "needs log=True"),
            (neps.Float(0, 1, prior=2), r"prior .* is outside \[0.0, 1.0\]"),
            (neps.Integer(0, 5, prior=1.5), "prior .* not a whole number"),
            (neps.Float(0, 1, prior=0.5, prior_confidence="sure"), "'sure' is not one of 'low', 'medium', 'high'"),
            (neps.Float(0, 1, prior_confidence="low"), "needs a prior"),
            (neps.Categorical([]), "choices is empty"),
            (neps.Categorical(["a", "b", "a"]), "'a' twice"),
            (neps.Categorical([[1], [1]]), "twice"),
            (neps.Categorical("abc"), "must be a list or tuple"),
            (neps.Categorical({"a", "b"}), "must be a list or tuple"),
            (neps.Categorical(3), "must be a list or tuple"),
            (neps.Categorical(["a"], prior=1), "no index into 1 choices"),
            (neps.Categorical(["a"], prior="a"), "prior"),
            (neps.IntegerFidelity(6, 5), "lower"),
            (neps.Fidelity(neps.Integer(1, 5, prior=3)), "a fidelity has no prior"),
            (neps.Fidelity(neps.Categorical(["a"])), "a fidelity is an Integer or a Float"),
            (neps.Float, "is the class"),
        ],
    )
    def test_bad_parameters_name_their_attribute(self, parameter, message):
        with pytest.raises(SpaceError, match=f"^learning_rate: .*{message}"):
            parse_space({"learning_rate": parameter})
        space = type("Space", (neps.PipelineSpace,), {"learning_rate": parameter})
        with pytest.raises(ValueError, match="learning_rate"):
            space()

    @pytest.mark.parametrize("name", ["a b", "1x", "class", "", "x-y", 3])
    def test_names_that_are_no_identifiers(self, name):
        with pytest.raises(SpaceError, match="no Python identifier"):
            parse_space({name: neps.Float(0, 1)})

    @pytest.mark.parametrize("name", ["pipeline_id", "root_directory", "sample", "add"])
    def test_names_that_are_taken(self, name):
        with pytest.raises(SpaceError, match=f"'{name}' can't be the name"):
            parse_space({name: neps.Float(0, 1)})

    def test_what_is_no_space(self):
        for thing in (3, "space", [neps.Float(0, 1)]):
            with pytest.raises(SpaceError, match="is no search space"):
                parse_space(thing)

    @pytest.mark.parametrize(
        "config, message",
        [
            ({}, "no value for 'x'"),
            ({"x": 2, "c": "a"}, "'x': 2.0 is outside"),
            ({"x": "1", "c": "a"}, "'x': '1' is a str, not a number"),
            ({"x": True, "c": "a"}, "'x': True is a bool"),
            ({"x": 0.5, "c": "z"}, "'c': 'z' is none of the choices 'a', 1, True"),
            ({"x": 0.5, "c": [1]}, "'c': .* is none of the choices"),
            ({"x": 0.5, "c": "a", "d": 1}, "does not ask for 'd'"),
        ],
    )
    def test_configurations_that_do_not_fit(self, config, message):
        space = parse_space({"x": neps.Float(0, 1), "c": neps.Categorical(["a", 1, True])})
        with pytest.raises(ConfigError, match=message):
            replay(space, config)


class TestPipelineSpace:
    def test_what_is_an_attribute(self):
        class Base(neps.PipelineSpace):
            x = neps.Float(0, 1)
            y = 1

        class Space(Base):
            y = neps.Integer(1, 2)
            _block = neps.Float(0, 1)
            activation = max

            def helper(self):
                return 1

            @property
            def also(self):
                return 2

            @staticmethod
            def static():
                return 3

        space = parse_space(Space())
        assert space.argument_names == {"x": True, "y": True, "activation": True}
        assert space.resolve(Uniform(np.random.default_rng(0))).arguments()["activation"] is max

    def test_attributes_set_in_init(self):
        class Space(neps.PipelineSpace):
            def __init__(self, upper):
                self.x = neps.Float(0, upper)

        assert parse_space(Space(3)).to_document()["attributes"]["x"]["upper"] == 3

    def test_one_parameter_in_two_places_has_one_value(self):
        shared = neps.Float(0, 1)
        resolution = parse_space({"a": shared, "b": shared}).resolve(Uniform(np.random.default_rng(0)))
        arguments = resolution.arguments()
        assert arguments["a"] == arguments["b"]
        assert list(resolution.config) == ["a"]

    def test_it_does_not_change(self, space):
        with pytest.raises(SpaceError, match="does not change"):
            space.momentum = 3
        bigger = space.add(neps.Float(0, 1), "dropout")
        smaller = space.remove("momentum")
        surer = space.add_prior("layers", 3, "high")
        assert set(bigger.sample()[0]) == set(space.sample()[0]) | {"dropout"}
        assert "momentum" not in smaller.sample()[0]
        assert not parse_space(space).has_priors
        assert parse_space(surer).has_priors
        assert not hasattr(smaller, "momentum")

    def test_refused_changes(self, space):
        with pytest.raises(SpaceError, match="already"):
            space.add(1, "layers")
        with pytest.raises(SpaceError, match="Did you mean 'layers'"):
            space.remove("layer")
        with pytest.raises(SpaceError, match="batch_size.*can't have a prior"):
            space.add_prior("batch_size", 3)
        with pytest.raises(SpaceError, match="layers: prior 9"):
            space.add_prior("layers", 9)

    def test_sample(self, space):
        config, arguments = space.sample()
        assert set(arguments) - set(config) == {"batch_size"}
        with_fidelity = space.add(neps.IntegerFidelity(1, 10), "epochs")
        assert with_fidelity.sample()[0]["epochs"] == 10
        assert with_fidelity.sample({"epochs": 3})[1]["epochs"] == 3
        with pytest.raises(SpaceError, match="no fidelity"):
            with_fidelity.sample({"epoch": 3})
        with pytest.raises(ConfigError, match="epochs"):
            with_fidelity.sample({"epochs": 11})

    def test_it_shows_itself(self, space):
        assert "learning_rate = Float(lower=0.0001" in repr(space)

    def test_choices_that_are_no_plain_data(self):
        def act():
            pass

        space = parse_space({"x": neps.Categorical([(1, 2), act, "act", print, None])})
        assert space.resolve(lambda path, domain: domain.choices[0]).arguments() == {"x": (1, 2)}
        domain = neps.Categorical([(1, 2), act, "act", print, None]).domain()
        assert domain.choices == ("(1, 2)", "act#2", "act", "print", None)

    def test_choices_keep_their_labels(self):
        class Thing:
            pass

        space = parse_space({"x": neps.Categorical([Thing(), lambda: 0, print, math.sin, Thing.__init__])})
        loaded = parse_space(load_space(from_yaml(to_yaml(space.to_document()))))
        seen = []
        for each in (space, loaded):
            each.resolve(lambda path, domain: seen.append(domain.choices) or domain.choices[0])
        assert seen[0] == seen[1]

    def test_functions_are_stored_by_path_and_imported_when_used(self):
        space = parse_space({"f": math.sqrt, "c": neps.Categorical([math.sin, math.cos])})
        loaded = parse_space(load_space(from_yaml(to_yaml(space.to_document()))))
        assert loaded.resolve(lambda path, domain: "cos").arguments() == {"f": math.sqrt, "c": math.cos}
        gone = {"format": "pipeline_space", "attributes": {"f": {"type": "Import", "path": "nowhere:f"}, "x": 1}}
        assert parse_space(load_space(gone)).resolve(Uniform(np.random.default_rng(0))).config == {}
        with pytest.raises(SpaceError, match="'nowhere:f'.*is not imported here.*trust_space=True"):
            parse_space(load_space(gone)).resolve(Uniform(np.random.default_rng(0))).arguments()

    @pytest.mark.parametrize(
        "document", [{"type": "Flaot", "lower": 0}, {"type": "Float", "lover": 0}, {"lower": 0}, {"type": "Tuple"}]
    )
    def test_documents_that_make_no_sense(self, document):
        with pytest.raises(SpaceError):
            load_space({"format": "pipeline_space", "attributes": {"x": document}})
        with pytest.raises(SpaceError, match="no installed plugin reads"):
            load_space({"format": "other"})


def test_categories_that_python_calls_equal():
    domain = CategoricalDomain((1, True, 2.0))
    assert domain.check(1) is domain.choices[0]
    assert domain.check(True) is True
    assert domain.check(np.int64(1)) == 1 and type(domain.check(np.int64(1))) is int
    assert domain.check(2) == 2.0
    with pytest.raises(ValueError):
        domain.check(False)
