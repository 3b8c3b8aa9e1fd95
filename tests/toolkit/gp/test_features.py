"""The features of configurations: what a kernel measures distances between."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps_core import Uniform, parse_space
from neps_core.testing import gallery
from neps_plugins.toolkit.encoding import Encoder
from neps_plugins.toolkit.gp.features import Features
from neps_plugins.toolkit.gp.kernels import Matern52, squared_distances

GALLERY = gallery()

#: One real number under one of two branches, another one with an integer and a choice under the other.
BRANCHES = {
    "x": neps.Float(0, 1),
    "m": neps.Categorical(
        [
            neps.Operation("a", kwargs={"p": neps.Float(0, 1)}),
            neps.Operation(
                "b", kwargs={"q": neps.Float(0, 1), "n": neps.Integer(0, 9), "c": neps.Categorical(["u", "v", "w"])}
            ),
        ]
    ),
}


def encoded(space, configs):
    encoder = Encoder(parse_space(space), one_hot=False)
    encoder.encode(configs)
    return encoder, *encoder.encode(configs)


def sampled(space, n, seed=0):
    rng = np.random.default_rng(seed)
    parsed = parse_space(space)
    return [parsed.resolve(Uniform(rng)).config for _ in range(n)]


def distances(features, values, active, lengths=None):
    """Squared, with a lengthscale for each group."""
    weights = np.ones(len(features.keys)) if lengths is None else 1 / np.asarray(lengths)
    Z = features(values, active) * weights[features.group]
    return squared_distances(Z, Z)


def walk(m, **decisions):
    """A configuration of `BRANCHES`."""
    return {"x": 0.5, "m": m, **{f"m.{m}.{name}": value for name, value in decisions.items()}}


A1, A2 = walk("a", p=0.0), walk("a", p=1.0)
B1, B2 = walk("b", q=0.2, n=3, c="u"), walk("b", q=0.2, n=3, c="w")


def test_flat_numbers_are_their_own_features():
    encoder, values, active = encoded({"x": neps.Float(0, 1), "n": neps.Integer(0, 9)}, [{"x": 0.3, "n": 2}])
    features = Features.of(encoder.columns, values, active)
    assert (features(values, active) == values).all()
    assert features.keys == ("x", "n") and features.group.tolist() == [0, 1]


def test_what_cannot_vary_is_no_feature():
    encoder, values, active = encoded(
        {"x": neps.Float(0, 1), "c": neps.Categorical(["only"]), "k": 3}, [{"x": 0.3, "c": "only"}]
    )
    features = Features.of(encoder.columns, values, active)
    assert features.keys == ("x",)
    assert features(values, active).shape == (1, 1)


def test_nothing_to_decide():
    encoder, values, active = encoded({"k": 3}, [{}, {}])
    features = Features.of(encoder.columns, values, active)
    assert features(values, active).shape == (2, 0)
    assert features.by_value(np.zeros((2, 0)), values, active).shape == values.shape


def test_choices_differ_or_not():
    """Hamming: with k choices that differ the squared distance is k, however far apart their indices are."""
    space = {name: neps.Categorical([*"abcdef"]) for name in "xyz"}
    configs = sampled(space, 40)
    encoder, values, active = encoded(space, configs)
    features = Features.of(encoder.columns, values, active)
    differing = [[sum(a[k] != b[k] for k in "xyz") for b in configs] for a in configs]
    assert distances(features, values, active) == pytest.approx(np.array(differing, dtype=float))
    weighted = [[sum((a[k] != b[k]) * w for k, w in zip("xyz", (1, 4, 0.25))) for b in configs] for a in configs]
    assert distances(features, values, active, [1, 0.5, 2]) == pytest.approx(np.array(weighted))


def test_ranks_are_numbers():
    cs = pytest.importorskip("ConfigSpace")
    space = cs.ConfigurationSpace()
    space.add(cs.OrdinalHyperparameter("o", ["s", "m", "l"]))
    encoder, values, active = encoded(space, [{"o": o} for o in "sml"])
    assert distances(Features.of(encoder.columns, values, active), values, active)[0] == pytest.approx([0, 0.25, 1])


def test_what_both_lack_makes_no_difference():
    configs = [A1, A2, B1, B2, walk("a", p=0.0)]
    encoder, values, active = encoded(BRANCHES, configs)
    features = Features.of(encoder.columns, values, active)
    d2 = distances(features, values, active)
    assert d2[0, 4] == pytest.approx(0, abs=1e-12)
    assert d2[2, 3] == pytest.approx(1)  # of the three that `a` lacks, one choice
    # Whatever stands in the columns of what isn't there.
    noise = np.where(active, values, np.random.default_rng(0).random(values.shape))
    assert (features(noise, active) == features(values, active)).all()


def test_what_one_lacks_counts_the_same_whatever_the_others_value():
    ps = np.linspace(0, 1, 7)
    encoder, values, active = encoded(BRANCHES, [B1, *(walk("a", p=p) for p in ps)])
    features = Features.of(encoder.columns, values, active)
    d2 = distances(features, values, active, np.linspace(0.3, 2, len(features.keys)))
    assert d2[0, 1:] == pytest.approx(np.full(7, d2[0, 1]))
    cs = [walk("b", q=0.2, n=3, c=c) for c in "uvw"]
    encoder, values, active = encoded(BRANCHES, [A1, *cs])
    features = Features.of(encoder.columns, values, active)
    d2 = distances(features, values, active, np.linspace(0.3, 2, len(features.keys)))
    assert d2[0, 1:] == pytest.approx(np.full(3, d2[0, 1]))


def test_lacking_is_no_nearer_than_differing_most():
    encoder, values, active = encoded(BRANCHES, [A1, A2, B1])
    features = Features.of(encoder.columns, values, active)
    at = [features.keys[group] for group in features.group].index("m.a.p")
    Z = features(values, active)[:, at : at + 2]
    d2 = squared_distances(Z, Z)
    assert d2[0, 1] == pytest.approx(1) and d2[0, 2] == pytest.approx(1) and d2[1, 2] == pytest.approx(1)


def test_paths_that_come_and_go_together_share_a_lengthscale_for_that():
    encoder, values, active = encoded(BRANCHES, [A1, A2, B1, B2])
    features = Features.of(encoder.columns, values, active)
    has = [key for key in features.keys if key.startswith("has ")]
    assert len(has) == 2
    by_key = dict(zip(features.keys, range(len(features.keys))))
    lengths = np.full(len(features.keys), 1e9)
    lengths[by_key[has[0]]] = 0.5
    d2 = distances(features, values, active, lengths)
    assert d2[:2, 2:] == pytest.approx(np.full((2, 2), 4.0))
    assert d2[:2, :2] == pytest.approx(np.zeros((2, 2)), abs=1e-12)


def test_keys_stay_as_the_run_grows():
    """A lengthscale of the last fit is found again; one of what has just turned up is new."""
    encoder = Encoder(parse_space(BRANCHES), one_hot=False)
    first = Features.of(encoder.columns, *encoder.encode([A1, A2]))
    later = Features.of(encoder.columns, *encoder.encode([A1, A2, B1]))
    assert set(first.keys) < set(later.keys)
    assert len(set(later.keys)) == len(later.keys) == later.group.max() + 1


def test_columns_that_nobody_has_yet_make_no_difference():
    """A newcomer, who knows of columns that turn up later, makes the same features."""
    encoder = Encoder(parse_space(BRANCHES), one_hot=False)
    early = encoder.encode([A1, A2])
    a = Features.of(encoder.columns, *early)
    Z = a(*early)
    encoder.encode([B1])
    late = encoder.encode([A1, A2])
    b = Features.of(encoder.columns, *late)
    assert late[0].shape[1] > early[0].shape[1]
    assert a.keys == b.keys and (a.group == b.group).all()
    assert (b(*late) == Z).all()
    assert (a(*late) == Z).all()  # and the old ones go on with wider arrays


def test_the_features_of_other_configurations_than_it_was_made_for():
    """Made when all had a path; then one comes that lacks it."""
    encoder = Encoder(parse_space(BRANCHES), one_hot=False)
    encoder.encode([A1, B1])
    features = Features.of(encoder.columns, *encoder.encode([A1, A2]))
    Z = features(*encoder.encode([A1, A2, B1, B2]))
    assert Z.shape == (4, len(features.group)) and np.isfinite(Z).all()


@pytest.mark.parametrize("name", GALLERY)
def test_kernels_are_positive_semidefinite(name):
    configs = sampled(GALLERY[name], 60)
    encoder, values, active = encoded(GALLERY[name], configs)
    features = Features.of(encoder.columns, values, active)
    rng = np.random.default_rng(1)
    for _ in range(4):
        lengths = np.exp(rng.uniform(-3, 3, len(features.keys)))
        d2 = distances(features, values, active, lengths)
        assert np.linalg.eigvalsh(Matern52()(d2)[0]).min() >= -1e-9
        same = [[a == b for b in configs] for a in configs]
        assert (d2[np.array(same)] < 1e-7 * max(1.0, d2.max())).all()


@pytest.mark.parametrize("name", GALLERY)
def test_different_configurations_have_different_features(name):
    configs = sampled(GALLERY[name], 60)
    encoder, values, active = encoded(GALLERY[name], configs)
    d2 = distances(Features.of(encoder.columns, values, active), values, active)
    for i, a in enumerate(configs):
        for j, b in enumerate(configs[:i]):
            if a != b:
                assert d2[i, j] > 1e-9 * min(abs(values[i] - values[j])[values[i] != values[j]], default=1.0) ** 2


@pytest.mark.parametrize("name", GALLERY)
def test_gradients_by_value(name):
    """Of any function of the features, by the values that may move."""
    encoder, values, active = encoded(GALLERY[name], sampled(GALLERY[name], 12))
    features = Features.of(encoder.columns, values, active)
    weights = np.random.default_rng(2).standard_normal(len(features.group))

    def f(values):
        return np.cos(features(values, active) * weights).sum(axis=1)

    by_feature = -np.sin(features(values, active) * weights) * weights
    gradient = features.by_value(by_feature, values, active)
    assert gradient.shape == values.shape
    h = 1e-6
    for column in encoder.columns:
        step = np.zeros_like(values)
        step[:, column.start] = h
        expected = (f(values + step) - f(values - step)) / (2 * h)
        if column.kind == "index":
            expected = np.zeros(len(values))
        assert gradient[:, column.start] == pytest.approx(expected, abs=1e-7), column


def test_arcs_keep_the_order_of_numbers():
    """The distance on a path that some lack grows with the difference."""
    ps = np.linspace(0, 1, 20)
    encoder, values, active = encoded(BRANCHES, [B1, *(walk("a", p=p) for p in ps)])
    d2 = distances(Features.of(encoder.columns, values, active), values, active)
    assert (np.diff(d2[1, 1:]) > 0).all()
    assert d2[1, -1] == pytest.approx(4 * math.sin(math.pi / 6) ** 2)


@pytest.mark.parametrize("first", [("a",), ("a", "d")])
def test_a_choice_whose_labels_depend_on_another_decision(first):
    """It is taken from few labels at first and from more later; still it matters what is chosen."""
    space = {"x": neps.Categorical(neps.Categorical([first, ("e", "f", "b", "c")]))}
    configs = sampled(space, 30)
    encoder, values, active = encoded(space, configs)
    d2 = distances(Features.of(encoder.columns, values, active), values, active)
    b, c = (next(i for i, config in enumerate(configs) if config["x"] == label) for label in "bc")
    assert d2[b, c] > 0.1
