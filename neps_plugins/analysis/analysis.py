"""One run, followed, and all that can be shown of it as plain data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from neps_core import NePSError, Run, nearest
from neps_core.run_status import Told
from neps_plugins.analysis.anytime import anytime
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.contour import contour
from neps_plugins.analysis.curves import curves
from neps_plugins.analysis.distribution import distribution
from neps_plugins.analysis.effects import effects
from neps_plugins.analysis.errors import errors
from neps_plugins.analysis.front import front
from neps_plugins.analysis.overview import overview
from neps_plugins.analysis.parallel import parallel
from neps_plugins.analysis.rank import rank
from neps_plugins.analysis.rungs import rungs
from neps_plugins.analysis.slices import slices
from neps_plugins.analysis.table import table
from neps_plugins.analysis.timeline import timeline
from neps_plugins.analysis.trial import trial
from neps_plugins.analysis.weights import importance
from neps_plugins.analysis.workers import workers

#: What makes each document, from the columns of a run and options.
VIEWS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "overview": overview,
    "anytime": anytime,
    "curves": curves,
    "rungs": rungs,
    "workers": workers,
    "timeline": timeline,
    "errors": errors,
    "front": front,
    "importance": importance,
    "effects": effects,
    "slices": slices,
    "contour": contour,
    "rank": rank,
    "parallel": parallel,
    "distribution": distribution,
    "table": table,
    "trial": trial,
}


class Analysis:
    """A run that is followed. A look at it costs what is new.

    Args:
        run: The run; as far as it has been read. `refresh` reads on.

    Attributes:
        run: The run.
        columns: It as arrays.
        version: Grows whenever something has changed.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.columns = Columns(run)
        self.version = 0
        self._told = Told(run)
        self._n_events = -1
        self._take_in()

    def refresh(self) -> bool:
        """Read what others have added. Whether anything has changed.

        Raises:
            StorageError: If the run can't be read.
        """
        self.run.refresh()
        return self._take_in()

    def _take_in(self) -> bool:
        is_new = self.columns.refresh() or self.run.log.n_events != self._n_events
        self._n_events = self.run.log.n_events
        self.version += is_new
        return is_new

    def view(self, name: str, /, **options: Any) -> dict[str, Any]:
        """A document: dicts, lists, texts, numbers and None, never NaN or infinity.

        Args:
            name: Of the view.
            options: Its options; None leaves one at its default.

        Raises:
            NePSError: If there is no such view, or an option is unknown, missing or wrong.
        """
        make = VIEWS.get(name)
        if make is None:
            raise NePSError(f"there is no view {name!r}. {nearest(str(name), VIEWS)}")
        known = list(inspect.signature(make).parameters.values())[1:]
        for option in options:
            if option not in [each.name for each in known]:
                hint = nearest(option, [each.name for each in known])
                raise NePSError(f"the view {name!r} has no option {option!r}. {hint}")
        given = {option: value for option, value in options.items() if value is not None}
        for each in known:
            if each.default is inspect.Parameter.empty and each.name not in given:
                raise NePSError(f"the view {name!r} needs the option {each.name!r}.")
        document = make(self.columns, **given)
        if name == "overview":
            document |= {"told": self._told.lines(), "version": self.version}
        return document
