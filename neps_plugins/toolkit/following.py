"""Following a run without looking at every trial each time."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from neps_core import Trial


@define
class Follower:
    """Remembers how far into a run's changes an optimizer has looked.

    An optimizer must be a function of the trials that it is given. One that keeps something it has
    computed from them asks here what is new, and whether it has to begin anew.
    """

    _followed: Mapping[str, Trial] | None = field(default=None, init=False)
    _position: int = field(default=0, init=False)
    _deletions: int = field(default=0, init=False)

    def news(self, trials: Mapping[str, Trial]) -> tuple[bool, list[str]]:
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
