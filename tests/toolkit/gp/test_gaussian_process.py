"""The Gaussian process, beside its formulas written in another way."""

from __future__ import annotations

import math
from copy import copy

import numpy as np
import pytest
from scipy.linalg import solve_triangular
from scipy.stats import lognorm, multivariate_normal

from neps_plugins.toolkit.gp.cholesky import inverse_factor
from neps_plugins.toolkit.gp.fit import _Evidence, fit
from neps_plugins.toolkit.gp.hyperparameters import LENGTHSCALE_PRIOR, Hyperparameters, lengthscale_prior, prior_mode
from neps_plugins.toolkit.gp.kernels import Matern52, squared_distances
from neps_plugins.toolkit.gp.laplace import SPREAD, drawn
from neps_plugins.toolkit.gp.posterior import Posterior

matern = Matern52()

GROUPS = {
    "a lengthscale each": [0, 1, 2, 3],
    "shared, as by the columns of a choice": [0, 0, 1, 2],
    "shared by features that are apart": [0, 1, 0, 1],
    "one for all": [0, 0, 0, 0],
}


def kernel(a, b, lengths, s2):
    """Rasmussen and Williams, Equation 4.17, point by point."""
    out = np.empty((len(a), len(b)))
    for i, x in enumerate(a):
        for j, z in enumerate(b):
            r = math.sqrt(5 * sum(((p - q) / length) ** 2 for p, q, length in zip(x, z, lengths)))
            out[i, j] = s2 * (1 + r + r * r / 3) * math.exp(-r)
    return out


def problem(group, n=12, seed=0):
    """Features, targets and hyperparameters."""
    rng = np.random.default_rng(seed)
    group = np.array(group, dtype=np.intp)
    Z = rng.random((n, len(group)))
    lengths = rng.uniform(0.3, 2.0, group.max() + 1)
    return Z, rng.standard_normal(n), group, Hyperparameters(np.log(lengths), math.log(1.7), math.log(0.03))


def textbook(Z, y, group, hyper, new):
    """Rasmussen and Williams, Equations 2.25 and 2.26."""
    lengths, s2 = np.exp(hyper.log_lengthscales)[group], math.exp(hyper.log_signal)
    K = kernel(Z, Z, lengths, s2) + math.exp(hyper.log_noise) * np.eye(len(Z))
    k = kernel(new, Z, lengths, s2)
    return k @ np.linalg.solve(K, y), s2 - np.diag(k @ np.linalg.inv(K) @ k.T)


def differences(f, x, h=1e-6):
    """Central differences of a function of one vector, a row each coordinate."""
    steps = h * np.eye(len(x))
    return np.array([(np.asarray(f(x + step)) - np.asarray(f(x - step))) / (2 * h) for step in steps])


# ---------------------------------------------------------------------- kernel and factor


def test_matern():
    distances = np.array([0.0, 1e-9, 1e-3, 0.1, 0.5, 1.0, 2.0, 7.0, 40.0, 1e3])
    value, _ = matern(distances**2)
    assert value == pytest.approx(kernel(distances[:, None], [[0.0]], [1.0], 1.0)[:, 0], rel=1e-12)
    assert value[0] == 1.0


def test_the_slope_of_matern_is_minus_twice_its_derivative():
    d2 = np.array([1e-3, 0.1, 1.0, 4.0, 30.0])
    h = 1e-6 * d2
    assert matern(d2)[1] == pytest.approx(-(matern(d2 + h)[0] - matern(d2 - h)[0]) / h, rel=1e-6)
    assert np.isfinite(matern(np.zeros(1))[1]).all()


def test_squared_distances():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 30, (7, 3)), rng.normal(0, 30, (5, 3))
    assert squared_distances(a, b) == pytest.approx(((a[:, None] - b) ** 2).sum(axis=2))
    near = np.repeat(rng.random((1, 3)), 50, axis=0)
    assert (squared_distances(near, near) >= 0).all()
    assert squared_distances(np.zeros((4, 0)), np.zeros((2, 0))).tolist() == np.zeros((4, 2)).tolist()


def test_inverse_factor():
    A = np.random.default_rng(1).standard_normal((9, 9))
    K = A @ A.T + np.eye(9)
    inverse, log_determinant = inverse_factor(np.tril(K))  # the upper triangle is not read
    assert inverse == pytest.approx(solve_triangular(np.linalg.cholesky(K), np.eye(9), lower=True), abs=1e-12)
    assert (np.triu(inverse, 1) == 0).all()
    assert log_determinant == pytest.approx(0.5 * np.linalg.slogdet(K)[1])


@pytest.mark.parametrize(
    "K",
    [
        np.ones((40, 40)),
        np.zeros((5, 5)),
        np.zeros((1, 1)),
        np.full((30, 30), 1e8),
        np.diag([1.0, 1.0, -1e-9]),
        np.full((20, 20), 1e-300),
    ],
    ids=["equal rows", "nothing", "a single nothing", "large", "slightly indefinite", "tiny"],
)
def test_a_factor_never_fails(K):
    K = K.copy()
    before = K.copy()
    inverse, log_determinant = inverse_factor(K)
    assert np.isfinite(inverse).all() and math.isfinite(log_determinant)
    assert np.array_equal(K, before)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_no_jitter_mends_is_refused(bad):
    """Rather than tried without an end."""
    K = np.eye(4)
    K[2, 1] = K[1, 2] = bad
    with pytest.raises(ValueError, match="not finite"):
        inverse_factor(K)


def test_jitter_changes_little():
    """Of a covariance that is singular, what comes out is the factor of one next to it."""
    x = np.linspace(0, 1, 60)[:, None]
    K = np.exp(-squared_distances(x, x))  # a Gaussian kernel: numerically of rank 12 or so
    L = np.linalg.inv(inverse_factor(K)[0])
    assert pytest.approx(K, abs=1e-6) == L @ L.T


# ---------------------------------------------------------------------- evidence


def _negative_log_likelihood(Z, y, group, theta):
    lengths = np.exp(theta[:-2])[group]
    K = kernel(Z, Z, lengths, math.exp(theta[-2])) + math.exp(theta[-1]) * np.eye(len(Z))
    return -multivariate_normal.logpdf(y, np.zeros(len(y)), K) - 0.5 * len(y) * math.log(2 * math.pi)


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
def test_evidence(group):
    """What is left when the likelihood is taken off is the prior, which knows nothing of the data."""
    group = np.array(group, dtype=np.intp)
    n_groups = int(group.max()) + 1
    rng = np.random.default_rng(5)
    for noise in (-14.0, -3.0, 0.0):
        theta = np.array([*rng.uniform(-1, 1, n_groups), 0.4, noise])
        left = []
        for n in (1, 2, 7, 25):
            Z, y = rng.random((n, 4)), rng.standard_normal(n)
            loss, _ = _Evidence(Z, y, group, n_groups)(theta)
            left.append(loss - _negative_log_likelihood(Z, y, group, theta))
        # With little noise y explains nothing, and the likelihood is large and ill-conditioned.
        assert left == pytest.approx([left[0]] * 4, rel=1e-6, abs=1e-6 if noise > -10 else 1e-2)


def test_the_prior_over_lengthscales_is_log_normal():
    for n_groups in (1, 2, 30):
        mean, deviation = lengthscale_prior(n_groups)
        density = lognorm(deviation, scale=math.exp(mean))
        group = np.arange(n_groups, dtype=np.intp)
        evidence = _Evidence(np.zeros((1, n_groups)), np.zeros(1), group, n_groups)  # whatever the lengthscales
        a, b = np.linspace(-2, 1, n_groups), np.linspace(3, -0.3, n_groups)
        losses = [evidence(np.array([*logs, 0.0, -5.0]))[0] for logs in (a, b)]
        assert losses[1] - losses[0] == pytest.approx(density.logpdf(np.exp(a)).sum() - density.logpdf(np.exp(b)).sum())


def test_the_mode_of_the_prior():
    """The gradient vanishes there, where the data say nothing about lengthscales."""
    mode = prior_mode(5)
    evidence = _Evidence(np.zeros((1, 5)), np.zeros(1), np.arange(5), 5)
    assert evidence(mode.theta)[1][:5] == pytest.approx(np.zeros(5), abs=1e-9)
    assert len(prior_mode(0).theta) == 2


def test_the_prior_expects_longer_lengthscales_in_more_dimensions():
    """Hvarfner et al. 2024: they grow with the root of the number of dimensions."""
    assert lengthscale_prior(100)[0] - lengthscale_prior(25)[0] == pytest.approx(math.log(2))
    assert lengthscale_prior(0) == lengthscale_prior(1)


@pytest.mark.parametrize("noise", [-12.0, -3.0, -0.5])
@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
def test_the_gradient_of_the_evidence(group, noise):
    Z, y, group, hyper = problem(group, seed=2)
    Z[:, 0] = np.where(Z[:, 0] < 0.5, 0.0, math.sqrt(0.5))
    theta = np.array([*hyper.log_lengthscales, hyper.log_signal, noise])
    evidence = _Evidence(Z, y, group, len(theta) - 2)
    gradient = evidence(theta)[1]
    expected = differences(lambda t: evidence(t)[0], theta, 1e-5)
    assert gradient == pytest.approx(expected, rel=1e-4, abs=1e-5 * max(1.0, np.abs(expected).max()))


def test_the_gradient_of_the_evidence_with_duplicates():
    Z, y, group, hyper = problem([0, 1], n=6)
    Z = np.vstack([Z, Z, Z])
    evidence = _Evidence(Z, np.tile(y, 3), group, 2)
    expected = differences(lambda t: evidence(t)[0], hyper.theta, 1e-5)
    assert evidence(hyper.theta)[1] == pytest.approx(expected, rel=1e-4, abs=1e-4)


# ---------------------------------------------------------------------- the posterior


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
def test_posterior(group):
    Z, y, group, hyper = problem(group)
    new = np.vstack([np.random.default_rng(9).random((8, 4)), Z[:3], [[50.0] * 4]])
    posterior = Posterior(Z, group, hyper)
    posterior.observe(y)
    mean, variance = posterior.predict(new)
    expected_mean, expected_variance = textbook(Z, y, group, hyper, new)
    assert mean == pytest.approx(expected_mean, abs=1e-10)
    assert variance == pytest.approx(expected_variance, abs=1e-10)
    assert mean[-1] == pytest.approx(0, abs=1e-9) and variance[-1] == pytest.approx(1.7)  # far off, the prior
    for one, other in zip(posterior.predict_with_gradient(new), (mean, variance)):
        assert one == pytest.approx(other, abs=1e-10)


def test_misfit():
    Z, y, group, hyper = problem([0, 1])
    K = kernel(Z, Z, np.exp(hyper.log_lengthscales), 1.7) + 0.03 * np.eye(len(Z))
    assert Posterior(Z, group, hyper).misfit(y) == pytest.approx(0.5 * y @ np.linalg.solve(K, y))


def test_without_noise_the_mean_goes_through_the_observations():
    Z, y, group, hyper = problem([0, 1])
    posterior = Posterior(Z, group, Hyperparameters(hyper.log_lengthscales, 0.0, math.log(1e-10)))
    posterior.observe(y)
    mean, variance = posterior.predict(Z)
    assert mean == pytest.approx(y, abs=1e-5)
    assert (variance > 0).all() and (variance < 1e-8).all()


def test_observing_again_forgets_the_earlier_targets():
    Z, y, group, hyper = problem([0, 1])
    posterior = Posterior(Z, group, hyper)
    assert (posterior.predict(Z)[0] == 0).all()
    posterior.observe(-3 * y)
    posterior.observe(y)
    assert posterior.predict(Z)[0] == pytest.approx(textbook(Z, y, group, hyper, Z)[0])


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
def test_gradients_of_mean_and_variance(group):
    Z, y, group, hyper = problem(group)
    posterior = Posterior(Z, group, hyper)
    posterior.observe(y)
    new = np.vstack([np.random.default_rng(4).random((5, 4)), [[1.5, -0.5, 0.2, 0.9]]])
    _, _, by_mean, by_variance = posterior.predict_with_gradient(new)
    for i, z in enumerate(new):
        for k, gradient in ((0, by_mean), (1, by_variance)):
            expected = differences(lambda at: posterior.predict(at[None])[k][0], z)
            assert gradient[i] == pytest.approx(expected, abs=1e-7)
    # At an observation, too, where the distance has no derivative but its square has.
    _, _, by_mean, by_variance = posterior.predict_with_gradient(Z[:1])
    assert by_mean[0] == pytest.approx(differences(lambda at: posterior.predict(at[None])[0][0], Z[0], 1e-5), abs=1e-4)
    assert np.isfinite(by_variance).all()


def test_a_posterior_that_is_extended_is_one_made_anew():
    Z, y, group, hyper = problem([0, 0, 1, 2], n=14)
    new = np.random.default_rng(3).random((20, 4))
    extended = Posterior(Z[:8], group, hyper)
    extended.observe(y[:8])
    before = extended.predict(new)[0]
    extended.extend(Z[8:9])
    extended.extend(Z[9:])  # several at once
    whole = Posterior(Z, group, hyper)
    mean, variance = extended.predict(new)
    assert mean == pytest.approx(before, abs=1e-12)  # what was predicted is what it is taken to have given
    assert variance == pytest.approx(whole.predict(new)[1], abs=1e-10)
    believed = np.append(y[:8], textbook(Z[:8], y[:8], group, hyper, Z[8:])[0])
    whole.observe(believed)
    assert mean == pytest.approx(whole.predict(new)[0], abs=1e-9)
    extended.observe(y)
    whole.observe(y)
    assert extended.predict(new)[0] == pytest.approx(whole.predict(new)[0], abs=1e-10)
    assert extended.misfit(y) == pytest.approx(whole.misfit(y))


def test_extending_a_copy_leaves_the_original():
    Z, y, group, hyper = problem([0, 1])
    original = Posterior(Z, group, hyper)
    original.observe(y)
    before = original.predict(Z + 0.1)
    other = copy(original)
    other.extend(Z[:1] + 0.1)
    other.observe(np.append(y, 5.0))
    for one, two in zip(original.predict(Z + 0.1), before):
        assert (one == two).all()


@pytest.mark.parametrize("noise", [1e-7, 1e-4, 1.0])
def test_duplicates_without_end(noise):
    """Hundreds of times the same point, at once and one by one."""
    hyper = Hyperparameters(np.zeros(2), 0.0, math.log(noise))
    group = np.arange(2)
    posterior = Posterior(np.full((150, 2), 0.3), group, hyper)
    for _ in range(150):
        posterior.extend(np.full((1, 2), 0.3))
    posterior.observe(np.full(300, 1.5))
    mean, variance = posterior.predict(np.array([[0.3, 0.3], [0.8, 0.1]]))
    assert mean[0] == pytest.approx(1.5 * 300 / (300 + noise), rel=1e-3)
    assert 0 < variance[0] <= 1.1 * noise / 300 + 1e-9
    assert 0 < mean[1] < 1.5 and variance[0] < variance[1] <= 1.0


def test_thousands_of_equal_rows():
    hyper = Hyperparameters(np.zeros(1), 0.0, math.log(1e-7))
    posterior = Posterior(np.zeros((2000, 1)), np.zeros(1, dtype=np.intp), hyper)
    posterior.observe(np.ones(2000))
    mean, variance = posterior.predict(np.array([[0.0], [1.0]]))
    assert mean[0] == pytest.approx(1, rel=1e-3)
    assert np.isfinite(variance).all() and (variance > 0).all()


def test_the_shortest_and_the_longest_lengthscales():
    Z, y, group, _ = problem([0, 1], n=40)
    for log_length in (-5.0, 7.0):
        for log_signal in (-4.5, 4.5):
            for noise in (1e-7, 1.0):
                posterior = Posterior(Z, group, Hyperparameters(np.full(2, log_length), log_signal, math.log(noise)))
                posterior.extend(Z[:1])
                posterior.observe(np.append(y, y[0]))
                for each in posterior.predict_with_gradient(np.vstack([Z, Z + 1e-9, Z + 0.1])):
                    assert np.isfinite(each).all()
                assert (posterior.predict(Z)[1] > 0).all()


def test_no_columns():
    """A space in which there is nothing to decide: all observations are of one point."""
    Z, group = np.zeros((4, 0)), np.zeros(0, dtype=np.intp)
    found = fit(Z, np.array([0.9, 1.0, 1.1, 1.0]), group, [prior_mode(0)])
    posterior = Posterior(Z, group, found.hyperparameters)
    posterior.extend(np.zeros((1, 0)))
    posterior.observe(np.array([0.9, 1.0, 1.1, 1.0, 1.0]))
    mean, variance, by_mean, by_variance = posterior.predict_with_gradient(np.zeros((3, 0)))
    assert mean == pytest.approx(np.ones(3), abs=0.1)
    assert variance.shape == (3,) and by_mean.shape == by_variance.shape == (3, 0)


# ---------------------------------------------------------------------- fit


def _synthetic(n=60, d=5, seed=0):
    rng = np.random.default_rng(seed)
    Z = rng.random((n, d))
    y = np.sin(5 * Z[:, 1]) + 2 * (Z[:, 3] - 0.3) ** 2
    return Z, (y - y.mean()) / y.std()


def test_a_fit_finds_the_dimensions_that_matter():
    Z, y = _synthetic()
    group = np.arange(5)
    found = fit(Z, y, group, [prior_mode(5)]).hyperparameters
    lengths = found.log_lengthscales
    assert max(lengths[1], lengths[3]) < min(lengths[0], lengths[2], lengths[4]) - 1.0
    posterior = Posterior(Z, group, found)
    posterior.observe(y)
    new, truth = _synthetic(seed=1)
    assert np.mean((posterior.predict(new)[0] - truth) ** 2) < 0.05


def test_a_fit_is_where_the_gradient_vanishes():
    Z, y = _synthetic(n=25)
    group = np.array([0, 0, 1, 2, 3])
    found = fit(Z, y, group, [prior_mode(4)], max_iterations=500)
    evidence = _Evidence(Z, y, group, 4)
    theta = found.hyperparameters.theta
    loss, gradient = evidence(theta)
    assert found.loss == pytest.approx(loss)
    assert gradient[:-1] == pytest.approx(np.zeros(5), abs=0.05)  # the noise may be at its bound
    assert loss < evidence(prior_mode(4).theta)[0]


def test_a_fit_tells_noise():
    rng = np.random.default_rng(7)
    Z = rng.random((120, 1))
    y = np.sin(6 * Z[:, 0]) + 0.5 * rng.standard_normal(120)
    found = fit(Z, y, np.zeros(1, dtype=np.intp), [prior_mode(1)]).hyperparameters
    assert 0.1 < math.exp(found.log_noise) < 0.6
    clean = fit(Z, np.sin(6 * Z[:, 0]), np.zeros(1, dtype=np.intp), [prior_mode(1)]).hyperparameters
    assert math.exp(clean.log_noise) < 1e-3


def test_a_fit_is_deterministic_and_takes_the_best_of_its_starts():
    Z, y = _synthetic(n=20)
    group = np.arange(5)
    mode = prior_mode(5)
    bad = Hyperparameters(np.full(5, math.log(5e-3)), math.log(1e-2), 0.0)
    one, two = (fit(Z, y, group, [mode]) for _ in range(2))
    assert one.loss == two.loss
    assert (one.hyperparameters.theta == two.hyperparameters.theta).all()
    alone = fit(Z, y, group, [bad])
    for starts in ([mode, bad], [bad, mode]):
        assert fit(Z, y, group, starts).loss == min(one.loss, alone.loss)


@pytest.mark.parametrize("far", [100.0, -100.0])
def test_a_fit_begins_inside_the_bounds(far):
    """Whatever it is given, it neither overflows nor stays there."""
    Z, y = _synthetic(n=10)
    found = fit(Z, y, np.arange(5), [Hyperparameters(np.full(5, far), -far, far)])
    theta = found.hyperparameters.theta
    assert np.isfinite(theta).all() and math.isfinite(found.loss) and (np.abs(theta) < 20).all()
    posterior = Posterior(Z, np.arange(5), found.hyperparameters)
    posterior.observe(y)
    assert np.isfinite(posterior.predict(Z)).all()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_observations(n):
    Z = np.linspace(0, 1, n)[:, None]
    found = fit(Z, np.zeros(n), np.zeros(1, dtype=np.intp), [prior_mode(1)])
    posterior = Posterior(Z, np.zeros(1, dtype=np.intp), found.hyperparameters)
    posterior.observe(np.zeros(n))
    mean, variance = posterior.predict(np.array([[0.4]]))
    assert mean[0] == 0 and variance[0] > 0


def test_draws_are_as_wide_as_the_observations_leave_it_open():
    """Around the most probable; narrow with many observations, a share of the prior with few."""
    rng = np.random.default_rng(0)
    group = np.arange(2)

    def spread(n):
        Z = rng.random((n, 2))
        y = np.sin(6 * Z[:, 0]) + Z[:, 1]
        most = fit(Z, (y - y.mean()) / y.std(), group, [prior_mode(2)]).hyperparameters
        draws = np.array([drawn(Z, group, most, np.random.default_rng(i)).theta for i in range(300)])
        assert draws[:, 0].mean() == pytest.approx(most.theta[0], abs=0.2)
        return draws[:, 0].std()

    few, many = spread(2), spread(60)
    assert 0.5 < few / SPREAD < 1.2 * LENGTHSCALE_PRIOR[1]
    assert many < 0.4 * few
