"""Parzen estimators: densities, and the samples that follow them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps_core import ConfigError, parse_space
from neps_core.spaces.domains import CategoricalDomain, FloatDomain, IntegerDomain
from neps_core.spaces.priors import CategoryPrior, NormalPrior, TabulatedPrior
from neps_core.spaces.variation import domains_of
from neps_plugins.toolkit.parzen.decisions import kind_of, log_prior, spot_of
from neps_plugins.toolkit.parzen.drawn import Drawn
from neps_plugins.toolkit.parzen.mixture import Mixture
from neps_plugins.toolkit.parzen.queries import Queries
from neps_plugins.toolkit.parzen.table import Table

FINITE = {
    "integers": IntegerDomain(1, 7),
    "few": IntegerDomain(3, 4),
    "one": IntegerDomain(3, 3),
    "log": IntegerDomain(1, 1000, log=True),
    "ordered": CategoricalDomain(("a", "b", "c", "d"), ordered=True),
    "ordered, weighted": CategoricalDomain((1, 2, 3), ordered=True, weights=CategoryPrior((4.0, 1.0, 2.0))),
    "labels": CategoricalDomain(("a", 1, True, 1.0, None)),
    "labels, weighted": CategoricalDomain(("a", "b", "c"), weights=CategoryPrior((5.0, 1.0, 1.0))),
    "labels, prior": CategoricalDomain(("a", "b", "c"), prior=CategoryPrior((1.0, 6.0, 1.0))),
}


def table_of(domains, configs):
    table = Table()
    for config in configs:
        table.append(config, domains)
    return table


def mixture_of(table, weights=None):
    return Mixture(table, np.arange(table.n), np.ones(table.n) if weights is None else np.array(weights))


def values_of(domain):
    return list(getattr(domain, "choices", None) or range(domain.lower, domain.upper + 1))


@pytest.mark.parametrize("n", [0, 1, 2, 30])
@pytest.mark.parametrize("name", FINITE)
def test_probabilities_add_up(name, n):
    domain, rng = FINITE[name], np.random.default_rng(n)
    values = values_of(domain)
    table = table_of({"x": domain}, [{"x": values[rng.integers(len(values))]} for _ in range(n)])
    mixture = mixture_of(table, rng.uniform(0.5, 2, n))
    logs = mixture.log_density(Queries([({"x": value}, {"x": domain}) for value in values]))
    assert np.exp(logs).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("n", [0, 1, 2, 30])
@pytest.mark.parametrize(
    "domain",
    [
        FloatDomain(-2.0, 3.0),
        FloatDomain(1e-6, 1.0, log=True),
        FloatDomain(0.0, 1.0, prior=NormalPrior(0.9, 0.125)),
        FloatDomain(0.0, 1.0, prior=TabulatedPrior((1.0, 3.0, 0.0, 2.0))),
        IntegerDomain(0, 100_000),  # so many that they count as real
    ],
)
def test_densities_integrate_to_one(domain, n):
    rng = np.random.default_rng(n)
    table = table_of({"x": domain}, [{"x": domain.from_unit(rng.random() ** 3)} for _ in range(n)])
    middles = (np.arange(5000) + 0.5) / 5000
    points = [({"x": domain.from_unit(u)}, {"x": domain}) for u in middles]
    assert kind_of(domain) == "real"
    assert np.exp(mixture_of(table).log_density(Queries(points))).mean() == pytest.approx(1.0, abs=2e-3)


def test_decisions_are_multiplied_within_a_kernel_and_not_between():
    domains = {"x": FloatDomain(0.0, 1.0), "c": CategoricalDomain(("a", "b"))}
    table = table_of(domains, [{"x": 0.1, "c": "a"}, {"x": 0.9, "c": "b"}])
    points = [{"x": 0.1, "c": "a"}, {"x": 0.9, "c": "b"}, {"x": 0.1, "c": "b"}, {"x": 0.9, "c": "a"}]
    logs = mixture_of(table).log_density(Queries([(point, domains) for point in points]))
    assert logs[0] == pytest.approx(logs[1])
    assert logs[2] == pytest.approx(logs[3])
    assert logs[0] > logs[2] + 0.1


def test_weights():
    domains = {"x": FloatDomain(0.0, 1.0)}
    table = table_of(domains, [{"x": 0.1}, {"x": 0.9}])
    ends = Queries([({"x": 0.1}, domains), ({"x": 0.9}, domains)])
    even, uneven = mixture_of(table).log_density(ends), mixture_of(table, [1.0, 3.0]).log_density(ends)
    assert even[0] == pytest.approx(even[1])
    assert uneven[1] > uneven[0] + 0.1


def test_a_tree_of_decisions():
    """All configurations of a small space whose decisions depend on each other: the probabilities add up to 1."""
    inner = neps.Categorical([neps.Integer(1, 2), "z"])
    space = parse_space({"m": neps.Categorical([neps.Integer(1, 3), "b", (inner, neps.Categorical(["p", "q"]))])})
    from neps_plugins.toolkit.enumeration import enumerate_configs

    configs = list(enumerate_configs(space, lambda path, domain: domain.grid(domain.size)))
    everything = Queries([(config, domains_of(space, config)) for config in configs])
    assert len({len(config) for config in configs}) > 1
    rng = np.random.default_rng(0)
    table = Table()
    assert np.exp(mixture_of(table).log_density(everything)).sum() == pytest.approx(1.0)
    for i in rng.integers(len(configs), size=12):
        table.append(configs[i], domains_of(space, configs[i]))
    table.append({"m": "from another space"}, {})
    mixture = mixture_of(table, rng.uniform(0.5, 2, table.n))
    probabilities = np.exp(mixture.log_density(everything))
    assert probabilities.sum() == pytest.approx(1.0)
    # and they are those with which configurations are drawn
    draws, n = mixture.draws(50, rng), 5000
    counts = dict.fromkeys(map(repr, configs), 0)
    for _ in range(n):
        counts[repr(space.resolve(Drawn(draws, rng)).config)] += 1
    assert np.array(list(counts.values())) / n == pytest.approx(probabilities, abs=0.02)


@pytest.mark.parametrize("domain", [*FINITE.values(), FloatDomain(0.0, 1.0, prior=NormalPrior(0.2, 0.1))], ids=str)
def test_samples_follow_the_density(domain):
    rng, space = np.random.default_rng(0), _Single(domain)
    table = table_of({"x": domain}, [{"x": domain.from_unit(u)} for u in (0.05, 0.4, 0.45)])
    mixture = mixture_of(table)
    n, draws = 3000, mixture.draws(24, rng)
    drawn = [space.resolve(Drawn(draws, rng))["x"] for _ in range(n)]
    if kind_of(domain) == "real":
        points = Queries([({"x": u}, {"x": domain}) for u in (np.arange(1000) + 0.5) / 1000])
        shares = np.exp(mixture.log_density(points)).reshape(10, -1).mean(axis=1) / 10
        found = np.histogram(drawn, bins=10, range=(0, 1))[0] / n
    else:
        values = values_of(domain)
        shares = np.exp(mixture.log_density(Queries([({"x": value}, {"x": domain}) for value in values])))
        found = np.array([sum(type(x) is type(value) and x == value for x in drawn) for value in values]) / n
    assert found == pytest.approx(shares, abs=0.03)


class _Single:
    def __init__(self, domain):
        self.domain = domain

    def resolve(self, decide):
        return {"x": decide("x", self.domain)}


def test_rows_can_be_taken_away_without_a_trace():
    domains = {"x": FloatDomain(0.0, 1.0), "c": CategoricalDomain(("a", "b"))}
    table, same = Table(), Table()
    for each in (table, same):
        each.append({"x": 0.5, "c": "a"}, domains)
    table.append({"x": 0.7, "c": "b", "new": 3}, {**domains, "new": IntegerDomain(1, 5)})
    assert len(table.columns) == 3
    table.truncate(1)
    assert list(table.columns) == list(same.columns)
    points = Queries([({"x": 0.3, "c": label}, domains) for label in "ab"])
    assert mixture_of(table).log_density(points).tolist() == mixture_of(same).log_density(points).tolist()


def test_what_does_not_fit_is_left_out():
    domains = {"x": FloatDomain(0.0, 1.0), "n": IntegerDomain(1, 3)}
    table = table_of(domains, [{"x": 7.0, "n": 2}, {"y": 1}])
    assert table.n == 2
    assert [path for path, _ in table.columns] == ["n"]


def test_choices_that_depend_on_other_decisions():
    table = table_of({"c": CategoricalDomain(("a", "b"))}, [{"c": "a"}] * 20)
    other, rng = CategoricalDomain(("b", "c")), np.random.default_rng(0)
    draws = mixture_of(table).draws(10, rng)
    assert {Drawn(draws, rng)("c", other) for _ in range(50)} == {"b", "c"}


def test_nothing_far_away_is_impossible():
    domain = FloatDomain(0.0, 1.0, prior=TabulatedPrior((1.0, 0.0)))
    table = table_of({"x": domain}, [{"x": 1e-9 * i} for i in range(500)])
    assert np.isfinite(mixture_of(table).log_density(Queries([({"x": 1.0}, {"x": domain})]))).all()


def test_kinds_and_spots():
    assert [kind_of(domain) for domain in FINITE.values()] == ["cell"] * 6 + ["label"] * 3
    assert kind_of(IntegerDomain(1, 1_000_000)) == "real"
    assert kind_of(IntegerDomain(1, 1_000_000, log=True)) == "cell"  # 1 owns a twentieth of the unit interval
    assert spot_of(IntegerDomain(1, 4), 2) == pytest.approx((0.25, 0.5))
    assert spot_of(FINITE["ordered, weighted"], 2) == pytest.approx((4 / 7, 5 / 7))
    assert spot_of(FINITE["labels"], True) == (bool, True)
    assert log_prior(IntegerDomain(1, 4), (0.25, 0.5)) == pytest.approx(math.log(0.25))
    with pytest.raises(ValueError, match="outside"):
        spot_of(IntegerDomain(1, 4), 5)


def test_no_candidates():
    assert mixture_of(Table()).log_density(Queries([])).shape == (0,)


def test_forbidden_samples_are_replaced_by_others():
    from ConfigSpace import Categorical, ConfigurationSpace, ForbiddenEqualsClause

    raw = ConfigurationSpace()
    c = Categorical("c", ["a", "b"])
    raw.add(c)
    raw.add(ForbiddenEqualsClause(c, "b"))
    space, rng = parse_space(raw), np.random.default_rng(0)
    table = table_of({"c": CategoricalDomain(("a", "b"))}, [{"c": "b"}])
    draws = mixture_of(table).draws(10, rng)
    for _ in range(20):
        try:
            assert space.resolve(Drawn(draws, rng)).config == {"c": "a"}
        except ConfigError:  # the same twenty times: possible, and seldom
            pytest.fail("no sample was allowed")
