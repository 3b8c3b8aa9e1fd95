"""Where a space has priors, and where not."""

from __future__ import annotations

from neps_core import Decide, Domain, OptimizerError, SearchSpace, Value


def require_priors(space: SearchSpace, who: str, instead: str = "hyperband") -> None:
    """Refuse a space without priors, and name an optimizer that needs none.

    Raises:
        OptimizerError: If the space has none.
    """
    if not space.has_priors:
        raise OptimizerError(
            f"{who} needs a prior, and the space has none. Add one, such as Float(1e-4, 1e-1, log=True, prior=1e-3), "
            f"or use {instead!r}."
        )


class PriorMode:
    """The value that the user believes to be best; another source where there is no prior."""

    def __init__(self, otherwise: Decide) -> None:
        self._otherwise = otherwise

    def __call__(self, path: str, domain: Domain) -> Value:
        return domain.default() if domain.prior is not None else self._otherwise(path, domain)
