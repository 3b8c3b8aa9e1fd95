"""Grid search: every combination of a few values of each parameter."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neps_core import (
    BudgetInfo,
    Config,
    Domain,
    OptimizerError,
    OptimizerSpec,
    SampledConfig,
    SearchSpace,
    Trial,
    Uniform,
    Value,
    hookimpl,
)
from neps_core.results import shown
from neps_core.showing import Shown
from neps_core.spaces.identity import config_hash
from neps_plugins.toolkit.enumeration import enumerate_configs
from neps_plugins.toolkit.fidelity import fixed_fidelities
from neps_plugins.toolkit.trial_follower import Follower

NAME = "grid_search"

#: More values of a number than this would only fill the memory.
LARGEST = 1_000_000


class GridSearch(Shown):
    """Goes through a grid in order, and ends when every point of it has a trial.

    A numerical parameter gets evenly spaced values, ends included, on its (log) scale; a categorical all
    of its choices. What `neps clean` removed is proposed again.

    Args:
        space: What to search.
        size_per_numerical_dimension: Values per numerical parameter: one number, or a dict by name (5 for
            a name that is left out).
        ignore_fidelity: What to do about a fidelity: False refuses it, True makes it a dimension of the
            grid, `"highest_fidelity"` keeps it at its upper bound.

    Raises:
        OptimizerError: If a size is no whole number of at least 1, a name is none of the space, or the
            space has a fidelity that isn't ignored.
    """

    ignores_results = True

    def __init__(
        self,
        space: SearchSpace,
        size_per_numerical_dimension: int | Mapping[str, int] = 5,
        ignore_fidelity: bool | str = False,
    ) -> None:
        self._space = space
        sizes = size_per_numerical_dimension
        self._sizes: Mapping[str, int] = sizes if isinstance(sizes, Mapping) else {}
        self._size = 5 if isinstance(sizes, Mapping) else sizes
        for size in (*self._sizes.values(), self._size):
            if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST:
                raise OptimizerError(
                    f"size_per_numerical_dimension must be a whole number from 1 to {LARGEST}, or a dict of them, "
                    f"not {shown(sizes)}."
                )
        self._fixed = fixed_fidelities(space, ignore_fidelity, NAME)
        self._check_names()
        self._follower = Follower()
        self._tried: set[str] = set()
        self._points = self._grid()
        self._ahead: deque[dict[str, Any]] = deque()  # points from the grid that may have no trial yet

    def __call__(
        self, trials: Mapping[str, Trial], budget_info: BudgetInfo | None = None, n: int | None = None
    ) -> list[SampledConfig]:
        anew, ids = self._follower.news(trials)
        if anew:
            self._tried.clear()
            self._ahead.clear()
            self._points = self._grid()
        self._tried.update(config_hash(trials[trial_id].config) for trial_id in ids)
        wanted = n or 1
        self._ahead = deque(point for point in self._ahead if config_hash(point) not in self._tried)
        while len(self._ahead) < wanted and (point := next(self._points, None)) is not None:
            if config_hash(point) not in self._tried:
                self._ahead.append(point)
        return [SampledConfig(point) for point in itertools.islice(self._ahead, wanted)]

    def _check_names(self) -> None:
        known = self._space.resolve(Uniform(np.random.default_rng(0))).config
        for name in self._sizes:
            if name not in known:
                raise OptimizerError(f"size_per_numerical_dimension names {name!r}, which is not in the space.")

    def _values(self, path: str, domain: Domain) -> list[Value]:
        if path in self._fixed:
            return [self._fixed[path]]
        return domain.grid(self._sizes.get(path, self._size))

    def _grid(self) -> Iterator[Config]:
        return enumerate_configs(self._space, self._values)


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`grid_search`."""
    summary = "every combination of a few values of each parameter"
    return [OptimizerSpec(NAME, GridSearch, summary, aliases=("neps_grid_search",), several_objectives=True)]
