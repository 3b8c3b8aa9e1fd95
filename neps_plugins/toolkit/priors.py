"""Where a space has priors, and where not."""

from __future__ import annotations

from typing import Any

from neps_core import Decide, Domain, OptimizerError, SearchSpace, Value


def require_priors(space: SearchSpace, who: str, instead: str | None = None) -> None:
    """Refuse a space without priors, and say what needs none: another optimizer, or the same without a keyword.

    Raises:
        OptimizerError: If the space has none.
    """
    if not space.has_priors:
        raise OptimizerError(
            f"{who} needs a prior, and the space has none. Add one, such as Float(1e-4, 1e-1, log=True, prior=1e-3), "
            + ("or leave that out." if instead is None else f"or use {instead!r}.")
        )


def check_flag(keyword: str, value: Any) -> None:
    """Make sure that a keyword such as `use_priors` is True or False: `"no"` would count as yes.

    Raises:
        OptimizerError: If it is not.
    """
    if not isinstance(value, bool):
        raise OptimizerError(f"{keyword}={value!r} must be True or False.")


class PriorMode:
    """The value that the user believes to be best; another source where there is no prior."""

    def __init__(self, otherwise: Decide) -> None:
        self._otherwise = otherwise

    def __call__(self, path: str, domain: Domain) -> Value:
        return domain.default() if domain.prior is not None else self._otherwise(path, domain)
