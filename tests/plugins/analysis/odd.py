"""Runs that are odd, each in its own way."""

from __future__ import annotations

import math

import numpy as np

import neps
from neps_core import State, Uniform, parse_space
from neps_core import events as ev
from neps_plugins.spaces.pipeline.examples import example_spaces
from tests.plugins.analysis.made import evaluated, made, many

FLAT = {"x": neps.Float(0, 1)}
MULTI = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}


def failed(n):
    each = (
        evaluated(str(i), {"x": i / n}, None, state=State.FAILED, err=f"ValueError: {i} at 0x{i}f in /tmp/{i}/a.py")
        for i in range(1, n + 1)
    )
    return [event for events in each for event in events]


def sampled(name, n=30):
    space, rng = parse_space(example_spaces()[name]), np.random.default_rng(0)
    each = (evaluated(str(i), space.resolve(Uniform(rng)).config, float(i % 7), at=10.0 + i) for i in range(1, n + 1))
    return [event for events in each for event in events]


def rungs():
    events = []
    for i in range(1, 5):
        events += evaluated(f"{i}_rung_0", {"x": i / 5, "epochs": 1}, i / 1.0, at=10.0 + i, cost=1.0)
    events += evaluated("1_rung_1", {"x": 0.2, "epochs": 3}, 0.5, at=20.0, cost=3.0, previous="1_rung_0")
    return [
        *events,
        ev.Sampled("2_rung_1", {"x": 0.4, "epochs": 3}, 21.0, "w2", "2_rung_0"),
        ev.Started("2_rung_1", 21.0, "w2"),
    ]


def odd_runs():
    constrained = many([1.0, 2.0, 0.5], constraints=[1.0, math.nan], constraint_names=["a", "b"])
    front = [[float(i % 5), float(7 - i % 7), i / 20] for i in range(20)]
    imported = [[ev.Sampled(str(i), {"x": i / 9}), evaluated(str(i), {"x": i / 9}, float(i))[-1]] for i in range(1, 9)]
    return {
        "empty": made(optimizer=None),
        "no trials": made(FLAT),
        "no space": made(None, many([3.0, 1.0, 2.0])),
        "one point": made(FLAT, many([1.0])),
        "only pending": made(FLAT, [ev.Sampled("1", {"x": 0.5}, 1.0, "w1")]),
        "all failed": made(FLAT, failed(6)),
        "infinite": made(FLAT, many([math.inf, -math.inf, 1.0, math.nan, 2.0, 0.0])),
        "all infinite": made(FLAT, many([math.inf] * 6)),
        "huge": made(FLAT, many([1e308, -1e308, 1e308, 5e307, -1.7e308, 0.0], cost=1.7e308)),
        "equal": made(FLAT, many([1.0] * 8)),
        "stand for errors": made(FLAT, many([1e6, 1.0, 2.0, 3.0, 4.0], err="ValueError: a")),
        "stopped early": made(FLAT, many([3.0, 2.0, 1.0, 0.5, 0.1], stopped_at=2, learning_curve=[9.0, 8.0])),
        "infeasible": made(FLAT, constrained),
        "front": made(FLAT, many(front, objective_names=["loss", "size", "time"])),
        "two infinite": made(FLAT, many([[1.0, math.inf], [math.nan, 1.0], [1e308, -1e308], [-math.inf, 0.0]])),
        "rungs": made(MULTI, rungs(), "hyperband"),
        "hierarchical": made(example_spaces()["hierarchical"], sampled("hierarchical")),
        "recursive": made(example_spaces()["recursive"], sampled("recursive", 60)),
        "mixed": made(example_spaces()["mixed"], sampled("mixed")),
        "imported": made(FLAT, [event for events in imported for event in events]),
        "lost record": made(FLAT, evaluated("7", {"x": 0.5}, 1.0)[1:]),
        "unlike kinds": made(None, [*evaluated("1", {"x": 1}, 1.0), *evaluated("2", {"x": [1, {"a": 2}]}, 2.0)]),
        "huge numbers": made(None, [*evaluated("1", {"x": 10**400}, 1.0), *evaluated("2", {"x": math.nan}, 2.0)]),
    }


RUNS = odd_runs()
