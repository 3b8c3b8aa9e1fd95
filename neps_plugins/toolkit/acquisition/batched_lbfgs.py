"""Many small box-constrained minimisations at once, each with its own L-BFGS, evaluated together.

J. Nocedal and S. J. Wright, "Numerical optimization", 2nd edition, Springer 2006: the two-loop recursion (Algorithm
7.4) and projection onto the box (Section 16.7). Evaluating all points in one call is what saves the time: for models
in NumPy the cost of a call hardly depends on the number of points.

Notation: x (B, d) the points; f (B,) and g (B, d) values and gradients; s, y the last steps and changes of gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: How many steps each one remembers.
MEMORY = 6

#: The share of the decrease that the slope promises which a step must give.
SUFFICIENT = 1e-4

#: The length of the first step in the box.
FIRST_STEP = 0.1


def minimize_in_box(
    f: Callable[[Floats, npt.NDArray[np.intp]], tuple[Floats, Floats]],
    x: Floats,
    lower: Floats,
    upper: Floats,
    max_iterations: int = 50,
    tolerance: float = 1e-6,
) -> tuple[Floats, Floats]:
    """Local minima near many starts.

    Args:
        f: Given points, shape (b, d), and which of the B starts each belongs to, shape (b,): values and gradients.
        x: Starts, shape (B, d), inside the box.
        lower: Of the box; broadcast to (B, d).
        upper: Likewise.
        max_iterations: For each.
        tolerance: One ends once a step does not decrease its value by more.

    Returns:
        Points, shape (B, d), and their values, shape (B,); never worse than the starts.
    """
    lower, upper = np.broadcast_to(lower, x.shape), np.broadcast_to(upper, x.shape)
    end = x.copy()
    value, gradient = f(x, np.arange(len(x)))
    rows = np.flatnonzero(np.isfinite(value) & np.isfinite(gradient).all(axis=1))  # from others there is no way down
    memory: list[tuple[Floats, Floats, Floats]] = []  # s, y and 1 / (s y), which is 0 for a pair that is not used
    for _ in range(max_iterations):
        at, g = end[rows], gradient[rows]
        low, high = lower[rows], upper[rows]
        free = ~(((at <= low) & (g > 0)) | ((at >= high) & (g < 0)))
        remembered = [(s[rows], y[rows], rho[rows]) for s, y, rho in memory]
        direction = _two_loops(np.where(free, g, 0.0), remembered)
        direction = np.where(free, -direction, 0.0)
        slope = np.einsum("ij,ij->i", direction, g)
        uphill = ~(slope < 0)
        direction[uphill] = np.where(free, -g, 0.0)[uphill]
        # Without a memory of its curvature, all that is known of a function is which way is down.
        plain = uphill | ~np.any([rho for _, _, rho in remembered], axis=0)
        longest = np.abs(direction).max(axis=1, initial=0.0)
        scale = np.where(plain & (longest > 0), np.minimum(1.0, FIRST_STEP / np.maximum(longest, 1e-300)), 1.0)
        new, new_value, new_gradient = _search(
            f, rows, at, value[rows], g, direction * scale[:, None], low, high, tolerance
        )
        step, change = new - at, new_gradient - g
        product = np.einsum("ij,ij->i", step, change)
        useful = product > 1e-10 * np.einsum("ij,ij->i", change, change)
        s, y, rho = np.zeros_like(end), np.zeros_like(end), np.zeros(len(end))
        s[rows], y[rows], rho[rows] = step, change, np.where(useful, 1.0 / np.where(useful, product, 1.0), 0.0)
        memory = [*memory[-MEMORY + 1 :], (s, y, rho)]
        moved = value[rows] - new_value > tolerance
        end[rows], value[rows], gradient[rows] = new, new_value, new_gradient
        rows = rows[moved]
        if not len(rows):
            break
    return end, value


def _two_loops(g: Floats, memory: list[tuple[Floats, Floats, Floats]]) -> Floats:
    """The inverse Hessian, as far as the memory (oldest first) knows it, times `g`."""
    q: Floats = g.copy()
    alphas = []
    for s, y, rho in reversed(memory):
        alphas.append(rho * np.einsum("ij,ij->i", s, q))
        q -= alphas[-1][:, None] * y
    for _, y, rho in memory[-1:]:
        norm = np.einsum("ij,ij->i", y, y) * rho
        q *= np.where(norm > 0, 1.0 / np.where(norm > 0, norm, 1.0), 1.0)[:, None]
    for (s, y, rho), alpha in zip(memory, reversed(alphas)):
        q += (alpha - rho * np.einsum("ij,ij->i", y, q))[:, None] * s
    return q


def _search(
    f: Callable[[Floats, npt.NDArray[np.intp]], tuple[Floats, Floats]],
    rows: npt.NDArray[np.intp],
    x: Floats,
    value: Floats,
    gradient: Floats,
    direction: Floats,
    lower: Floats,
    upper: Floats,
    tolerance: float,
) -> tuple[Floats, Floats, Floats]:
    """A step along the projected direction that gives a sufficient decrease; none where there is none.

    Once a shorter step can promise no more than the tolerance, there is none worth looking for.
    """
    most = np.maximum(-gradient * direction, 0.0).sum(axis=1)  # the box may hold back what leads up
    best, best_value, best_gradient = x.copy(), value.copy(), gradient.copy()
    length = np.ones(len(x))
    left = np.arange(len(x))
    for _ in range(12):
        new = np.clip(x[left] + length[left, None] * direction[left], lower[left], upper[left])
        new_value, new_gradient = f(new, rows[left])
        promised = np.einsum("ij,ij->i", gradient[left], new - x[left])
        good = new_value <= value[left] + SUFFICIENT * np.minimum(promised, 0.0)
        good &= np.isfinite(new_value)
        done = left[good]
        best[done], best_value[done], best_gradient[done] = new[good], new_value[good], new_gradient[good]
        length[left] *= 0.3
        left = left[~good & (length[left] * most[left] > tolerance)]
        if not len(left):
            break
    return best, best_value, best_gradient
