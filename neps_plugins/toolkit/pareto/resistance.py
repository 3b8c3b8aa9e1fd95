"""Which points of a front are worth having.

Points that are far worse than others in some objectives and hardly better in any are dominance-resistant: K. Ikeda,
H. Kita and S. Kobayashi, "Failure of Pareto-based MOEAs: does non-dominated really mean near to optimal?", CEC 2001.
They make the nadir look far worse than it is, and where objectives are predicted, what is hardly better may be an error
of the prediction. Those that are left have bounded trade-offs, as in the proper efficiency of A. M. Geoffrion, "Proper
efficiency and the theory of vector maximization", J. Mathematical Analysis and Applications 22(3), 1968.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neps_plugins.toolkit.pareto.scale import in_unit_range
from neps_plugins.toolkit.pareto.sorting import non_dominated
from neps_plugins.toolkit.pareto.values import Booleans, as_values

#: What is hardly better, and what is far worse, in shares of an objective's range.
_HARDLY, _FAR = 0.02, 0.1


def properly_non_dominated(values: npt.ArrayLike) -> Booleans:
    """Which points are on the front, and no other point there is far better in one objective and hardly worse in any.

    Args:
        values: Shape (n, m), minimised. Shares are of the ranges of all rows. Rows with NaN are not on the front.

    Returns:
        Shape (n,). Where there is a front, there is at least one.

    Raises:
        OptimizerError: `values` has another shape.
    """
    values = as_values(values)
    proper = non_dominated(values)
    known = ~np.isnan(values).any(axis=1)
    unit = in_unit_range(values[known])[proper[known]]
    hardly_worse = (unit <= unit[:, None, :] + _HARDLY).all(axis=2)
    # With far at least m times hardly, nothing replaces the point with the least sum.
    far_better = (unit < unit[:, None, :] - max(_FAR, unit.shape[1] * _HARDLY)).any(axis=2)
    proper[proper] = ~(hardly_worse & far_better).any(axis=1)
    return proper
