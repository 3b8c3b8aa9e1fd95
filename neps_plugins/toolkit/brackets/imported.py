"""Which rungs configurations count for that were evaluated elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from neps_core import Config, SampledConfig, Trial
from neps_core.trials import number_of
from neps_plugins.toolkit.brackets.followed import RUNG_ID, FollowedBrackets


def imported_rungs(
    configs: Sequence[Config], trials: Mapping[str, Trial], run: FollowedBrackets
) -> list[SampledConfig]:
    """The ids of imported trials, and what they continue; see `neps_core.Optimizer`.

    That is the highest rung whose fidelity one reaches. A configuration at several fidelities keeps one number, also
    one that is among the trials already. Below the lowest rung, or where two would be one trial, it is no rung's.

    Args:
        configs: Complete configurations.
        trials: All trials.
        run: Has followed them.
    """
    path = run.ladder.path
    numbers: dict[str, int] = {}
    taken: dict[tuple[int, int], str] = {}
    for trial_id, trial in trials.items():
        if number := number_of(trial_id):
            numbers.setdefault(_without(trial.config, path), number)
        if (match := RUNG_ID.fullmatch(trial_id)) is not None:
            taken[int(match[1]), int(match[2])] = trial_id
    taken.update(run.trial_at)
    next_number = run.next_number
    wanted: list[tuple[int, tuple[int, int]]] = []
    for i, config in enumerate(configs):
        if (level := run.ladder.reached_by(config[path])) is not None:
            key = _without(config, path)
            if key not in numbers:
                numbers[key], next_number = next_number, next_number + 1
            wanted.append((i, (numbers[key], level)))
    places: dict[int, tuple[int, int]] = {}
    # Of two that reach one rung, the cheaper one stands for it: what was evaluated at just its fidelity.
    for i, place in sorted(wanted, key=lambda each: configs[each[0]][path]):
        if place not in taken:
            taken[place] = f"{place[0]}_rung_{place[1]}"
            places[i] = place
    return [
        SampledConfig(config, taken[places[i]], _below(places[i], taken)) if i in places else SampledConfig(config)
        for i, config in enumerate(configs)
    ]


def _without(config: Mapping[str, Any], path: str) -> str:
    return json.dumps({key: config[key] for key in sorted(config) if key != path})


def _below(place: tuple[int, int], taken: Mapping[tuple[int, int], str]) -> str | None:
    """The trial of the same configuration at the next rung below at which there is one."""
    number, level = place
    return next((taken[number, k] for k in range(level - 1, -1, -1) if (number, k) in taken), None)
