"""Views of trials that are trials themselves: filtered, scalarised, seen in any other way.

A view is followed like the log is, by `changes` and `deletions`, so whatever was written for the trials of a run works
on some of them, or on what they would be with another objective. It takes in what has happened to what it looks at
whenever somebody looks at it, so that costs what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import evolve

from neps_core.showing import as_html
from neps_core.trials import Trial, Trials


class TrialView(Mapping[str, Trial]):
    """What is seen of some trials.

    Keep one view and look at it again: a new one has to be followed from its beginning.

    Args:
        trials: The trials of a run, or another view.
        see: What is seen of a trial; None to leave it out. The same for the same trial. A trial that was seen before
            and is left out now counts as removed.
    """

    def __init__(self, trials: Trials, see: Callable[[Trial], Trial | None]) -> None:
        self._trials = trials
        self._see = see
        self._position = 0
        self._seen: dict[str, Trial] = {}
        self._changes: list[str] = []
        self._left = 0  # how often a trial that is still there was not seen any more

    def _catch_up(self) -> dict[str, Trial]:
        changes = self._trials.changes
        if self._position < len(changes):
            # In the order of what happened last, in which somebody who looks only now sees them, too.
            for trial_id in reversed(dict.fromkeys(reversed(changes[self._position :]))):
                trial = self._trials.get(trial_id)
                seen = None if trial is None else self._see(trial)
                before = self._seen.get(trial_id)
                if seen is not None:
                    self._seen[trial_id] = seen
                elif before is not None:
                    del self._seen[trial_id]
                    self._left += trial is not None
                if seen is not before:
                    self._changes.append(trial_id)
            self._position = len(changes)
        return self._seen

    @property
    def changes(self) -> Sequence[str]:
        """As for the trials that are looked at."""
        self._catch_up()
        return self._changes

    @property
    def deletions(self) -> int:
        """Rises with the deletions of the trials that are looked at, and when one is not seen any more."""
        self._catch_up()
        return self._left + self._trials.deletions

    def __getitem__(self, trial_id: str) -> Trial:
        return self._catch_up()[trial_id]

    def __iter__(self) -> Iterator[str]:
        seen = self._catch_up()
        return (trial_id for trial_id in self._trials if trial_id in seen)

    def __len__(self) -> int:
        return len(self._catch_up())

    _repr_html_ = as_html

    def __repr__(self) -> str:
        return f"<a view of {len(self)} trials>"


def filtered(trials: Trials, keep: Callable[[Trial], bool]) -> TrialView:
    """The trials that something is true of, such as those at one fidelity."""
    return TrialView(trials, lambda trial: trial if keep(trial) else None)


def scalarised(trials: Trials, scalarise: Callable[[Sequence[float]], float]) -> TrialView:
    """The trials as if each had one objective, so that what minimises one serves several.

    Args:
        trials: Any trials.
        scalarise: The one objective that stands for several. Trials without objectives are seen as they are.
    """

    def see(trial: Trial) -> Trial:
        if trial.objectives is None or trial.report is None:
            return trial
        value = float(scalarise(trial.objectives))
        return evolve(trial, report=evolve(trial.report, objective_to_minimize=value, objective_names=None))

    return TrialView(trials, see)
