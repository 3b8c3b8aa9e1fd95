"""What an optimizer that knows nothing of fidelities does about them."""

from __future__ import annotations

from typing import Any

from neps_core import FloatDomain, IntegerDomain, OptimizerError, SearchSpace


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
    if ignore_fidelity not in (False, True, "highest_fidelity"):
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
