"""The hierarchical language."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import neps
from neps.testing import check_space
from neps_core import ConfigError, SpaceError, Uniform, parse_space, replay
from neps_core.files import from_yaml, to_yaml
from neps_core.space_parsing import load_space
from neps_core.spaces.identity import canonical, config_hash
from neps_plugins.spaces.pipeline import walk as walk_module
from neps_plugins.spaces.pipeline.shorthand import HPOConstant


class Thing:
    """What a user's operator builds."""

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs

    def __eq__(self, other):
        return isinstance(other, Thing) and (self.args, self.kwargs) == (other.args, other.kwargs)

    __hash__ = None


def samples(space, n=200, seed=0):
    parsed = parse_space(space)
    source = Uniform(np.random.default_rng(seed))
    return [parsed.resolve(source) for _ in range(n)]


def answer(space, config):
    return replay(parse_space(space), config).arguments()


class TestOneValue:
    def test_an_object_used_twice_has_one_value(self):
        kernel = neps.Integer(1, 100)
        space = {"a": neps.Operation("f", (kernel, kernel)), "b": kernel}
        for resolution in samples(space, 20):
            assert list(resolution.config) == ["b"]  # it is an attribute, so known by that name
            k = resolution.config["b"]
            assert resolution.arguments() == {"a": f"f({k}, {k})", "b": k}

    def test_resample_is_a_value_of_its_own_at_each_place(self):
        kernel = neps.Integer(1, 1000)
        space = {"a": neps.Operation("f", (neps.Resample(kernel), kernel.resample(), kernel)), "_k": kernel}
        resolution = samples(space, 1)[0]
        assert list(resolution.config) == ["a[0]", "a[1]", "_k"]
        assert len(set(resolution.config.values())) == 3

    def test_what_is_written_inside_is_drawn_anew_and_attributes_are_not(self):
        class Space(neps.PipelineSpace):
            _act = neps.Integer(1, 10**6)
            _layer = neps.Operation("layer", (neps.Integer(1, 10**6), _act))
            model = neps.Operation("net", neps.Repeated(3, neps.Resample(_layer)))

        resolution = samples(Space(), 1)[0]
        assert list(resolution.config) == ["model[*][0][0]", "_act", "model[*][1][0]", "model[*][2][0]"]
        assert len(set(resolution.config.values())) == 4

    def test_repeated_without_resample_repeats_one_value(self):
        space = {"x": neps.Repeated(3, neps.Integer(1, 10**6))}
        for resolution in samples(space, 5):
            assert len(set(resolution.arguments()["x"])) == 1

    def test_the_count_may_be_decided(self):
        space = {"blocks": neps.Repeated(neps.Integer(0, 3), neps.Resample(neps.Integer(1, 9)))}
        counts = {len(r.arguments()["blocks"]) for r in samples(space)}
        assert counts == {0, 1, 2, 3}
        config = {"blocks.count": 2, "blocks[0]": 5, "blocks[1]": 7}
        assert answer(space, config) == {"blocks": (5, 7)}

    def test_by_name_is_the_attributes_one_value(self):
        class Space(neps.PipelineSpace):
            first = neps.Operation("f", (neps.ByName("later"),))
            later = neps.Integer(1, 10**6)

        resolution = samples(Space(), 1)[0]
        assert resolution.arguments()["first"] == f"f({resolution.arguments()['later']})"

    def test_an_unrelated_parameter_moves_no_path(self):
        block = neps.Operation("conv", kwargs={"kernel": neps.Integer(1, 7)})
        before = samples({"model": neps.Operation("net", kwargs={"blocks": (block, neps.Resample(block))})}, 1)[0]
        after = samples(
            {"new": neps.Float(0, 1), "model": neps.Operation("net", kwargs={"blocks": (block, neps.Resample(block))})},
            1,
        )[0]
        assert list(before.config) == ["model.blocks[0].kernel", "model.blocks[1].kernel"]
        assert list(after.config) == ["new", *before.config]


class TestChoices:
    def test_of_operations_tuples_lists_and_constants(self):
        c = neps.Float(0.1, 10, log=True)
        space = {
            "x": neps.Categorical(
                [
                    neps.Operation("svm", kwargs={"c": c}),
                    (neps.Integer(1, 3), "a"),
                    [1, 2],
                    {"k": neps.Integer(5, 6)},
                    None,
                ]
            )
        }
        labels = parse_space(space).attributes["x"].domain().choices
        assert labels[0] == "svm" and labels[-1] is None
        assert answer(space, {"x": "svm", "x.svm.c": 1.0}) == {"x": "svm(c=1.0)"}
        assert answer(space, {"x": labels[1], "x{1}[0]": 2}) == {"x": (2, "a")}
        assert answer(space, {"x": labels[2]}) == {"x": [1, 2]}
        assert answer(space, {"x": labels[3], "x{3}['k']": 6}) == {"x": {"k": 6}}
        assert answer(space, {"x": None}) == {"x": None}

    def test_each_alternative_has_paths_of_its_own(self):
        space = {
            "m": neps.Categorical(
                [
                    neps.Operation("svm", kwargs={"c": neps.Float(0, 1)}),
                    neps.Operation("lr", kwargs={"c": neps.Float(5, 6)}),
                ]
            )
        }
        paths = {path for r in samples(space, 50) for path in r.config}
        assert paths == {"m", "m.svm.c", "m.lr.c"}

    def test_that_another_choice_yields(self):
        space = {"x": neps.Categorical(neps.Categorical([("a", "b"), ("c",)]))}
        found = {json.dumps(r.config) for r in samples(space)}
        assert found == {
            '{"x:choices": "(\'a\', \'b\')", "x": "a"}',
            '{"x:choices": "(\'a\', \'b\')", "x": "b"}',
            '{"x:choices": "(\'c\',)", "x": "c"}',
        }

    def test_lazy_changes_nothing(self):
        plain = {"x": neps.Categorical([neps.Integer(1, 3), neps.Float(0, 1)])}
        lazy = {"x": neps.Categorical([neps.Lazy(neps.Integer(1, 3)), neps.Lazy(neps.Float(0, 1))])}
        assert [list(r.config.values()) for r in samples(plain)] == [list(r.config.values()) for r in samples(lazy)]


class TestParametersOfParameters:
    def test_bounds(self):
        upper = neps.Integer(5, 10)
        space = {"n": upper, "k": neps.Integer(1, upper)}
        for r in samples(space):
            assert r.config["k"] <= r.config["n"]
        with pytest.raises(ConfigError, match=r"'k': 9 is outside \[1, 6\]"):
            answer(space, {"n": 6, "k": 9})

    def test_bounds_that_may_cross_are_refused(self):
        with pytest.raises(SpaceError, match="k: lower may be as much as 5, and upper as little as 3"):
            parse_space({"k": neps.Integer(neps.Integer(1, 5), neps.Integer(3, 9))})
        with pytest.raises(SpaceError, match="log=True needs lower > 0"):
            parse_space({"k": neps.Float(neps.Float(0, 1), 9, log=True)})

    def test_bounds_may_meet(self):
        space = {"k": neps.Float(neps.Integer(1, 2), 2)}
        assert answer(space, {"k:lower": 2, "k": 2.0}) == {"k": 2.0}
        assert {r.config["k"] for r in samples(space) if r.config["k:lower"] == 2} == {2.0}

    def test_priors_and_confidences(self):
        space = {
            "x": neps.Float(
                0, 1, prior=neps.Categorical([0.1, 0.9]), prior_confidence=neps.Categorical(["low", "high"])
            ),
            "c": neps.Categorical(["a", "b"], prior=neps.Integer(0, 1)),
        }
        parsed = parse_space(space)
        assert parsed.has_priors
        assert not parsed.has_fixed_domains
        config = parsed.resolve(Uniform(np.random.default_rng(0))).config
        assert set(config) == {"x:prior", "x:prior_confidence", "x", "c:prior", "c"}


class TestOperations:
    def test_callables_are_built(self):
        space = {
            "model": neps.Operation(
                Thing, (neps.Integer(3, 4), neps.Operation(Thing)), {"k": (1, neps.Operation(Thing, (2,)))}
            )
        }
        built = answer(space, {"model[0]": 3})["model"]
        assert built == Thing(3, Thing(), k=(1, Thing(2)))

    def test_what_is_used_twice_is_built_twice(self):
        layer = neps.Operation(Thing)
        built = answer({"a": HPOConstant((layer, layer))}, {})["a"]
        assert built[0] is not built[1]

    def test_nothing_is_built_by_sampling(self):
        def explode():
            raise AssertionError

        resolution = samples({"m": neps.Operation(explode)}, 1)[0]
        with pytest.raises(AssertionError):
            resolution.arguments()

    def test_the_operator_may_be_a_choice(self):
        space = {"act": neps.Operation(neps.Categorical(["relu", "tanh"]), (neps.Integer(1, 2),))}
        assert answer(space, {"act()": "tanh", "act[0]": 2}) == {"act": "tanh(2)"}

    def test_text(self):
        op = neps.Operation
        space = {
            "m": op(
                "net", (op("conv", (3, "relu")), op("id"), None, 0.5, (1, 2)), {"head": op("linear", kwargs={"n": 10})}
            )
        }
        assert answer(space, {}) == {"m": "net(conv(3, relu), id, None, 0.5, (1, 2), head=linear(n=10))"}

    def test_long_text_goes_on_several_lines(self):
        op = neps.Operation
        long = op("sequential", tuple(op("convolution", (64, 3)) for _ in range(8)))
        text = answer({"m": op("net", (long, op("id")))}, {})["m"]
        assert text.splitlines()[:3] == ["net(", "  sequential(", "    convolution(64, 3),"]
        assert text.splitlines()[-2:] == ["  id", ")"]
        assert max(map(len, text.splitlines())) <= 100

    def test_an_operation_that_raises_is_the_configurations_failure(self, root):
        def explode(n):
            raise ValueError("no such layer")

        result = neps.run(
            lambda m: 1.0,
            {"m": neps.Operation(explode, (neps.Integer(1, 2),))},
            root_directory=root,
            evaluations_to_spend=2,
            ignore_errors=True,
        )
        assert [t.state.value for t in result.trials.values()] == ["failed"] * 2
        assert "no such layer" in result.trials["1"].report.err

    def test_convert_operation_to_callable(self):
        assert neps.convert_operation_to_callable(neps.Operation(Thing, (1,))) == Thing(1)
        with pytest.raises(ConfigError, match="still to be decided"):
            neps.convert_operation_to_callable(neps.Operation(Thing, (neps.Integer(1, 2),)))

    @pytest.mark.parametrize(
        "part, message",
        [
            (neps.Operation(3), "operator must be"),
            (neps.Operation("f", 3), "args must be"),
            (neps.Operation("f", "abc"), "args must be"),
            (neps.Operation("f", kwargs=[1]), "kwargs must be"),
            (neps.Operation("f", kwargs={"a b": 1}), "no name of an argument"),
            (neps.Repeated(-1, 1), "count"),
            (neps.Repeated(neps.Float(0, 1), 1), None),
            (neps.Repeated("x", 1), "count must be a whole number"),
            (neps.Repeated(neps.Integer(-1, 3), 1), "may be -1"),
            (neps.Operation("f", (neps.Float(1, 0),)), "lower"),
            (neps.Operation("f", (neps.IntegerFidelity(1, 3),)), "a fidelity must be an attribute"),
            (neps.ByName("nothing"), "names no attribute"),
            (neps.Resample("nothing"), "names no attribute"),
        ],
    )
    def test_refusals_name_the_attribute(self, part, message):
        if message is None:
            with pytest.raises(ConfigError, match="count of a Repeated"):
                samples({"model": part}, 50)
            return
        with pytest.raises(SpaceError, match=f"^model: .*{message}"):
            parse_space({"model": part})

    def test_a_fidelity_may_be_used_inside_if_it_is_an_attribute(self):
        epochs = neps.IntegerFidelity(1, 9)
        space = {"epochs": epochs, "model": neps.Operation("train", (epochs,))}
        assert answer(space, {"epochs": 3}) == {"epochs": 3, "model": "train(3)"}
        assert list(parse_space(space).fidelities) == ["epochs"]


class Tree(neps.PipelineSpace):
    """Every inner node has three children: uniformly chosen, its expected size would be infinite."""

    tree = neps.Categorical(
        [neps.Operation("node", (neps.ByName("tree"), neps.ByName("tree"), neps.ByName("tree"))), "leaf"]
    )


class TestGrammars:
    def test_recursion_is_a_fresh_derivation_at_each_place(self):
        found = [r for r in samples(Tree()) if "tree.node[1].node[0]" in r.config]
        assert found
        text = found[0].arguments()["tree"]
        assert text.replace(" ", "").replace("\n", "").startswith("node(")

    def test_expected_size_is_finite_and_sizes_vary(self):
        sizes = [len(r.config) for r in samples(Tree(), 3000)]
        assert np.mean(sizes) < 20
        assert max(sizes) < 500
        assert len(set(sizes)) > 8

    def test_mutual_recursion(self):
        class Space(neps.PipelineSpace):
            _a = neps.Categorical([neps.Operation("a", (neps.ByName("_b"),)), "x"])
            _b = neps.Categorical([neps.Operation("b", (neps.ByName("_a"), neps.ByName("_a"))), "y"])
            model = neps.ByName("_a")

        assert max(len(r.config) for r in samples(Space(), 1000)) < 500

    def test_where_every_choice_recurses_the_smallest_is_leant_to(self):
        class Space(neps.PipelineSpace):
            s = neps.Categorical(
                [
                    neps.Operation("ss", (neps.ByName("s"), neps.ByName("s"))),
                    neps.Operation("t", (neps.Resample("_t"),)),
                ]
            )
            _t = neps.Categorical([neps.ByName("s"), "x"])

        assert np.mean([len(r.config) for r in samples(Space(), 1000)]) < 50

    def test_an_object_that_is_met_inside_itself(self):
        """Not by its name alone: `d` holds a name of `_a`, which holds the object `d`."""
        choice = neps.Categorical([neps.ByName("_a"), "end"])
        space = {"_a": neps.Repeated(neps.Integer(0, 3), choice), "d": choice}
        for resolution in samples(space, 300):
            assert replay(parse_space(space), resolution.config).arguments() == resolution.arguments()
            assert "object" not in repr(resolution.arguments())

    @pytest.mark.parametrize(
        "attributes",
        [
            {"s": neps.Operation("f", (neps.ByName("s"),))},
            {"s": neps.ByName("s")},
            {"s": neps.Resample("s")},
            {"a": neps.ByName("b"), "b": neps.ByName("a")},
            {"s": neps.Categorical([neps.Operation("f", (neps.ByName("s"),))])},
            {"s": neps.Repeated(neps.Integer(1, 3), neps.ByName("s"))},
            {"s": HPOConstant((1, neps.ByName("s")))},
        ],
    )
    def test_what_can_never_end_is_refused(self, attributes):
        with pytest.raises(SpaceError, match="can never end"):
            parse_space(attributes)

    def test_a_choice_that_can_never_end_is_named(self):
        class Space(neps.PipelineSpace):
            _loop = neps.Operation("f", (neps.ByName("_loop"),))
            s = neps.Categorical(["x", neps.ByName("_loop")])

        with pytest.raises(SpaceError, match="_loop|never end"):
            Space()

    def test_what_can_end_is_not(self):
        parse_space({"s": neps.Repeated(neps.Integer(0, 3), neps.ByName("s"))})

    def test_limits_have_clear_errors(self):
        with pytest.raises(ConfigError, match="more than 20000 decisions"):
            samples({"x": neps.Repeated(20_001, neps.Resample(neps.Integer(1, 2)))}, 1)
        deep = {}
        path = "tree"
        for _ in range(walk_module.MAX_DEPTH + 5):
            deep[path] = "node"
            path += ".node[0]"
        with pytest.raises(ConfigError, match="nested more than 60 deep"):
            answer(Tree(), deep)

    def test_structures_too_deep_for_python(self):
        part = "x"
        for _ in range(600):
            part = neps.Operation("f", (part,))
        with pytest.raises((ConfigError, SpaceError), match="nested too deeply"):
            samples({"x": part}, 1)

    def test_a_walk_takes_work_linear_in_its_decisions(self):
        def calls(n):
            parsed = parse_space({"x": neps.Repeated(n, neps.Resample(neps.Operation("f", (neps.Integer(1, 9),))))})
            source = Uniform(np.random.default_rng(0))
            count = [0]
            sys.setprofile(lambda *_: count.__setitem__(0, count[0] + 1))
            try:
                parsed.resolve(source)
            finally:
                sys.setprofile(None)
            return count[0]

        assert calls(4000) < 11 * calls(400)


class TestStored:
    def spaces(self):
        shared = neps.Integer(1, 9)

        class Space(neps.PipelineSpace):
            _k = neps.Integer(1, 7, prior=3)
            _conv = neps.Operation(Thing, (neps.Resample(_k), shared), {"s": shared, "d": neps.ByName("late")})
            model = neps.Categorical(
                [_conv, neps.Repeated(neps.Integer(1, 2), neps.Resample("_conv")), neps.Lazy(None)]
            )
            late = neps.Float(neps.Float(0, 1), 2)
            also = _k
            both = [shared, (shared, {"x": shared})]
            pick = neps.Categorical(neps.Categorical([("a", "b"), ("c",)]), prior=0)

        return [Space(), Tree()]

    def test_a_space_survives_its_document(self):
        for space in self.spaces():
            document = from_yaml(to_yaml(parse_space(space).to_document()))
            loaded = load_space(document, trusted=True)
            assert parse_space(loaded).to_document() == document
            for a, b in zip(samples(space, 50), samples(loaded, 50)):
                assert list(a.config.items()) == list(b.config.items())
                assert a.arguments() == b.arguments()

    def test_a_configuration_in_another_process(self, tmp_path, script):
        space, resolution = Tree(), next(r for r in samples(Tree()) if len(r.config) > 10)
        (tmp_path / "space.yaml").write_text(to_yaml(parse_space(space).to_document()))
        (tmp_path / "config.yaml").write_text(to_yaml(resolution.config))
        script.write(
            """
            from neps_core import parse_space, replay
            from neps_core.files import from_yaml
            from neps_core.space_parsing import load_space
            space = parse_space(load_space(from_yaml(open("space.yaml").read())))
            print(replay(space, from_yaml(open("config.yaml").read())).arguments()["tree"])
            """
        )
        assert script.run()[0].strip() == resolution.arguments()["tree"]

    def test_canonical_form_and_hash(self):
        space = parse_space({"n": neps.Integer(1, 5), "x": neps.Float(0, 1), "c": neps.Categorical([1, True])})
        one = canonical(space, {"c": True, "x": 1, "n": 3.0})
        assert list(one.items()) == [("n", 3), ("x", 1.0), ("c", True)]
        assert config_hash(one) == config_hash(dict(reversed(one.items())))
        assert config_hash(one) != config_hash({**one, "c": 1})

    def test_in_a_run_and_gone_on_with(self, root):
        def evaluate(model):
            assert isinstance(model, Thing)
            return float(model.args[0])

        class Space(neps.PipelineSpace):
            model = neps.Operation(Thing, (neps.Integer(1, 9),))

        neps.run(evaluate, Space(), root_directory=root, evaluations_to_spend=2)
        result = neps.run(evaluate, root_directory=root, evaluations_to_spend=2)
        assert len(result.trials) == 4
        assert {t.state.value for t in result.trials.values()} == {"success"}
        assert neps.load_config(root, config_id="1")["model"] == Thing(result.trials["1"].config["model[0]"])


class TestFoundByBreaking:
    """What somebody who tried to break the language found."""

    def test_a_keyword_called_type_is_stored(self):
        for kwargs in ({"type": "residual"}, {"type": "Float", "n": neps.Integer(1, 3)}):
            check_space({"m": neps.Operation("block", kwargs=kwargs)})

    def test_a_prior_is_added_wherever_the_parameter_is_used(self):
        class Space(neps.PipelineSpace):
            a = neps.Integer(1, 5)
            b = neps.Operation("f", (a, [a, {"k": a}]), {"n": neps.Categorical([neps.Resample(a), 0])})

        changed = Space().add_prior("a", 3)
        parsed = parse_space(changed)
        for resolution in samples(changed, 30):
            a = resolution.config["a"]
            assert resolution.arguments()["b"].startswith(f"f({a}, [{a}, {{k: {a}}}]")
        assert all(part.prior == 3 for part in parsed._used_parts() if isinstance(part, neps.Integer))

    @pytest.mark.parametrize(
        "space",
        [
            {"a": neps.Integer(neps.ByName("b"), 5), "b": neps.Integer(1, 9)},
            {"c": neps.Categorical(["a", "b"], prior=neps.Integer(0, 5))},
            {"c": neps.Categorical(neps.Categorical([(), ("a",)]))},
            {"x": neps.Float(0, neps.Categorical([None, 2]))},
            {"x": neps.Float(0, 1, prior=0.5, prior_confidence=neps.Categorical(["bogus"]))},
        ],
    )
    def test_parameters_of_parameters_that_do_not_fit_name_the_path(self, space):
        with pytest.raises(ConfigError, match=r"^'[acx]': "):
            samples(space, 100)

    def test_a_prior_that_may_be_outside_is_refused(self):
        with pytest.raises(SpaceError, match=r"x: prior may be from 0 to 3"):
            parse_space({"x": neps.Float(0, 1, prior=neps.Float(0, 3))})

    def test_fidelities_are_neither_resampled_nor_hidden(self):
        with pytest.raises(SpaceError, match="m: a fidelity has one value"):
            parse_space({"e": neps.IntegerFidelity(1, 3), "m": neps.Operation("f", (neps.Resample("e"),))})
        with pytest.raises(SpaceError, match="_e: a fidelity must be an attribute"):
            parse_space({"_e": neps.IntegerFidelity(1, 3), "m": neps.Categorical([neps.ByName("_e"), "x"])})

    def test_containers_that_are_not_looked_into_are_refused(self):
        from collections import OrderedDict, namedtuple

        pair = namedtuple("pair", "a b")
        for container in (
            {1: neps.Integer(1, 3)},
            pair(neps.Integer(1, 3), 2),
            OrderedDict(a=neps.Integer(1, 3)),
            [pair(neps.Integer(1, 3), 2)],
        ):
            with pytest.raises(SpaceError, match="c: parameters in a .* are not looked at"):
                parse_space({"c": HPOConstant(container)})
            with pytest.raises(SpaceError, match="c: parameters in a .* are not looked at"):
                parse_space({"c": neps.Operation("f", (container,))})
        parse_space({"c": HPOConstant({1: 2}), "d": pair(1, 2)})

    def test_a_prior_is_offered_exactly(self):
        assert neps.Float(1e-4, 1e-1, log=True, prior=1e-2).domain().default() == 1e-2
