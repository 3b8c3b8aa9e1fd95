"""Spaces in few words, and the names of the older interface."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import neps
from neps_core import SpaceError, Uniform, parse_space
from neps_core.space_parsing import load_space
from neps_plugins.spaces.pipeline.compat import HPOCategorical, HPOFloat, HPOInteger, SearchSpace
from neps_plugins.spaces.pipeline.shorthand import HPOConstant


class TestDicts:
    @pytest.mark.parametrize(
        "value, same",
        [
            ((0.0, 1.0), neps.Float(0.0, 1.0)),
            ((0, 1.0), neps.Float(0, 1.0)),
            ((1, 5), neps.Integer(1, 5)),
            ((np.int64(1), np.int64(5)), neps.Integer(1, 5)),
            ((np.float32(1), 5), neps.Float(1, 5)),
            ((3, 3), neps.Integer(3, 3)),
            (["a", None, 3], neps.Categorical(["a", None, 3])),
            ([(1, 2), [3]], neps.Categorical([(1, 2), [3]])),
            ([0.0, neps.Float(1, 2)], neps.Categorical([0.0, neps.Float(1, 2)])),
            ([0, {"lower": 1.0, "upper": 2}, {"b": 1}], neps.Categorical([0, neps.Float(1.0, 2), {"b": 1}])),
            ([3, HPOConstant({"lower": 1})], neps.Categorical([3, {"lower": 1}])),
            ({"lower": 1e-3, "upper": 1, "log": True}, neps.Float(1e-3, 1, log=True)),
            ({"type": "float", "lower": 1, "upper": 2}, neps.Float(1, 2)),
            ({"type": "int", "lower": 1, "upper": 2.0}, neps.Integer(1, 2)),
            (
                {"lower": 1, "upper": 9, "prior": 3, "prior_confidence": "high"},
                neps.Integer(1, 9, prior=3, prior_confidence="high"),
            ),
            ({"lower": 1, "upper": 9, "is_fidelity": True}, neps.IntegerFidelity(1, 9)),
            ({"choices": [4, 2, 1], "prior": 1}, neps.Categorical([4, 2, 1], prior=2)),
            (neps.Integer(1, 2), neps.Integer(1, 2)),
        ],
        ids=repr,
    )
    def test_mean_what_they_look_like(self, value, same):
        assert parse_space({"x": value}).to_document() == parse_space({"x": same}).to_document()

    @pytest.mark.parametrize("value", [3, 0.5, "a", True, None, b"a", np.float64(2)], ids=repr)
    def test_anything_else_is_a_constant(self, value):
        space = parse_space({"x": neps.Float(0, 1), "k": value})
        assert space.resolve(Uniform(np.random.default_rng(0))).arguments()["k"] == value

    @pytest.mark.parametrize(
        "value, message",
        [
            (
                (0.0, 0.5, 1.0),
                "a range .*the lower one first.*neps.Categorical.*neps.HPOConstant",
            ),
            ((1, 0), "x: \\(1, 0\\) can't be meant"),
            (("a", "b"), "neps.Categorical"),
            ((False, True), "neps.Categorical"),
            ((), "neps.Categorical"),
            ({}, "HPOConstant"),
            ({"a": 1}, "HPOConstant"),
            ({"lower": 1}, '"lower" and "upper"'),
            ({1, 2}, "a set is neither"),
            (range(3), "a range is neither"),
            ([], "choices is empty"),
            ([1, 1], "twice"),
            ([1, {"lower": 1, "uper": 2}], '"lower" and "upper".*HPOConstant'),
            ({"lower": 0, "upper": 1, "lgo": True}, "the key 'lgo'.*'log'"),
            ({"lower": 0, "upper": 1, "type": "flaot"}, "the type 'flaot'.*'float'"),
            ({"lower": 0, "upper": 1, "log": True}, "log=True needs lower > 0"),
            ({"lower": 0, "upper": 1, "type": []}, "the type \\[\\]"),
            ({"lower": "a", "upper": 1}, "lower must be a number"),
            ({"choices": "ab"}, "choices must be a list"),
            ({"choices": ["a", "b"], "prior": 0}, "the prior 0 is none of the choices.*not its index"),
        ],
        ids=repr,
    )
    def test_or_are_refused_by_name(self, value, message):
        with pytest.raises(SpaceError, match=f"x: .*{message}|{message}") as refused:
            parse_space({"y": (0.0, 1.0), "x": value})
        assert str(refused.value).startswith("x: ")

    def test_in_a_class_they_are_constants(self, root):
        class Space(neps.PipelineSpace):
            x = neps.Float(0, 1)
            a, b, c = (0.0, 1.0), ["a", "b"], {"lower": 0, "upper": 1}
            d = HPOConstant((3, 4))

        seen = []
        run = {"root_directory": root, "evaluations_to_spend": 1, "optimizer": "random_search"}
        neps.run(lambda x, **rest: seen.append(rest) or x, Space(), **run)
        neps.run(lambda x, **rest: seen.append(rest) or x, **run)
        assert seen == [{"a": (0.0, 1.0), "b": ["a", "b"], "c": {"lower": 0, "upper": 1}, "d": (3, 4)}] * 2

    def test_a_stored_dict_gives_the_same_again(self, root):
        space = {"x": (0.0, 1.0), "n": (1, 3), "c": ["a", "b"], "k": HPOConstant([1, 2]), "t": HPOConstant((0, 1))}
        seen = []
        run = {"root_directory": root, "evaluations_to_spend": 3, "optimizer": "random_search"}
        for given in (space, None, space):
            neps.run(lambda x, **rest: seen.append(rest) or x, given, **run)
        assert all(rest["k"] == [1, 2] and rest["t"] == (0, 1) and rest["c"] in ("a", "b") for rest in seen)
        assert len(seen) == 9

    def test_what_was_stored_as_a_constant_stays_one(self):
        document = {
            "format": "pipeline_space",
            "name": "space",
            "attributes": {"k": [1, 2], "x": {"type": "Float", "lower": 0, "upper": 1}},
        }
        space = parse_space(load_space(document))
        assert space.resolve(Uniform(np.random.default_rng(0))).arguments()["k"] == [1, 2]
        assert space.to_document() == document


class TestFidelities:
    @pytest.mark.parametrize(
        "made, same",
        [
            (neps.Integer(1, 9, is_fidelity=True), neps.IntegerFidelity(1, 9)),
            (neps.Float(0.1, 1, True, is_fidelity=True), neps.FloatFidelity(0.1, 1, log=True)),
            (HPOInteger(1, 9, is_fidelity=True), neps.IntegerFidelity(1, 9)),
            (HPOFloat(0.1, 1, log=True, is_fidelity=True), neps.FloatFidelity(0.1, 1, log=True)),
        ],
    )
    def test_by_keyword(self, made, same):
        assert type(made) is type(same)
        assert parse_space({"e": made}).to_document() == parse_space({"e": same}).to_document()
        assert parse_space({"e": made}).fidelities["e"].is_fidelity

    def test_with_a_prior_is_refused(self):
        with pytest.raises(SpaceError, match="e: a fidelity has no prior"):
            parse_space({"e": neps.Float(0, 1, prior=0.5, is_fidelity=True)})

    def test_an_ordinary_one_is_copied_and_pickled(self):
        for number in (neps.Float(0, 1, prior=0.5), neps.Integer(0, 3, is_fidelity=True)):
            for again in (copy.deepcopy(number), pickle.loads(pickle.dumps(number))):
                assert repr(again) == repr(number) and type(again) is type(number)


class TestOlderNames:
    def test_lead_to_the_same_parts(self):
        space = SearchSpace(
            {
                "x": HPOFloat(0.0, 1.0, prior=0.5),
                "y": HPOFloat(1e-3, 1.0, log=True, prior_confidence="medium"),
                "n": HPOInteger(1, 9, prior=2, prior_confidence="high"),
                "e": HPOInteger(1, 27, is_fidelity=True),
                "c": HPOCategorical(["a", "b", 2], prior=2),
                "k": HPOConstant([1, 2]),
            }
        )
        assert parse_space(space).to_document()["attributes"] == {
            "x": {"type": "Float", "lower": 0.0, "upper": 1.0, "prior": 0.5, "prior_confidence": "low"},
            "y": {"type": "Float", "lower": 1e-3, "upper": 1.0, "log": True},
            "n": {"type": "Integer", "lower": 1, "upper": 9, "prior": 2, "prior_confidence": "high"},
            "e": {"type": "IntegerFidelity", "lower": 1, "upper": 27},
            "c": {"type": "Categorical", "choices": ["a", "b", 2], "prior": 2, "prior_confidence": "low"},
            "k": [1, 2],
        }
        assert list(space.searchables) == ["x", "y", "n", "c"]
        assert space.fidelity == ("e", space["e"])
        assert list(space) == ["x", "y", "n", "e", "c", "k"] and len(space) == 6

    def test_a_prior_is_the_choice_itself(self):
        assert HPOCategorical([3, 0, 1], prior=0).prior == 1
        assert HPOCategorical([1, True], prior=True).prior == 1
        with pytest.raises(ValueError, match="3 is none of the choices"):
            HPOCategorical(["a", "b"], prior=3)

    def test_a_run(self, root):
        space = SearchSpace({"x": HPOFloat(0, 1), "k": HPOConstant(3)})
        run = {"root_directory": root, "evaluations_to_spend": 2, "optimizer": "random_search"}
        assert len(neps.run(lambda x, k: x * k, pickle.loads(pickle.dumps(space)), **run).trials) == 2
        assert len(neps.run(lambda x, k: x * k, space, **run).trials) == 4


class Space(neps.PipelineSpace):
    x = neps.Float(0.0, 1.0)
    e = neps.IntegerFidelity(1, 9)
    c = neps.Categorical(["a", "b"])
    k = 3


class TestAskingASpace:
    def test_its_attributes(self):
        space = Space()
        assert list(space.get_attrs()) == ["x", "e", "c", "k"]
        assert space.fidelity_attrs == {"e": Space.e}
        assert not space.has_priors()
        assert space.add_prior("x", 0.5).has_priors()
        assert space.add_prior(parameter_name="x", prior=0.5, prior_confidence="high").x.prior == 0.5

    def test_what_is_added_without_a_name(self):
        space = (
            Space().add(neps.Float(0, 1)).add(new_param=neps.Integer(0, 1)).remove("param_5").add(neps.Integer(1, 2))
        )
        assert list(space.get_attrs()) == ["x", "e", "c", "k", "param_6", "param_7"]

    def test_its_parts(self):
        assert (Space.x.lower, Space.x.upper, Space.x.log, Space.x.prior, Space.x.has_prior) == (
            0,
            1,
            False,
            None,
            False,
        )
        assert (Space.c.lower, Space.c.upper, Space.c.choices, Space.c.has_prior) == (0, 1, ("a", "b"), False)
        assert (Space.e.lower, Space.e.upper) == (1, 9)

    @pytest.mark.parametrize("name", ["add", "get_attrs", "fidelity_attrs", "has_priors"])
    def test_its_methods_are_no_names_of_parameters(self, name):
        with pytest.raises(SpaceError, match=f"{name!r} can't be the name"):
            parse_space({name: 1})
