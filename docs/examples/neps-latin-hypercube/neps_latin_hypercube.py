"""Latin hypercube sampling (McKay, Beckman and Conover 1979), as an optimizer for neps.

Of every `size` configurations, each parameter's range (on its scale) is cut into `size` parts of equal
probability, and each part is visited once: small samples cover the space more evenly than random ones.

M. D. McKay, R. J. Beckman and W. J. Conover, "A comparison of three methods for selecting values of
input variables in the analysis of output from a computer code", Technometrics 21, 1979.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neps_core import (
    BudgetInfo,
    Domain,
    Fixed,
    OptimizerError,
    OptimizerSpec,
    SampledConfig,
    SearchSpace,
    Trial,
    Uniform,
    Value,
    hookimpl,
)
from neps_plugins.toolkit import fixed_fidelities

NAME = "latin_hypercube"


class Coordinates:
    """A source of decisions: the point of the unit cube that a configuration is.

    Args:
        coordinates: Path to position in the unit interval.
        use_priors: Let positions be shares of the prior, not of the range.
        rng: Gives the position of a path without one, which only some configurations have; and where the
            point turns out to be forbidden, and the space walks again.
    """

    def __init__(self, coordinates: Mapping[str, float], use_priors: bool, rng: np.random.Generator) -> None:
        self._coordinates = dict(coordinates)
        self._use_priors = use_priors
        self._rng = rng

    def __call__(self, path: str, domain: Domain) -> Value:
        u = self._coordinates.pop(path, None)  # gone when a space asks again
        if u is None:
            u = self._rng.random()
        return domain.from_prior(u) if self._use_priors else domain.from_unit(u)


class LatinHypercube:
    """Goes through one design of `size` points after the other.

    Args:
        space: What to search.
        size: Points of a design. Best the number of evaluations that you are going to make.
        seed: Chooses the designs.
        use_priors: Spread the points over the priors, where there are any.
        ignore_fidelity: What to do about a fidelity: False refuses it, True treats it like any parameter,
            `"highest_fidelity"` keeps it at its upper bound.

    Raises:
        OptimizerError: If `size` or `seed` is no such number, or the space has a fidelity that isn't ignored.
    """

    def __init__(
        self,
        space: SearchSpace,
        size: int = 20,
        seed: int = 0,
        use_priors: bool = False,
        ignore_fidelity: bool | str = False,
    ) -> None:
        for name, value, least in (("size", size, 1), ("seed", seed, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise OptimizerError(f"{name} must be a whole number of at least {least}, not {value!r}.")
        self._space = space
        self._size = size
        self._seed = seed
        self._use_priors = use_priors
        self._fixed = fixed_fidelities(space, ignore_fidelity, NAME)
        # What a space asks for is known only from a walk through it.
        asked = space.resolve(Uniform(np.random.default_rng(seed))).config
        self._paths = [path for path in asked if path not in self._fixed]

    def __call__(
        self, trials: Mapping[str, Trial], budget_info: BudgetInfo, n: int | None = None
    ) -> list[SampledConfig]:
        # The first points without a trial. So nothing has to be remembered: another worker, or this one after
        # a restart, goes on with the next point, and what was removed by `neps clean` comes again.
        tried = Counter(_key(trial.config) for trial in trials.values())
        proposals: list[SampledConfig] = []
        for config in self._points():
            if tried[_key(config)] > 0:
                tried[_key(config)] -= 1  # counted, as points may coincide where there is little to choose
                continue
            proposals.append(SampledConfig(config))
            if len(proposals) == (n or 1):
                break
        return proposals

    def _points(self) -> Iterator[dict[str, Any]]:
        """The configurations of all designs, without end."""
        from scipy.stats import qmc  # here, because importing it takes longer than everything else

        for number in itertools.count():
            # Not the `rng` that a call may ask for, which is another one for each sample: a design is one whole.
            rng = np.random.default_rng([self._seed, number])
            for point in qmc.LatinHypercube(len(self._paths), rng=rng).random(self._size):
                coordinates = Coordinates(dict(zip(self._paths, point.tolist())), self._use_priors, rng)
                yield self._space.resolve(Fixed(self._fixed, coordinates)).config


def _key(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)  # in which 1, 1.0 and true differ


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`latin_hypercube`."""
    summary = "every parameter's range is covered evenly"
    return [OptimizerSpec(NAME, LatinHypercube, summary, uses_priors=True)]
