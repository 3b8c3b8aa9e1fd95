"""Learning curves by FT-PFN, a transformer that was trained on draws from the prior of curves.

H. Rakotoarison, S. Adriaensen, N. Mallik, S. Garibov, E. Bergman and F. Hutter, "In-context freeze-thaw Bayesian
optimization for hyperparameter optimization", ICML 2024, Section 3. The network is that of the package `ifbo`, which is
no part of this one, and neither are its weights. It sees performances, the higher the better, from 0 to 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_core import OptimizerError
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.curves.scale import POSSIBLE, WORST
from neps_plugins.toolkit.curves.surrogate import Curves

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

#: What the network was trained for.
MOST_DIMENSIONS, MOST_CURVES = 10, 1000

#: A probability below this is as good as none.
LEAST = 1e-30


class Transformer:
    """FT-PFN as a surrogate; see `CurveSurrogate`.

    Args:
        path: The folder in which the weights are; the package downloads them there if they are not.
        version: Of the weights.
        device: Where the network is computed, as torch names it; None for its default.

    Raises:
        OptimizerError: If the package `ifbo` is not installed, or its weights can't be loaded.
    """

    def __init__(self, path: str | Path, version: str = "0.0.1", device: Any = None) -> None:
        try:
            import torch
            from ifbo.surrogate import FTPFN
        except ImportError as error:
            raise OptimizerError(
                f"surrogate_path={str(path)!r} needs the package 'ifbo': pip install 'neps-framework[ifbo]'; or leave "
                "it out for the surrogate that needs neither a network nor weights."
            ) from error
        self._torch = torch
        self._device = None if device is None else torch.device(device)
        try:
            self._network = FTPFN(target_path=Path(path), version=version, device=self._device)
        except Exception as error:  # whatever downloading and unpickling may raise
            raise OptimizerError(
                f"the weights of version {version!r} couldn't be loaded from surrogate_path={str(path)!r}: {error}"
            ) from error

    def fit(self, curves: Curves) -> None:
        """Nothing: it has learned everything before."""

    def outlook(self, curves: Curves) -> TransformerOutlook:
        """What is to be expected after these curves."""
        return TransformerOutlook(self, curves)

    def logits(self, context: Floats, performances: Floats, queries: Floats) -> Any:
        """What the network makes of m queries, after n observations.

        Args:
            context: Number of the curve, from 1, time and configuration, shape (n, 2 + d).
            performances: Shape (n,).
            queries: As the context, with 0 for the number of a curve that is not in it; shape (m, 2 + d).
        """

        def tensor(array: Floats) -> Any:
            return self._torch.as_tensor(array, dtype=self._torch.float32, device=self._device)

        with self._torch.no_grad():
            logits = self._network(x_train=tensor(context), y_train=tensor(performances), x_test=tensor(queries))
        return logits.reshape(len(queries), -1)

    @property
    def criterion(self) -> Any:
        """What the network's logits are read by."""
        return self._network.model.criterion


class TransformerOutlook:
    """What the network expects after some curves; see `Outlook`."""

    def __init__(self, transformer: Transformer, curves: Curves) -> None:
        self._transformer, self._curves = transformer, curves
        self._times = np.array(curves.times)
        self._configs = _in_the_cube(curves, curves.points)
        longest = np.argsort([-len(curve.values) for curve in curves.curves], kind="stable")[:MOST_CURVES]
        self._number = np.zeros(len(curves), dtype=int)
        self._number[np.sort(longest)] = np.arange(1, len(longest) + 1)
        seen = [(row, curves.curves[row]) for row in np.sort(longest)]
        rows = np.concatenate([np.full(len(curve.values), row, dtype=int) for row, curve in seen])
        cells = np.concatenate([curve.cells for _, curve in seen])
        self._context = np.column_stack([self._number[rows], self._times[cells], self._configs[rows]])
        self._performances = _performance(np.concatenate([curve.values for _, curve in seen]))

    def continued(self, rows: Indices, cells: Indices) -> TransformerPrediction:
        """How curves go on."""
        return self._prediction(np.column_stack([self._number[rows], self._times[cells], self._configs[rows]]))

    def begun(self, points: Points, cell: int) -> TransformerPrediction:
        """What others would come to."""
        configs = _in_the_cube(self._curves, points)
        same = np.ones(len(points))
        return self._prediction(np.column_stack([0.0 * same, self._times[cell] * same, configs]))

    def _prediction(self, queries: Floats) -> TransformerPrediction:
        logits = self._transformer.logits(self._context, self._performances, queries)
        return TransformerPrediction(logits, self._transformer.criterion)


@frozen(eq=False)
class TransformerPrediction:
    """Logits of m values, read by the network's criterion; see `Prediction`."""

    logits: Any
    criterion: Any

    @property
    def mean(self) -> Floats:
        """Shape (m,)."""
        return WORST - (WORST + POSSIBLE) * _array(self.criterion.mean(self.logits))

    def log_below(self, threshold: float) -> Floats:
        """The logarithms of the probabilities that they are below a threshold, shape (m,)."""
        above = float(_performance(np.array([threshold]))[0])
        return np.asarray(np.log(np.maximum(_array(self.criterion.pi(self.logits, best_f=above)), LEAST)))


def _array(tensor: Any) -> Floats:
    return np.asarray(tensor.detach().cpu().numpy(), dtype=float).reshape(-1)


def _performance(values: Floats) -> Floats:
    return np.clip((WORST - values) / (WORST + POSSIBLE), 0.0, 1.0)


def _in_the_cube(curves: Curves, points: Points) -> Floats:
    """Configurations in the unit cube, unordered choices evenly spread, shape (m, d)."""
    varying = [column for column in curves.columns if column.size != 1]
    if len(varying) > MOST_DIMENSIONS:
        raise OptimizerError(
            f"the transformer knows of {MOST_DIMENSIONS} parameters, and the configurations have {len(varying)}. Leave "
            "out surrogate_path= for the surrogate that takes any number."
        )
    cells = [points.values[:, c.start] / (max((c.size or 1) - 1, 1) if c.kind == "index" else 1) for c in varying]
    return np.clip(np.column_stack(cells), 0.0, 1.0) if cells else np.zeros((len(points), 0))
