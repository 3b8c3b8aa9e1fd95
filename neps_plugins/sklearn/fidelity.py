"""What may be saved at first: folds, samples, passes over them, or iterations of the estimator.

| fidelity | at less than all |
|---|---|
| `"n_splits"` | a configuration is scored on the first folds; a promotion adds the further ones |
| `"n_samples"` | it is fitted to a part of each fold's training samples, with the classes in their shares |
| `"partial_fit"` | it makes fewer passes over the training samples; a promotion adds the further ones |
| a parameter (`"n_estimators"`) | it makes fewer iterations; a promotion goes on if the estimator has `warm_start` |
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from neps_core import CategoricalDomain, SearchSpace, SpaceError, nearest, parse_space
from neps_plugins.spaces.distributions import DistributionSpace, parse_distributions

FOLDS, SAMPLES, PASSES = "n_splits", "n_samples", "partial_fit"

#: The cheapest iterations and samples are one in so many, where no bound is given: three rungs with eta = 3.
SHARE = 9


@frozen
class FidelityOfSearch:
    """What a search saves at first.

    Attributes:
        name: `"n_splits"`, `"n_samples"`, `"partial_fit"`, or a parameter of the estimator.
        lower: The least of it.
        upper: All of it.
    """

    name: str
    lower: float
    upper: float

    @property
    def is_parameter(self) -> bool:
        """Whether it is a parameter of the estimator."""
        return self.name not in (FOLDS, SAMPLES, PASSES)


def parse_fidelity(given: Any, estimator: Any, n_splits: int, n_samples: int, least_samples: int) -> FidelityOfSearch:
    """The fidelity that a user asks for.

    Args:
        given: A name, or `(name, lower, upper)`, where `upper` may be None for all there is.
        estimator: Whose parameter it may be.
        n_splits: The number of folds.
        n_samples: The number of samples.
        least_samples: How many a fit needs at least.

    Raises:
        SpaceError: If there is no such thing, or too little of it.
    """
    name, lower, upper = (given, None, None) if isinstance(given, str) else _three(given)
    parameters = estimator.get_params()
    for bound in (lower, upper):
        if bound is not None and not _is_whole(bound):
            raise SpaceError(
                f"fidelity={given!r}: {bound!r} is no whole number. "
                "A fidelity of real numbers is written into the space: neps.FloatFidelity(lower, upper)."
            )
    if name == PASSES:
        if lower is None or upper is None:
            raise SpaceError(f"fidelity={given!r} doesn't say how many passes: give ({PASSES!r}, 1, 27), say.")
        least, most = lower, upper
    elif name == FOLDS:
        most, least = n_splits, 1
    elif name == SAMPLES:
        most, least = n_samples, max(least_samples, -(-n_samples // SHARE))
    elif name in parameters:
        most = parameters[name] if upper is None else upper
        if not _is_whole(most):
            raise SpaceError(f"fidelity={given!r}: {name} is {most!r}, no whole number. Give ({name!r}, lower, upper).")
        least = max(1, -(-int(most) // SHARE))
    else:
        raise SpaceError(
            f"fidelity={given!r}: {name!r} is neither {FOLDS!r}, {SAMPLES!r}, {PASSES!r} nor a parameter of the "
            f"estimator. {nearest(name, parameters)}"
        )
    lower, upper = int(least if lower is None else lower), int(most if upper is None else upper)
    if name in (FOLDS, SAMPLES) and upper > most:
        raise SpaceError(f"fidelity={given!r}: there are only {most} of {name}.")
    if not 1 <= lower < upper:
        raise SpaceError(
            f"fidelity={given!r} is from {lower} to {upper}, which leaves nothing to save. "
            "Give (name, lower, upper) with 1 <= lower < upper, or leave it out."
        )
    return FidelityOfSearch(name, lower, upper)


def _is_whole(bound: Any) -> bool:
    return isinstance(bound, numbers.Integral) and not isinstance(bound, bool)


def _three(given: Any) -> tuple[str, Any, Any]:
    if isinstance(given, (tuple, list)) and len(given) == 3 and isinstance(given[0], str):
        return given[0], given[1], given[2]
    raise SpaceError(f"fidelity={given!r} must be a name, or (name, lower, upper).")


def parsed(space: Any) -> SearchSpace:
    """The space that a user has given to a search.

    Raises:
        SpaceError: If it is none.
    """
    is_plain = isinstance(space, Mapping) or (isinstance(space, (list, tuple)) and len(space) > 0)
    return parse_distributions(space) if is_plain and not _is_of_parts(space) else parse_space(space)


def _is_of_parts(space: Any) -> bool:
    """Whether a dict has parameters within parameters, which only the language of `neps` can say."""
    if not isinstance(space, dict):
        return False
    return any(getattr(each, "has_parts", False) or getattr(each, "has_open_domain", False) for each in space.values())


def with_fidelity(given: Any, space: SearchSpace, fidelity: FidelityOfSearch) -> SearchSpace:
    """A space with a fidelity besides.

    Args:
        given: As the user wrote it.
        space: The same, parsed.
        fidelity: What to add.

    Raises:
        SpaceError: If it has one, or can't get one.
    """
    if space.fidelities:
        raise SpaceError(f"the space has the fidelity {next(iter(space.fidelities))!r} already; leave out fidelity=.")
    if isinstance(space, DistributionSpace):
        return space.with_fidelity(fidelity.name, int(fidelity.lower), int(fidelity.upper))
    from neps_plugins.spaces.pipeline.parameters import IntegerFidelity
    from neps_plugins.spaces.pipeline.space import PipelineSpace

    given = given() if isinstance(given, type) and issubclass(given, PipelineSpace) else given
    part = IntegerFidelity(int(fidelity.lower), int(fidelity.upper))
    if isinstance(given, PipelineSpace):
        return parse_space(given.add(part, fidelity.name))
    if isinstance(given, dict):
        return parse_space({**given, fidelity.name: part})
    raise SpaceError(
        f"fidelity={fidelity.name!r} can't be added to a {type(given).__name__}; write it into the space itself "
        "(in ConfigSpace: meta={'fidelity': True})."
    )


def fidelity_in(space: SearchSpace) -> FidelityOfSearch | None:
    """The fidelity that a space has, if any.

    Raises:
        SpaceError: If it has several.
    """
    if not space.fidelities:
        return None
    if len(space.fidelities) > 1:
        raise SpaceError(f"the space has several fidelities: {', '.join(space.fidelities)}. A search uses one.")
    name, domain = next(iter(space.fidelities.items()))
    if isinstance(domain, CategoricalDomain):
        raise SpaceError(f"the fidelity {name!r} is a choice, and has to be a number.")
    return FidelityOfSearch(name, float(domain.lower), float(domain.upper))
