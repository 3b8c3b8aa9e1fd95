"""Which parameters tell the best trials from all: PED-ANOVA.

S. Watanabe, A. Bansal and F. Hutter, "PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary
subspaces", IJCAI 2023, Equation 16: the importance of a parameter is the Pearson divergence of its density among the
trials from its density among all, here from histograms with one
pseudo-count spread over the cells.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def pearson_divergence(top: Floats, reference: Floats) -> float:
    """Of one distribution over cells from another: the mean under `reference` of (top / reference - 1) squared.

    Args:
        top: Probabilities, shape (cells,).
        reference: Probabilities above 0, shape (cells,).
    """
    return float((reference * (top / reference - 1.0) ** 2).sum())


def densities(cells: npt.NDArray[np.intp], n_cells: int) -> Floats:
    """The share of points in each cell, with one point more that is spread evenly, shape (n_cells,)."""
    counts = np.bincount(cells, minlength=n_cells) + 1.0 / n_cells
    return np.asarray(counts / counts.sum())


def ped_anova(cells: npt.NDArray[np.intp], n_cells: npt.ArrayLike, y: Floats, gamma: float = 0.1) -> Floats:
    """The importance of each parameter, which sum to 1 unless all are 0.

    Args:
        cells: In which cell each decision is, shape (n, d); an inactive one has a cell of its own.
        n_cells: How many there are of each parameter, shape (d,).
        y: The objective, shape (n,), minimised.
        gamma: The share of trials that count as the best; at least two.

    Returns:
        Shape (d,).
    """
    best = np.argsort(y, kind="stable")[: min(len(y), max(2, int(np.ceil(gamma * len(y)))))]
    found = np.array(
        [
            pearson_divergence(densities(column[best], int(k)), densities(column, int(k)))
            for column, k in zip(cells.T, np.atleast_1d(np.asarray(n_cells)))
        ]
    )
    total = found.sum()
    return found / total if total > 0 else found
