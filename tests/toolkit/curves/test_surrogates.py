"""What surrogates make of learning curves: of ones that are known exactly, and of those of networks on digits."""

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from scipy.stats import spearmanr

from neps_core import OptimizerError
from neps_plugins.toolkit import Column, Curves, CurveScale, FreezeThaw, Points, Transformer, drawn_shapes
from neps_plugins.toolkit.curves.evidence import Moments, explained
from neps_plugins.toolkit.curves.surrogate import Curve

T = 27
TIMES = tuple(np.arange(1, T + 1) / T)
TABLE = Path(__file__).parents[2] / "benchmarks" / "data" / "digits-mlp.json"


def points(values):
    return Points(values, np.ones(values.shape, dtype=bool))


def curves_of(values, lengths, configs, columns=None):
    columns = columns or tuple(Column(f"x{j}", "real", j, 1) for j in range(configs.shape[1]))
    seen = [Curve(i, np.arange(k), row[:k]) for i, (row, k) in enumerate(zip(values, lengths))]
    return Curves(TIMES, columns, points(configs), seen)


def outlook(curves):
    surrogate = FreezeThaw()
    surrogate.fit(curves)
    return surrogate.outlook(curves)


def digits(seed, n=40):
    """Some configurations with prefixes of all lengths, and the scale of what is seen of them."""
    table = json.loads(TABLE.read_text())
    sizes = [len(grid) for grid in table["space"].values()]
    rng = np.random.default_rng(seed)
    keys = list(table["curves"])
    rows = rng.permutation(len(keys))[: n + 150]
    losses = np.array([table["curves"][keys[row]] for row in rows])
    configs = np.array([list(map(int, keys[row].split(","))) for row in rows]) / (np.array(sizes) - 1.0)
    lengths = rng.integers(1, T, n)
    scale = CurveScale.of(np.concatenate([row[:k] for row, k in zip(losses, lengths)]))
    columns = tuple(
        Column(path, "integer", j, 1, size=size) for j, (path, size) in enumerate(zip(table["space"], sizes))
    )
    return scale(losses), lengths, configs, columns


# ---------------------------------------------------------------------- shapes


def test_shapes_lead_from_beginning_to_end_and_are_the_same_each_time():
    shapes = drawn_shapes((0.001, *TIMES))
    assert len(shapes) > 8000
    assert np.allclose(shapes.beta[-1], 0.0)
    assert 0.8 < np.median(shapes.beta[0]) <= 1.0
    assert (np.diff(shapes.beta.mean(axis=0)) <= 1e-12).all()  # slow ones first
    falling = (np.diff(shapes.beta, axis=0) <= 1e-9).all(axis=0).mean()
    assert 0.5 < falling < 0.95  # some diverge
    again = drawn_shapes.__wrapped__((0.001, *TIMES))
    assert np.array_equal(again.beta, shapes.beta)


def test_the_regression_of_a_curve_is_the_textbooks():
    rng = np.random.default_rng(0)
    beta, z = np.linspace(0.9, 0.1, 6), rng.random(6)
    design = np.column_stack([1.0 - beta, beta])
    m0, v0, mu, tau2, s2 = 0.8, 0.04, 0.3, 0.25, 0.2
    a, b = design.T
    m = Moments(*map(np.float64, (a @ a, a @ b, b @ b, a @ z, b @ z, z @ z, 6, s2)))
    found = explained(m, mu, tau2, m0, v0)
    prior = np.diag([tau2, v0])
    covariance = np.linalg.inv(np.linalg.inv(prior) + design.T @ design / s2)
    mean = covariance @ (np.linalg.inv(prior) @ [mu, m0] + design.T @ z / s2)
    assert [found.e, found.u] == pytest.approx(mean)
    assert [found.ee, found.uu, found.eu] == pytest.approx([covariance[0, 0], covariance[1, 1], covariance[0, 1]])
    # The more it is off, the less probable it is.
    marginal = s2 * np.eye(6) + design @ prior @ design.T
    off = z - design @ [mu, m0]
    chi2 = off @ np.linalg.solve(marginal, off)
    other = explained(Moments(*map(np.float64, (a @ a, a @ b, b @ b, 0, 0, 0, 6, s2))), mu, tau2, m0, v0)
    other_chi2 = (design @ [mu, m0]) @ np.linalg.solve(marginal, design @ [mu, m0])
    assert found.evidence - other.evidence == pytest.approx(-5.0 * np.log((1 + chi2 / 4) / (1 + other_chi2 / 4)))


# ---------------------------------------------------------------------- our own


def test_curves_that_are_nearly_done_are_recovered():
    rng = np.random.default_rng(1)
    configs = rng.random((12, 2))
    ends = 0.1 + 0.6 * configs[:, 0]
    values = ends[:, None] + (1.0 - ends)[:, None] * np.exp(-5.0 * np.array(TIMES))
    expected = outlook(curves_of(values, [20] * 12, configs)).continued(np.arange(12), np.full(12, T - 1))
    assert np.abs(expected.mean - values[:, -1]).max() < 0.03
    assert np.sqrt(expected.variance).max() < 0.06


def test_the_longer_a_curve_the_surer_its_end():
    rng = np.random.default_rng(2)
    configs = rng.random((12, 2))
    values = np.tile(0.2 + 0.8 * np.exp(-4.0 * np.array(TIMES)), (12, 1))
    lengths = np.array([2, 8, 16, 25] * 3)
    expected = outlook(curves_of(values, lengths, configs)).continued(np.arange(12), np.full(12, T - 1))
    by_length = expected.variance.reshape(3, 4).mean(axis=0)
    assert (np.diff(by_length) < 0).all()


def test_neighbours_tell_of_a_configuration_that_was_never_begun():
    rng = np.random.default_rng(3)
    configs = rng.random((30, 2))
    ends = 0.8 * np.abs(configs[:, 0] - 0.4)
    values = ends[:, None] + (1.0 - ends)[:, None] * np.exp(-5.0 * np.array(TIMES))
    expected = outlook(curves_of(values, [15] * 30, configs))
    new = rng.random((50, 2))
    found = expected.begun(points(new), T - 1).mean
    assert spearmanr(found, np.abs(new[:, 0] - 0.4))[0] > 0.9


def test_a_curve_that_jumps_is_not_thought_to_be_known():
    rng = np.random.default_rng(4)
    configs = rng.random((8, 2))
    values = np.tile(0.3 + 0.7 * np.exp(-3.0 * np.array(TIMES)), (8, 1))
    values[0, :5] = [0.0, 0.9, 1.1, 0.4, 0.8]
    expected = outlook(curves_of(values, [5] * 8, configs)).continued(np.arange(8), np.full(8, 5))
    assert expected.variance[0] > 10 * expected.variance[1:].max()


def test_intervals_cover_curves_of_networks_and_the_order_is_right():
    inside = {"continued": [], "begun": []}
    orders = {"continued": [], "begun": []}
    for seed in range(4):
        values, lengths, configs, columns = digits(seed)
        n = len(lengths)
        expected = outlook(curves_of(values[:n], lengths, configs[:n], columns))
        for what, prediction, truth in (
            ("continued", expected.continued(np.arange(n), np.full(n, T - 1)), values[:n, -1]),
            ("begun", expected.begun(points(configs[n:]), T - 1), values[n:, -1]),
        ):
            below = prediction.cdf(truth)
            inside[what].append(np.mean((below > 0.05) & (below < 0.95)))
            orders[what].append(spearmanr(prediction.mean, truth)[0])
    assert 0.8 < np.mean(inside["continued"]) < 0.98
    assert 0.75 < np.mean(inside["begun"]) < 0.98
    assert np.mean(orders["continued"]) > 0.93
    assert np.mean(orders["begun"]) > 0.7


def test_what_is_kept_between_calls_makes_no_difference():
    values, lengths, configs, columns = digits(0, 12)
    early = curves_of(values[:12], lengths, configs[:12], columns)
    later = curves_of(values[:12], np.minimum(lengths + 1, T), configs[:12], columns)
    old, new = FreezeThaw(), FreezeThaw()
    old.fit(early)
    new.fit(early)
    old.outlook(early)
    rows, cells = np.arange(12), np.full(12, T - 1)
    assert np.array_equal(
        old.outlook(later).continued(rows, cells).mean, new.outlook(later).continued(rows, cells).mean
    )


def test_probabilities_however_small_keep_their_order():
    values, lengths, configs, columns = digits(1, 12)
    prediction = outlook(curves_of(values[:12], lengths, configs[:12], columns)).begun(points(configs[12:40]), 3)
    logs = prediction.log_below(-50.0)
    assert np.isfinite(logs).all()
    assert logs.max() < -100
    assert len(set(logs)) == len(logs)


# ---------------------------------------------------------------------- the scale


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e12, 1e300])
def test_the_scale_knows_no_unit(unit):
    objectives = np.array([0.1, 0.3, 0.4, 0.9, 1.5])
    expected = CurveScale.of(objectives)(np.array([0.05, 0.1, 0.5, 3.0]))
    found = CurveScale.of(objectives * unit)(np.array([0.05, 0.1, 0.5, 3.0]) * unit)
    assert found == pytest.approx(expected)
    assert expected[0] < expected[1] == 0.0 < expected[2] < 1.0 < expected[3]


def test_the_scale_takes_whatever_is_measured():
    scale = CurveScale.of(np.array([1.0, np.nan, np.inf, 2.0, -1e308, 1e308]))
    found = scale(np.array([-np.inf, -1e308, 1.0, np.nan, np.inf]))
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()
    assert np.isfinite(CurveScale.of(np.array([np.nan]))(np.array([3.0, np.nan]))).all()
    assert np.isfinite(CurveScale.of(np.full(4, 7.0))(np.array([7.0, 8.0, 6.0]))).all()


def test_each_configuration_has_the_same_say_in_the_scale_however_long_it_was_trained():
    short, long = np.array([1.0, 0.8, 0.5]), 0.2 + 0.01 * np.arange(20)
    each = np.concatenate([np.ones(3), np.full(20, 1 / 20)])
    weighted = CurveScale.of(np.concatenate([short, long]), each)
    assert weighted.unit == pytest.approx(CurveScale.of(np.append(short, long.mean())).unit, abs=0.15)
    assert weighted.unit > 3 * CurveScale.of(np.concatenate([short, long])).unit
    assert CurveScale.of(np.concatenate([short, short]), np.full(6, 0.5)) == CurveScale.of(short, np.ones(3))


# ---------------------------------------------------------------------- the transformer


class FakeNetwork:
    """Has the interface of `ifbo.surrogate.FTPFN`, and expects of a curve what was seen of it last; else 0.25."""

    def __init__(self, target_path, version, device):
        if version != "0.0.1":
            raise ValueError(f"Version {version} is not available")
        self.made_with = target_path, version, device
        self.model = SimpleNamespace(criterion=self)

    def __call__(self, x_train, y_train, x_test):
        self.seen = [np.array(each) for each in (x_train, y_train, x_test)]
        x_train, y_train, x_test = self.seen
        assert ((y_train >= 0) & (y_train <= 1)).all()
        assert ((x_train[:, 1:] >= 0) & (x_train[:, 1:] <= 1)).all()
        last = {int(number): y for number, y in zip(x_train[:, 0], y_train)}
        assert 0 not in last
        return FakeTensor([last.get(int(number), 0.25) for number in x_test[:, 0]]).reshape(len(x_test), 1, 1)

    def mean(self, logits):
        return logits[:, 0]

    def pi(self, logits, best_f):
        return FakeTensor(1.0 / (1.0 + np.exp(-20.0 * (np.asarray(logits[:, 0]) - best_f))))


class FakeTensor(np.ndarray):
    def __new__(cls, values):
        return np.asarray(values, dtype=float).view(cls)

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return np.asarray(self)


@pytest.fixture
def package(monkeypatch):
    torch, ifbo, surrogate = ModuleType("torch"), ModuleType("ifbo"), ModuleType("ifbo.surrogate")
    torch.device = lambda name: f"device {name}"
    torch.float32 = np.float32
    torch.as_tensor = lambda array, dtype, device: np.asarray(array, dtype=dtype)
    torch.no_grad = lambda: __import__("contextlib").nullcontext()
    surrogate.FTPFN = FakeNetwork
    for name, module in (("torch", torch), ("ifbo", ifbo), ("ifbo.surrogate", surrogate)):
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.usefixtures("package")
def test_the_transformer_is_shown_performances_and_asked_for_values(tmp_path):
    transformer = Transformer(tmp_path, device="cpu")
    assert transformer._network.made_with == (tmp_path, "0.0.1", "device cpu")
    columns = (Column("x", "real", 0, 1), Column("c", "index", 1, 1, size=3), Column("one", "integer", 2, 1, size=1))
    configs = np.array([[0.1, 0.0, 0.0], [0.2, 1.0, 0.0], [0.3, 2.0, 0.0]])
    values = np.array([np.linspace(1.0, 0.1, T), np.linspace(1.0, 0.5, T), np.full(T, 0.9)])
    expected = transformer.outlook(curves_of(values, [3, 5, 0], configs, columns))
    known = expected.continued(np.array([0, 1]), np.array([10, 10]))
    assert known.mean == pytest.approx([values[0, 2], values[1, 4]], abs=1e-6)
    x_train, _, x_test = transformer._network.seen
    assert x_train[:, 0].tolist() == [1, 1, 1, 2, 2, 2, 2, 2]
    assert x_train[3, 2:] == pytest.approx([0.2, 0.5])  # an index within the cube, and no column for a constant
    assert x_test[:, 1] == pytest.approx([11 / T] * 2)
    new = expected.begun(points(configs[2:]), 4)
    assert transformer._network.seen[2][0, 0] == 0  # the number of a curve that nothing was seen of
    assert new.log_below(0.5).shape == (1,)
    assert (known.log_below(0.5) < known.log_below(0.8)).all()


@pytest.mark.usefixtures("package")
def test_the_transformer_is_an_optimizers_surrogate(tmp_path):
    import neps
    from neps.testing import simulate

    space = {"x": neps.Float(0, 1), "c": neps.Categorical(["a", "b"]), "epochs": neps.IntegerFidelity(1, 5)}
    keywords = {"surrogate_path": tmp_path, "surrogate_version": "0.0.1", "device": "cpu"}
    run = simulate(
        ("ifbo", keywords), space, lambda c, previous: (c["x"] / c["epochs"], 1.0), n_workers=2, max_evaluations=20
    )
    assert max(trial.config["epochs"] for trial in run.ended) > 1


@pytest.mark.usefixtures("package")
def test_what_the_transformer_cannot_do_is_said(tmp_path):
    with pytest.raises(OptimizerError, match="weights of version '9' couldn't be loaded from surrogate_path="):
        Transformer(tmp_path, "9")
    configs = np.zeros((1, 11))
    with pytest.raises(OptimizerError, match="knows of 10 parameters, and the configurations have 11"):
        Transformer(tmp_path).outlook(curves_of(np.ones((1, T)), [2], configs))
