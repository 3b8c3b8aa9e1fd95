"""What an optimizer is: the manual for those who write one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Union

from neps_core.budgets import BudgetInfo
from neps_core.trials import SampledConfig, Trials


class Optimizer(Protocol):
    """Proposes configurations, given all trials so far.

    An optimizer is made once in each process by its factory, `(space, **keywords)`, and asked whenever a configuration
    is wanted and nobody else is asking. It must be a function of what it is given: another worker's, or one that was
    made after a restart, gives the same answer. It may keep what it has computed, as long as that makes no difference;
    `trials.changes` and `trials.deletions` tell what is new (`neps_plugins.toolkit` has a follower of them).
    `neps.testing.check_optimizer` tells whether all of this is so.

    **What it may be given.** `n` is passed if its signature has a third parameter or one of this name. So are, by name,

    - `rng`, a `numpy.random.Generator` whose state depends on the run's seed and on how many configurations were
      proposed before. All randomness must come from it;
    - `seed`, the run's seed (an int of at least 0), for what has to be the same at every proposal of a run, such as a
      quasi-random sequence.

    **What it may say about itself.** An attribute `details` (plain data, such as the sizes of its brackets) goes into
    `optimizer_info.yaml` and the log. A method `status(trials)` gives lines of text to `neps status`.

    An attribute `ignores_results` that is True says that results change nothing of what it proposes. Then it is asked
    before slots of an executor are free.

    **What it may say about imported trials.** A method `imported(configs, trials)` is asked before trials that were
    evaluated elsewhere are added: for a list of complete configurations it gives one `SampledConfig` each, in their
    order, with the id that it shall have and the trial that it continues. An id of None is numbered, and so are all if
    there is no such method. With it, the brackets of the toolkit say which rung an imported trial counts for.

    Such an optimizer has an attribute `begins_at`, too, a dict: the fidelity by path at which a configuration is begun
    that somebody enqueues without saying at which. Without that attribute it is evaluated at the highest.

    **Trials of every kind turn up.** Failed and crashed ones have no objectives (`trial.objectives` is None), those of
    others may be infinite or several, some are pending or under way, and imported ones have configurations that the
    optimizer never proposed.
    """

    def __call__(
        self, trials: Trials, budget_info: BudgetInfo | None, n: int | None = None, /
    ) -> Union[SampledConfig, Sequence[SampledConfig]]:
        """Proposals.

        Args:
            trials: All trials by id, in the order in which they were sampled.
            budget_info: What was given to spend, and what is used; None if nobody counts.
            n: How many are wanted; None for one.

        Returns:
            One proposal, or a list of at most `n`. A proposal without an id is numbered. An empty list means: nothing
            until a trial that is running ends; and if none runs: nothing any more.

        Raises:
            OptimizerError: If it can't go on with such trials; the message says what to do.
        """
        ...
