"""The evaluations of a run as arrays, in the order in which they ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from neps_core import ConfigError, SearchSpace, Trial, replay
from neps_plugins.toolkit.encoding import Encoder
from neps_plugins.toolkit.observations import Observations

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Dataset:
    """Follows a run.

    What it holds is a function of the trials alone, down to the order of columns and rows: somebody who sees
    the run later gets the same arrays.

    Args:
        space: The space; configurations that are none of it are left out.
        optimizer: The optimizer's name, for messages.
        fixed: Path to value of what makes no difference between two configurations.
        several: Whether the optimizer minimises several objectives.

    Attributes:
        encoder: Has a column for each path of any trial's configuration; choices are indices.
        configs: The configurations that were evaluated, n of them.
        values: The same, encoded, shape (n, width).
        active: Which paths they have, of the same shape.
        objectives: Shape (n,), of several the first; NaN where an evaluation failed or crashed, possibly infinite.
        all_objectives: Shape (n, m); m is 1 as long as nothing has been observed.
        constraints: Shape (n, c), at most 0 where they are kept; NaN where an evaluation gave none, and inf where it
            gave NaN, as nobody knows whether NaN keeps a constraint.
        costs: Shape (n,); NaN where unknown.
        running: The configurations that are under way.
        tried: The identities of all trials' configurations.
    """

    def __init__(self, space: SearchSpace, optimizer: str, fixed: Mapping[str, Any], several: bool = False) -> None:
        self._space = space
        self._observations = Observations(optimizer, fixed, several)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.encoder = Encoder(self._space, one_hot=False)
        self.values, self.active = self.encoder.encode([])
        self.objectives: Floats = np.zeros(0)
        self.all_objectives: Floats = np.zeros((0, 1))
        self.constraints: Floats = np.zeros((0, 0))
        self.costs: Floats = np.zeros(0)
        self.configs: list[Mapping[str, Any]] = []
        self._read = 0
        self._known: set[str] = set()  # identities of configurations that are of the space

    def identity(self, config: Mapping[str, Any]) -> str:
        """The hash of a configuration, whatever it has for what is fixed."""
        return self._observations.identity(config)

    @property
    def tried(self) -> set[str]:
        return self._observations.tried

    @property
    def running(self) -> list[Mapping[str, Any]]:
        return [config for config in self._observations.running.values() if self._is_known(config)]

    def follow(self, trials: Mapping[str, Trial]) -> bool:
        """Take in what has happened since the last call.

        Returns:
            Whether everything was taken in anew.

        Raises:
            OptimizerError: If an evaluation gave several objectives, and the optimizer minimises one.
        """
        anew, ids = self._observations.follow(trials)
        if anew:
            self._begin_anew()
        for trial_id in ids:  # columns in the order of sampling, which is the same for everybody
            config = trials[trial_id].config
            if not self._is_known(config):
                with suppress(ConfigError):
                    canonical = replay(self._space, config).config  # 1 where 1.0 was told
                    self.encoder.encode([canonical])
                    self._known.add(self.identity(config))
                    self._observations.tried.add(self.identity(canonical))
        new = [o for o in self._observations.ended[self._read :] if self._is_known(o.config)]
        self._read = len(self._observations.ended)
        self.configs += [observation.config for observation in new]
        values, active = self.encoder.encode([observation.config for observation in new])
        before = self.encoder.widened(self.values, self.active)
        self.values, self.active = np.vstack([before[0], values]), np.vstack([before[1], active])
        self.objectives = np.append(self.objectives, [observation.objective for observation in new])
        self.all_objectives = _beneath(self.all_objectives, [o.objectives for o in new], repeated=True)
        self.constraints = _beneath(self.constraints, [_known(o.constraints) for o in new])
        self.costs = np.append(self.costs, [math.nan if o.cost is None else o.cost for o in new])
        return anew

    def _is_known(self, config: Mapping[str, Any]) -> bool:
        return self.identity(config) in self._known


def _beneath(above: Floats, rows: Sequence[tuple[float, ...]], repeated: bool = False) -> Floats:
    """An array with further rows, as wide as the widest.

    Args:
        above: Shape (n, k).
        rows: k numbers each, or others. What is missing is NaN.
        repeated: Whether a single number stands for all of a row, as `objective_value_on_error` does.
    """
    width = max([above.shape[1], *map(len, rows)])
    out = np.full((len(above) + len(rows), width), math.nan)
    out[: len(above), : above.shape[1]] = above
    for i, row in enumerate(rows, len(above)):
        out[i, : len(row)] = row
    if repeated:
        single = np.isnan(out[:, 1:]).all(axis=1)
        out[single, 1:] = out[single, :1]
    return out


def _known(constraints: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(math.inf if math.isnan(value) else value for value in constraints)
