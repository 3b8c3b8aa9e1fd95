"""A surrogate is a function of the observations: the same for whoever has followed them and for whoever comes late."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

import neps
from neps_core import Uniform, parse_space
from neps_core.testing import gallery
from neps_plugins.toolkit.encoding import Encoder
from neps_plugins.toolkit.gp import surrogate
from neps_plugins.toolkit.gp.fit import fit
from neps_plugins.toolkit.gp.posterior import Posterior
from neps_plugins.toolkit.gp.surrogate import Surrogate, chosen, milestone, next_fit
from neps_plugins.toolkit.gp.targets import finite, warped

SMALL = {"x": neps.Float(0, 1), "c": neps.Categorical(["a", "b", "d"])}

TREES = {
    "m": neps.Categorical(
        [
            "none",
            neps.Operation("a", kwargs={"p": neps.Float(0, 1)}),
            neps.Operation("b", kwargs={"q": neps.Float(0, 1), "n": neps.Integer(0, 9)}),
        ]
    ),
    "x": neps.Float(0, 1),
}

FLAT = {"x": neps.Float(0, 1), "y": neps.Float(0, 1), "n": neps.Integer(1, 9), "c": neps.Categorical(["a", "b", "d"])}


class Data:
    """Observations, of which one may see the first few; encoded as by somebody who knows only those.

    Args:
        space: The space.
        n: How many there are.
        seed: Draws configurations and what comes of them.
        failures: Whether some failed.
        late: Put the configurations with the most decisions at the end, so that columns turn up late.
    """

    def __init__(self, space, n, seed=0, failures=True, late=False):
        rng = np.random.default_rng(seed)
        self.space = parse_space(space)
        self.configs = [self.space.resolve(Uniform(rng)).config for _ in range(n)]
        if late:
            self.configs.sort(key=len)
        encoder = Encoder(self.space, one_hot=False)
        values, active = self.encode(encoder, n)
        weights = rng.standard_normal(values.shape[1])
        y = np.exp(values @ weights) + 0.3 * active.sum(axis=1) + 0.01 * rng.standard_normal(n)
        if failures:
            y[rng.random(n) < 0.15] = math.nan
            y[[n // 3, n // 2]] = math.inf, y[0]
        self.objectives = y

    def encode(self, encoder, n):
        return encoder.encode(self.configs[:n])

    def update(self, follower, encoder, n):
        values, active = self.encode(encoder, n)
        return follower.update(encoder.columns, values, active, self.objectives[:n])

    def newcomer(self, n):
        encoder = Encoder(self.space, one_hot=False)
        return self.update(Surrogate(), encoder, n), encoder

    def probe(self, encoder):
        """Configurations to predict, encoded with what is known so far."""
        rng = np.random.default_rng(99)
        others = [self.space.resolve(Uniform(rng)).config for _ in range(6)]
        return encoder.encode([*others, self.configs[0]], grow=False)


def same(one, two, points):
    """Bit for bit, mean and variance, and their gradients."""
    assert one.features.keys == two.features.keys
    assert (one.posterior.hyperparameters.theta == two.posterior.hyperparameters.theta).all()
    for a, b in zip(one.predict(*points), two.predict(*points)):
        assert a.tobytes() == b.tobytes()
    for a, b in zip(one.predict_with_gradient(*points), two.predict_with_gradient(*points)):
        assert a.tobytes() == b.tobytes() and np.isfinite(a).all()


def follow(data, steps, checked):
    encoder, follower = Encoder(data.space, one_hot=False), Surrogate()
    for n in steps:
        model = data.update(follower, encoder, n)
        if n in checked:
            other, _ = data.newcomer(n)
            same(model, other, data.probe(encoder))


@pytest.fixture
def few_steps(monkeypatch):
    """For time; fits are as deterministic as others, and depend on where they begin even more."""
    monkeypatch.setattr(surrogate, "fit", partial(fit, max_iterations=2))


@pytest.mark.usefixtures("few_steps")
def test_one_by_one():
    follow(Data(SMALL, 70), range(1, 71), range(2, 71))


@pytest.mark.parametrize("steps", [range(4, 71, 13), [7, 8, 33, 34, 50], [15, 16, 63, 64, 65], [40, 40, 41]])
def test_in_chunks(steps):
    follow(Data(FLAT, 70, seed=1), steps, steps)


@pytest.fixture(params=[None, 0.4], ids=["fits as often as ever", "rare fits"])
def growth(request, monkeypatch):
    """Rare fits leave room for much to turn up between two of them."""
    if request.param:
        monkeypatch.setattr(surrogate, "GROWTH", request.param)


@pytest.mark.usefixtures("few_steps", "growth")
def test_where_columns_turn_up():
    data = Data(TREES, 40, seed=2, late=True)
    widths = [data.newcomer(n)[1].width for n in (2, 24, 40)]
    assert widths[0] < widths[1] < widths[2]
    follow(data, range(1, 41), range(2, 41, 3))


@pytest.mark.usefixtures("few_steps", "growth")
def test_where_columns_turn_up_without_an_end():
    follow(Data(gallery()["recursive"], 24, seed=3), [*range(1, 20), 24], [2, 5, 8, 11, 17, 19, 24])


def test_longer_runs():
    data = Data(FLAT, 260, seed=4)
    follow(data, [*range(120, 131), 256, 260], [130, 260])


def test_a_newcomer_knows_columns_that_turn_up_later():
    """Whoever sees a run late has columns for what is running, too."""
    data = Data(TREES, 30, seed=2, late=True)
    model, encoder = data.newcomer(12)
    late = Encoder(data.space, one_hot=False)
    data.encode(late, 30)
    other = Surrogate().update(late.columns, *late.encode(data.configs[:12]), data.objectives[:12])
    assert late.width > encoder.width
    points = data.probe(encoder)
    wide = late.widened(*points)
    for a, b in zip(model.predict(*points), other.predict(*wide)):
        assert a.tobytes() == b.tobytes()


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("size", [16, 25])
def test_more_observations_than_are_modelled(monkeypatch, size):
    monkeypatch.setattr(surrogate, "MODEL_SIZE", size)
    monkeypatch.setattr(surrogate, "FIT_SIZE", 12)
    data = Data(FLAT, 70, seed=5)
    follow(data, [*range(10, 40), 41, 50, 51, 70], range(10, 71, 10))
    model, encoder = data.newcomer(70)
    mean, variance = model.predict(*data.encode(encoder, 70))
    assert np.isfinite(mean).all() and (variance > 0).all()
    best = int(np.nanargmin(data.objectives))
    assert mean[best] < np.median(mean)


@pytest.mark.usefixtures("few_steps")
def test_more_failures_than_anything_else(monkeypatch):
    """Which of them are modelled must not depend on how bad the worst is that comes later."""
    monkeypatch.setattr(surrogate, "MODEL_SIZE", 8)
    monkeypatch.setattr(surrogate, "GROWTH", 0.5)
    data = Data(SMALL, 40, failures=False)
    data.objectives = np.where(np.arange(40) % 9 == 7, np.arange(40.0), math.nan)
    data.objectives[3] = 0.0
    follow(data, range(1, 41), range(2, 41))


@pytest.mark.parametrize(
    "objectives",
    [
        [math.nan] * 9,
        [3.0] * 9,
        [math.inf, math.nan, -math.inf] * 3,
        [0.0] * 8 + [1.0],
        [1.0, 2.0, math.nan, 1e30, 0.5, 0.2, -1e12, 0.1, 0.3],
    ],
    ids=["all failed", "constant", "nothing finite", "nearly constant", "far apart"],
)
def test_odd_objectives(objectives):
    data = Data(FLAT, 9, failures=False)
    data.objectives = np.array(objectives)
    encoder, follower = Encoder(data.space, one_hot=False), Surrogate()
    for n in range(1, 10):
        model = data.update(follower, encoder, n)
        same(model, data.newcomer(n)[0], data.probe(encoder))
        assert (model.predict(*data.probe(encoder))[1] > 0).all()


def test_a_huge_penalty_hides_nothing():
    data = Data({"x": neps.Float(0, 1)}, 12, failures=False)
    values, _ = data.encode(Encoder(data.space, one_hot=False), 12)
    data.objectives = (values[:, 0] - 0.4) ** 2
    data.objectives[int(values.argmax())] = 1e300
    model, encoder = data.newcomer(12)
    assert np.ptp(model.predict(*data.encode(encoder, 12))[0]) > 0.1


@pytest.mark.usefixtures("few_steps")
def test_equal_configurations_by_the_dozen():
    data = Data({"x": neps.Float(0, 1)}, 40)
    data.configs = [data.configs[i % 2] for i in range(40)]
    follow(data, range(1, 41), range(2, 41, 5))


def test_nothing_to_decide():
    data = Data({"k": 3}, 6, failures=False)
    model, encoder = data.newcomer(6)
    mean, variance = model.predict(*data.probe(encoder))
    assert np.isfinite(mean).all() and (variance > 0).all()


def test_what_a_model_predicts():
    """The order of what was seen, and of what wasn't."""
    data = Data({"x": neps.Float(0, 1), "y": neps.Float(0, 1)}, 40, failures=False)
    encoder = Encoder(data.space, one_hot=False)
    values, _ = data.encode(encoder, 40)

    def f(values):
        return (values[:, 0] - 0.3) ** 2 + 0.1 * values[:, 1]

    data.objectives = f(values)
    model, _ = data.newcomer(40)
    new = np.random.default_rng(0).random((60, 2))
    mean, _ = model.predict(new, np.ones(new.shape, dtype=bool))
    ranks = np.argsort(np.argsort(mean)), np.argsort(np.argsort(f(new)))
    assert np.corrcoef(*ranks)[0, 1] > 0.95


def test_the_model_of_all_but_the_last_ones_is_extended_and_no_other():
    """A posterior that grew row by row is the one of the same hyperparameters that saw everything."""
    data = Data(FLAT, 70, seed=6)
    n = next(n for n in range(40, 70) if n not in _fits(70))
    model, encoder = data.newcomer(n)
    values, active = data.encode(encoder, n)
    posterior = Posterior(model.features(values, active), model.features.group, model.posterior.hyperparameters)
    points = data.probe(encoder)
    assert posterior.predict(model.features(*points))[1] == pytest.approx(model.predict(*points)[1], rel=1e-6, abs=1e-9)
    best = math.inf
    for offset in surrogate.OFFSETS:  # the targets are those of one of the warps
        posterior.observe(warped(data.objectives[:n], offset)[0])
        best = min(best, np.abs(posterior.predict(model.features(*points))[0] - model.predict(*points)[0]).max())
    assert best < 1e-6


def test_believing():
    data = Data(FLAT, 20)
    model, encoder = data.newcomer(20)
    points = data.probe(encoder)
    before = [each.copy() for each in model.predict(*points)]
    believed = model.believing(points[0][:2], points[1][:2])
    mean, variance = believed.predict(*points)
    assert mean == pytest.approx(before[0], abs=1e-9)
    noise = math.exp(model.posterior.hyperparameters.log_noise)
    assert (variance[:2] <= noise * 1.01 + 1e-9).all() and (variance <= before[1] + 1e-9).all()
    for a, b in zip(model.predict(*points), before):
        assert (a == b).all()  # the model itself believes nothing


@pytest.mark.usefixtures("few_steps")
def test_believing_harms_no_follower():
    data = Data(FLAT, 30)
    encoder, follower = Encoder(data.space, one_hot=False), Surrogate()
    for n in range(18, 31, 2):
        model = data.update(follower, encoder, n)
        points = data.probe(encoder)
        model.believing(*points)
        same(model, data.newcomer(n)[0], points)


def test_clear():
    one, two = Data(FLAT, 30, seed=0), Data(FLAT, 30, seed=1)
    encoder, follower = Encoder(one.space, one_hot=False), Surrogate()
    one.update(follower, encoder, 25)
    follower.clear()
    model = two.update(follower, encoder, 20)
    same(model, two.newcomer(20)[0], two.probe(encoder))


def test_without_a_warp():
    """As for costs: the mean is that of the values themselves, standardised."""
    data = Data({"x": neps.Float(0, 1)}, 30, failures=False)
    encoder = Encoder(data.space, one_hot=False)
    values, active = data.encode(encoder, 30)
    y = 5 + 3 * values[:, 0]
    model = Surrogate(offsets=(math.inf,)).update(encoder.columns, values, active, y)
    mean, _ = model.predict(values, active)
    assert y.mean() + y.std() * mean == pytest.approx(y, abs=0.05)


# ---------------------------------------------------------------------- when, and of what


def _fits(n):
    """After how many observations there are fits, by one who follows."""
    fits, at = [1], 1
    while at <= n:
        at = next_fit(at)
        fits.append(at)
    return fits


def test_milestones():
    assert [milestone(n) for n in (1, 2, 3, 4, 7, 8, 1023, 1024)] == [1, 2, 2, 4, 4, 8, 512, 1024]


def test_every_milestone_is_a_fit_and_fits_become_rare():
    fits = _fits(5000)
    assert set(fits) >= {2**k for k in range(13)}
    assert fits == sorted(set(fits))
    assert len([n for n in fits if 1000 < n <= 2000]) < 60
    for n in (5, 37, 100, 999):  # a newcomer begins at the milestone, and makes the same fits from there on
        follower, newcomer = Surrogate(), Surrogate()
        follower._state = surrogate._State(n - 1 if n - 1 in fits else max(f for f in fits if f < n), *[None] * 4)
        due = newcomer._due(n)
        assert due[0] == milestone(n) and due == [f for f in fits if milestone(n) <= f <= n]
        assert due[-1:] == (follower._due(n) or due[-1:])


def test_chosen():
    y = np.random.default_rng(0).standard_normal(100)
    assert chosen(y, 100).tolist() == chosen(y, 1000).tolist() == list(range(100))
    for size in (1, 2, 7, 20, 98, 99):
        rows = chosen(y, size)
        assert len(set(rows.tolist())) == size and (np.diff(rows) > 0).all()
        assert set(np.argsort(y)[: size // 2]) <= set(rows.tolist())
    rest = np.diff(chosen(y, 20))
    assert rest.max() < 25  # evenly spread over the run
    assert len(chosen(np.zeros(50), 10)) == 10
    odd = finite(np.array([math.nan, math.inf, -math.inf, 1.0, 2.0] * 10))
    assert len(set(chosen(odd, 30).tolist())) == 30
