"""ifBO: freeze-thaw Bayesian optimization with a model of learning curves.

H. Rakotoarison, S. Adriaensen, N. Mallik, S. Garibov, E. Bergman and F. Hutter, "In-context freeze-thaw Bayesian
optimization for hyperparameter optimization", ICML 2024. How it is done stands in
`neps_plugins.toolkit.curves.optimizer` and the files that it names.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neps_core import OptimizerSpec, SearchSpace, hookimpl

if TYPE_CHECKING:
    from neps_plugins.toolkit.curves.optimizer import FreezeThawOptimizer

NAME = "ifbo"


def ifbo(
    space: SearchSpace,
    step_size: float = 1,
    use_priors: bool = False,
    sample_prior_first: bool = False,
    initial_design_size: int | str = "ndim",
    surrogate_path: str | Path | None = None,
    surrogate_version: str = "0.0.1",
    device: Any = None,
) -> FreezeThawOptimizer:
    """Trains whatever promises most by one step, and decides anew.

    Each trial raises the fidelity of a configuration by `step_size`, or begins a new configuration: whichever is the
    likeliest to beat the best one at a horizon and by a margin that are drawn for each proposal. So evaluations should
    go on from a checkpoint, and that should be quick.

    Args:
        space: A space with one fidelity, such as epochs.
        step_size: By how much the fidelity is raised each time. Steps lead up to its upper bound, so that the first one
            may be a little longer.
        use_priors: Begin where the user believes the best to be, and trust the priors less and less.
        sample_prior_first: Begin with the priors' own values.
        initial_design_size: How many configurations are begun before curves are modelled; `"ndim"` for as many as the
            space has dimensions (an unordered choice has one less than labels).
        surrogate_path: The folder with the weights of FT-PFN, the transformer of the paper, to predict curves by it; it
            needs the package `ifbo` and takes spaces of ten parameters at most. None for our own model of curves.
        surrogate_version: Of these weights.
        device: Where the transformer is computed, as torch names it.

    Raises:
        OptimizerError: If the space hasn't one fidelity, a step is longer than its range, a prior is asked for and
            there is none, the transformer can't be loaded, or a keyword makes no sense.
    """
    from neps_plugins.toolkit.curves.freeze_thaw import FreezeThaw  # SciPy takes half a second to import
    from neps_plugins.toolkit.curves.optimizer import FreezeThawOptimizer
    from neps_plugins.toolkit.curves.surrogate import CurveSurrogate
    from neps_plugins.toolkit.curves.transformer import Transformer

    def make() -> CurveSurrogate:
        return FreezeThaw() if surrogate_path is None else Transformer(surrogate_path, surrogate_version, device)

    return FreezeThawOptimizer(NAME, space, make, step_size, initial_design_size, use_priors, sample_prior_first)


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`ifbo`."""
    summary = "goes on with whatever learning curve promises most, one step at a time"
    return [OptimizerSpec(NAME, ifbo, summary, uses_fidelity=True, uses_priors=True, several_objectives=True)]
