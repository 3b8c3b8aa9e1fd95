"""Following a run without looking at every trial each time."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from neps_core import Trial, Trials


@define
class Follower:
    """Remembers how far into a run's changes an optimizer has looked.

    An optimizer must be a function of the trials that it is given. One that keeps something it has
    computed from them asks here what is new, and whether it has to begin anew.
    """

    _followed: Mapping[str, Trial] | Trials | None = field(default=None, init=False)
    _position: int = field(default=0, init=False)
    _deletions: int = field(default=0, init=False)

    def news(self, trials: Mapping[str, Trial] | Trials) -> tuple[bool, list[str]]:
        """What has happened since the last call.

        Args:
            trials: The trials, as an optimizer gets them.

        Returns:
            Whether to begin anew (these are other trials than before, or some were deleted), and the ids of
            the trials to look at: all of them if so, else those to which something happened.
        """
        changes = getattr(trials, "changes", None)
        if changes is None:  # a plain mapping: nothing is known of what happened to it
            return True, list(trials)
        new = list(dict.fromkeys(changes[self._position :]))
        deletions = getattr(trials, "deletions", 0)
        anew = self._followed is not trials or deletions != self._deletions
        self._followed, self._position, self._deletions = trials, len(changes), deletions
        return anew, list(trials) if anew else new


def by_end(trials: Mapping[str, Trial] | Trials, ids: list[str]) -> list[str]:
    """The finished ones among some trials, in the order in which they ended.

    That order only ever grows at its end, however many workers there are, so that something may be computed
    along it step by step, and comes out the same for whoever sees the run later.

    Args:
        trials: The trials, as an optimizer gets them. For a plain mapping, its own order stands for the other.
        ids: Those to look at: all, or everything to which something happened since the last call.
    """
    finished = {trial_id for trial_id in ids if trial_id in trials and trials[trial_id].state.is_finished}
    changes = getattr(trials, "changes", None)
    if changes is None:
        return [trial_id for trial_id in ids if trial_id in finished]
    last_first: dict[str, None] = {}
    for trial_id in reversed(changes):
        if len(last_first) == len(finished):
            break
        if trial_id in finished:
            last_first.setdefault(trial_id)
    return list(reversed(last_first))
