"""What optimizers that know nothing of fidelities do about them, and what those that do need of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neps_core import ConfigError, Domain, Fixed, FloatDomain, IntegerDomain, OptimizerError, SearchSpace, Uniform
from neps_core.spaces.variation import domains_of

#: How many configurations are looked at to find out what depends on a fidelity.
LOOKS = 16


def fixed_at_highest(space: SearchSpace, ignore_fidelity: bool | str, optimizer: str) -> dict[str, Any]:
    """As `fixed_fidelities`, but True keeps the fidelities at their upper bounds, too.

    Raises:
        OptimizerError: If the space has a fidelity and `ignore_fidelity` is False, or is none of the three.
    """
    if space.fidelities and ignore_fidelity is False:
        raise OptimizerError(
            f"{optimizer!r} does not use fidelities, and the space has {', '.join(map(repr, space.fidelities))}. "
            f"Set ignore_fidelity=True to keep it at its upper bound: optimizer=({optimizer!r}, "
            "{'ignore_fidelity': True}); or use 'hyperband'."
        )
    return fixed_fidelities(space, "highest_fidelity" if ignore_fidelity is True else ignore_fidelity, optimizer)


def fixed_fidelities(space: SearchSpace, ignore_fidelity: bool | str, optimizer: str) -> dict[str, Any]:
    """The values at which an optimizer keeps the fidelities.

    Args:
        space: The space.
        ignore_fidelity: False to refuse a space with a fidelity; True to treat it like any parameter;
            `"highest_fidelity"` to keep it at its upper bound.
        optimizer: The optimizer's name, for the message.

    Returns:
        Path to value; empty for True.

    Raises:
        OptimizerError: If the space has a fidelity and `ignore_fidelity` is False, or is none of the three.
    """
    if not isinstance(ignore_fidelity, (bool, str)) or ignore_fidelity not in (False, True, "highest_fidelity"):
        raise OptimizerError(f"ignore_fidelity={ignore_fidelity!r} must be False, True or 'highest_fidelity'.")
    if not space.fidelities or ignore_fidelity is True:
        return {}
    if ignore_fidelity is False:
        raise OptimizerError(
            f"{optimizer!r} does not use fidelities, and the space has {', '.join(map(repr, space.fidelities))}. "
            f"Set ignore_fidelity=True to sample it like any parameter, or ignore_fidelity='highest_fidelity' to keep "
            f"it at its upper bound: optimizer=({optimizer!r}, {{'ignore_fidelity': 'highest_fidelity'}})."
        )
    return {
        path: domain.upper
        for path, domain in space.fidelities.items()
        if isinstance(domain, (FloatDomain, IntegerDomain))
    }


def only_fidelity(space: SearchSpace, optimizer: str, instead: str) -> tuple[str, FloatDomain | IntegerDomain]:
    """The fidelity of a space that has one.

    Args:
        space: The space.
        optimizer: The optimizer's name, for the message.
        instead: An optimizer for spaces without a fidelity, for the message.

    Returns:
        Its path, and its domain.

    Raises:
        OptimizerError: If the space has none, or several.
    """
    if not space.fidelities:
        raise OptimizerError(
            f"{optimizer!r} needs a fidelity, and the space has none. Add one, such as "
            f"epochs = neps.IntegerFidelity(1, 27), or use {instead!r}."
        )
    if len(space.fidelities) > 1:
        raise OptimizerError(
            f"{optimizer!r} needs one fidelity, and the space has {', '.join(map(repr, space.fidelities))}. "
            "Make all but one of them constants, or Integer and Float parameters."
        )
    [(path, domain)] = space.fidelities.items()
    assert isinstance(domain, (FloatDomain, IntegerDomain))
    return path, domain


def allows_continuing(space: SearchSpace) -> bool:
    """Whether configurations can begin at a low fidelity and go on at higher ones, as brackets need it.

    There is one fidelity, its lower bound is above 0, and no other decision depends on it.
    """
    if len(space.fidelities) != 1:
        return False
    [(path, domain)] = space.fidelities.items()
    return getattr(domain, "lower", 0) > 0 and bounded_by_fidelity(space, path) is None


def require_independence(space: SearchSpace, path: str, optimizer: str) -> None:
    """Refuse a space in which a configuration may be none at another fidelity.

    Args:
        space: The space.
        path: The fidelity's path.
        optimizer: The optimizer's name, for the message.

    Raises:
        OptimizerError: If another decision depends on the fidelity.
    """
    if (dependence := bounded_by_fidelity(space, path)) is not None:
        raise OptimizerError(
            f"{optimizer!r} goes on with a configuration at higher fidelities, and in this space {dependence}. Give "
            f"that parameter bounds of its own, or make it a share of {path!r}, from 0 to 1, and multiply in the "
            "evaluation; or take optimizer=('bayesian_optimization', {'ignore_fidelity': 'highest_fidelity'})."
        )


def bounded_by_fidelity(space: SearchSpace, path: str) -> str | None:
    """What a fidelity changes besides itself: whether a configuration can be gone on with at another fidelity.

    Some configurations are walked with the fidelity at both its ends.

    Args:
        space: The space.
        path: The fidelity's path.

    Returns:
        What is different for one of them, for a message; None if nothing is.
    """
    if space.flat_domains is not None:
        return None
    domain = space.fidelities[path]
    assert isinstance(domain, (FloatDomain, IntegerDomain))
    rng = np.random.default_rng(0)
    for _ in range(LOOKS):
        try:
            config = space.resolve(Fixed({path: domain.upper}, Uniform(rng))).config
        except ConfigError:  # another fidelity's or a forbidden combination: says nothing of this one
            continue
        high = domains_of(space, config)
        try:
            low = domains_of(space, space.resolve(Fixed({path: domain.lower}, _Nearest(config, rng))).config)
        except ConfigError as error:
            return f"a configuration with {path!r} at {domain.upper!r} may be none with {domain.lower!r}: {error}"
        if (found := _difference(low, high)) is not None:
            return f"what {found!r} can be depends on {path!r}"
    return None


class _Nearest:
    """The decisions of a configuration, brought into their domains; drawn where it has none."""

    def __init__(self, config: Mapping[str, Any], rng: np.random.Generator) -> None:
        self._config, self._otherwise = config, Uniform(rng)

    def __call__(self, path: str, domain: Domain) -> Any:
        try:
            return domain.check(self._config[path])
        except (KeyError, ValueError):
            return self._otherwise(path, domain)


def _difference(one: Mapping[str, Domain], other: Mapping[str, Domain]) -> str | None:
    """The first path whose domain is not the same in both."""
    paths = [*other, *(path for path in one if path not in other)]
    return next((path for path in paths if one.get(path) != other.get(path)), None)
