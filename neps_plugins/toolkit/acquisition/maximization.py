"""Where an acquisition function is highest: a large batch of candidates, then the best of them climb.

Real numbers climb along the gradient, all starts at once; every other decision is stepped through, for all starts at
once; in turn, until neither helps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neps_plugins.toolkit.acquisition.batched_lbfgs import minimize_in_box
from neps_plugins.toolkit.acquisition.candidates import Candidates
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.acquisition.terms import Term

Floats = npt.NDArray[np.float64]

#: How many candidates are looked at first, and how many lie around the best configurations so far.
WIDE, NEAR = 1024, 256

#: How many from everywhere climb, besides a quarter as many from around the best: half of either are the highest, and
#: half are drawn in proportion to the acquisition.
CLIMBERS = 8

#: How often real numbers and other decisions take turns.
ROUNDS = 2

#: How far a number may climb in a turn. Where little is known, the way up leads to the corners of the space, of which
#: there are more than evaluations: better to look where the climb began.
REACH = 0.1

#: A climb ends when it gains less: a thousandth of what the configuration is worth decides nothing.
TOLERANCE = 1e-3

#: The most iterations of L-BFGS in a turn, where nothing else is said.
ITERATIONS = 40


def maximize(
    acquisition: Term,
    candidates: Candidates,
    wide: Points,
    good: Points,
    rng: np.random.Generator,
    iterations: int = ITERATIONS,
) -> Points:
    """Many candidates, some of which climbed, best first.

    Args:
        acquisition: What to maximise.
        candidates: Of the space.
        wide: Candidates from everywhere.
        good: Configurations around which to look besides.
        rng: Draws.
        iterations: The most of L-BFGS in a turn.
    """
    near = candidates.around(good, NEAR, rng)
    of_wide, of_near = acquisition(wide), acquisition(near)
    # Those around the best are better than most others from the start, and would leave no place for any of them.
    climbers = wide[_starts(of_wide, CLIMBERS, rng)] + near[_starts(of_near, CLIMBERS // 4, rng)] + good[:1]
    pool, worth = wide + near, np.concatenate([of_wide, of_near])
    at = acquisition(climbers)
    for _ in range(ROUNDS):
        before = at
        climbers, at = _climb(acquisition, candidates, climbers, at, rng, iterations)
        climbers, at = _step(acquisition, candidates, climbers, at, rng)
        if not (at > before + TOLERANCE).any():
            break
    points, worth = climbers + pool, np.concatenate([at, worth])
    return points[np.argsort(-worth, kind="stable")]


def _starts(worth: Floats, size: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    best = np.argsort(-worth, kind="stable")[: size // 2]
    weights = np.exp(worth - worth.max())
    weights[best] = 0.0
    n = min(size - len(best), int((weights > 0).sum()))
    if not n:
        return best
    return np.concatenate([best, rng.choice(len(worth), n, replace=False, p=weights / weights.sum())])


def _climb(
    acquisition: Term, candidates: Candidates, points: Points, at: Floats, rng: np.random.Generator, iterations: int
) -> tuple[Points, Floats]:
    movable = candidates.movable(points)
    columns = np.flatnonzero(movable.any(axis=0))
    if not len(columns):
        return points, at
    held = ~movable[:, columns]

    def falling(x: Floats, rows: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
        values = points.values[rows]
        values[:, columns] = x
        worth, gradient = acquisition.with_gradient(Points(values, points.active[rows]))
        return -worth, np.where(held[rows], 0.0, -gradient[:, columns])

    x = points.values[:, columns]
    low = np.where(held, x, np.maximum(x - REACH, 0.0))
    high = np.where(held, x, np.minimum(x + REACH, 1.0))
    end, _ = minimize_in_box(falling, x, low, high, iterations, TOLERANCE)
    values = points.values.copy()
    values[:, columns] = end
    return _better(acquisition, points, at, candidates.moved(points, values, rng))


def _better(acquisition: Term, points: Points, at: Floats, others: Points) -> tuple[Points, Floats]:
    """Of each point and its other, the better one."""
    there = acquisition(others)
    chosen = np.where(there > at, np.arange(len(points)) + len(points), np.arange(len(points)))
    return (points + others)[chosen], np.maximum(there, at)


def _step(
    acquisition: Term, candidates: Candidates, points: Points, at: Floats, rng: np.random.Generator
) -> tuple[Points, Floats]:
    """For each point, the best of those that are one step away, if it is better."""
    around, owners = candidates.steps(points, rng)
    if not len(around):
        return points, at
    worth = acquisition(around)
    order = np.argsort(worth, kind="stable")
    best = np.full(len(points), -1)
    best[owners[order]] = order  # of several to one owner, the last and highest stays
    has = best >= 0
    chosen, there = np.arange(len(points)), at.copy()
    better = has.copy()
    better[has] = worth[best[has]] > at[has]
    chosen[better] = best[better] + len(points)
    there[better] = worth[best[better]]
    return (points + around)[chosen], there
