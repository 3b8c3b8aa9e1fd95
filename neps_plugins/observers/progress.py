"""The observer `progress`: one line on standard error that says how the run goes.

In a terminal the line is written over itself. Of several workers in one terminal only one writes, for all of them:
whoever holds the lock of the terminal; when it ends, the next one goes on. In a notebook the line is an output of the
cell that is updated. Elsewhere, in a log file say, nothing is written unless it is asked for.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Union

from neps_core import BudgetInfo, NePSError, ObserverError, ObserverSpec, Run, Trial, hookimpl
from neps_core.budgets import Ledger, merge
from neps_core.pareto import Front
from neps_core.trials import State
from neps_plugins.toolkit.trial_follower import Follower

#: Seconds between two lines: in a terminal and in a notebook, and between looking who is alive.
TERMINAL, NOTEBOOK, WORKERS = 0.1, 0.5, 2.0

#: How many results the rate is taken from.
RECENT = 50

#: How many characters the bar has.
BAR = 20


class Progress:
    """How one run goes, followed trial by trial.

    Args:
        run: The run.
        budgets: What may be spent, as it was at the start.
    """

    def __init__(self, run: Run, budgets: BudgetInfo) -> None:
        self._run = run
        self._began = time.time()
        self._follower = Follower()
        self._ledgers = self._make_ledgers(budgets)
        self._share_before = self.budgets.fraction_spent
        self._ends: deque[float] = deque(maxlen=RECENT)
        self._now = ""
        self._workers = (0.0, 0)  # when it was found out, and how many they are
        self._begin_anew()

    def _make_ledgers(self, budgets: BudgetInfo) -> list[Ledger]:
        def is_of_call(trial: Trial) -> bool:
            of = trial.metadata
            return of.evaluating_worker_id == self._run.worker_id and (of.time_started or 0.0) >= self._began

        try:
            space = self._run.space
        except NePSError:
            return []
        own = {name: limit for name, limit in budgets.limits.items() if name not in budgets.shared}
        shared = {name: limit for name, limit in budgets.limits.items() if name in budgets.shared}
        return [Ledger(own, "", space, is_of_call, False), Ledger(shared, "total ", space, lambda _: True, False)]

    def _begin_anew(self) -> None:
        self._states: dict[str, State] = {}
        self._n_done = self._n_failed = 0
        self._front = Front()

    @property
    def budgets(self) -> BudgetInfo:
        """What may be spent, and what is spent by now."""
        for ledger in self._ledgers:
            ledger.update(self._run.trials)
        return merge(self._ledgers)

    def follow(self) -> None:
        """Take in what has happened to trials, whoever evaluates them."""
        anew, ids = self._follower.news(self._run.trials)
        if anew:
            self._begin_anew()
        for trial_id in ids:
            trial = self._run.trials.get(trial_id)
            if trial is None or not trial.state.is_finished or trial_id in self._states:
                continue
            self._states[trial_id] = trial.state
            self._n_done += 1
            self._n_failed += trial.state is not State.SUCCESS
            self._front.take(trial)
            if (trial.metadata.time_end or 0.0) >= self._began:
                self._ends.append(trial.metadata.time_end or 0.0)

    def says(self, trial: Trial) -> None:
        """Remember what a trial has just reported."""
        last = trial.points[-1]
        self._now = f"trial {trial.id} at step {last.step:g}: {_shown(last.objective)}"

    def forget(self) -> None:
        """Nothing is under way here any more."""
        self._now = ""

    def line(self, width: int) -> str:
        """How it stands, as far as that fits into so many characters; what matters most comes first."""
        budgets = self.budgets
        share = budgets.fraction_spent
        parts = [part for part in self._parts(budgets, share) if part]
        bar = "" if share is None else f"{share:4.0%} [{'#' * round(BAR * share):-<{BAR}}] "
        text = f"neps: {bar}{parts[0]}"
        for part in parts[1:]:
            if len(text) + len(part) + 2 > width:
                break
            text += f", {part}"
        return text[:width]

    def _parts(self, budgets: BudgetInfo, share: float | None) -> Iterator[str]:
        yield f"{self._n_done} done" + (f" ({self._n_failed} failed)" if self._n_failed else "")
        if self._front.best is not None:
            yield f"best {_shown(self._front.best.objectives)} (trial {self._front.best.id})"
        elif self._front.trials:
            yield f"{len(self._front.trials)} on the front"
        yield ", ".join(f"{max(limit - budgets.spent[n], 0):.6g} {n} left" for n, limit in budgets.limits.items())
        yield self._rate()
        yield self._remaining(share)
        yield self._alive()
        yield self._now

    def _rate(self) -> str:
        """How many trials end, over the last of them and until now, so that it falls while nothing ends."""
        if len(self._ends) < 2:
            return ""
        per_second = len(self._ends) / max(time.time() - min(self._ends), 1e-9)
        return next(
            f"{per_second * seconds:.3g}/{unit}"
            for seconds, unit in ((1, "s"), (60, "min"), (3600, "h"))
            if per_second * seconds >= 1 or unit == "h"
        )

    def _remaining(self, share: float | None) -> str:
        gained = (share or 0.0) - (self._share_before or 0.0)
        if share is None or gained <= 0 or share >= 1:
            return ""
        seconds = (time.time() - self._began) * (1 - share) / gained
        return f"about {_duration(seconds)} to go"

    def _alive(self) -> str:
        if time.monotonic() - self._workers[0] >= WORKERS or not self._workers[0]:
            self._workers = time.monotonic(), len(self._run.locks.living_workers())
        n = self._workers[1]
        return f"{n} worker{'s' * (n != 1)}"

    def last_line(self, stopped_because: str, width: int) -> str:
        """How it ended."""
        self.forget()
        parts = [part for part in self._parts(self.budgets, None) if part][: 2 if self._front.trials else 1]
        took = _duration(time.time() - self._began)
        return f"neps: {', '.join(parts)}, in {took}; stopped: {stopped_because}"[:width]


def _shown(objective: Any) -> str:
    values = objective if isinstance(objective, (list, tuple)) else [objective]
    return ", ".join(f"{value:.4g}" for value in values)


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


class Terminal:
    """Writes a line over itself, if nobody else does so in this terminal."""

    interval = TERMINAL

    def __init__(self) -> None:
        self._lock: int | None = None
        self._length = 0

    @property
    def width(self) -> int:
        """How many characters a line may have; the last column stays empty, as some terminals wrap there."""
        return max(shutil.get_terminal_size().columns - 1, 20)

    def write(self, text: str, is_last: bool) -> None:
        """Show a line in the place of the one before."""
        if self._lock is None and not self._is_first():
            return
        sys.stderr.write(f"\r{text:<{self._length}}" + "\n" * is_last)
        sys.stderr.flush()
        self._length = 0 if is_last else len(text)
        if is_last:
            self.release()

    def _is_first(self) -> bool:
        """Whether nobody else has the lock of this terminal, which is this one's from now on, until it dies at last."""
        try:
            import fcntl

            descriptor = os.open(os.ttyname(sys.stderr.fileno()), os.O_WRONLY | getattr(os, "O_NOCTTY", 0))
        except (ImportError, OSError, ValueError, AttributeError):  # no such locks here: as if it were alone
            self._lock = -1
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def release(self) -> None:
        """Let others write."""
        if self._lock is not None and self._lock >= 0:
            os.close(self._lock)
        self._lock = None


class Notebook:
    """Shows a line as an output of a notebook's cell, which is updated.

    Args:
        display: `IPython.display.display`.
    """

    interval, width = NOTEBOOK, 300

    def __init__(self, display: Callable[..., Any]) -> None:
        self._display = display
        self._handle: Any = None

    def write(self, text: str, is_last: bool) -> None:
        """Show a line in the place of the one before."""
        shown = {"text/plain": text}
        if self._handle is None:
            self._handle = self._display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)


class Lines:
    """Writes line after line.

    Args:
        interval: Seconds between them at least.
    """

    width = 300

    def __init__(self, interval: float) -> None:
        self.interval = interval

    def write(self, text: str, is_last: bool) -> None:
        """Write a line."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


Display = Union[Terminal, Notebook, Lines]


def _display(every: float | None) -> Display | None:
    """Where the line goes; None if nobody would look."""
    ipython = sys.modules.get("IPython")  # who is in a notebook has it
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    if shell is not None and "IPKernelApp" in getattr(shell, "config", {}):
        from IPython.display import display

        return Notebook(display)
    with suppress(AttributeError, ValueError, OSError):  # closed, or replaced by something of the user's
        if sys.stderr.isatty():
            return Terminal()
    return None if every is None else Lines(every)


class ProgressObserver:
    """Shows how the runs that it observes go.

    Args:
        every: Where there is neither a terminal nor a notebook, a line is written at most every so many seconds; None
            for never.

    Raises:
        ObserverError: If that is no number above 0.
    """

    def __init__(self, every: float | None = None) -> None:
        if every is not None and (isinstance(every, bool) or not isinstance(every, (int, float)) or not every > 0):
            raise ObserverError(f"every={every!r} of 'progress' must be a number of seconds above 0, or None.")
        self._every = every
        self._display: Display | None = None
        self._progress: Progress | None = None
        self._shown = -float("inf")

    def neps_run_started(self, run: Run, budgets: BudgetInfo) -> None:
        """Find out where to write."""
        self._display = _display(self._every)
        self._progress = None if self._display is None else Progress(run, budgets)
        self._show()

    def neps_trial_started(self) -> None:
        """A trial counts as spent from now on."""
        self._show()

    def neps_trial_reported(self, run: Run, trial: Trial) -> None:
        """Show what this worker's trial says."""
        if self._progress is not None and trial.points:
            self._progress.says(trial)
            self._show()

    def neps_trial_finished(self) -> None:
        """Show how it stands."""
        if self._progress is not None:
            self._progress.forget()
        self._show()

    def neps_run_finished(self, result: Any) -> None:
        """Show how it ended, and leave the line."""
        self._show(result.stopped_because)
        self._display = self._progress = None

    def _show(self, stopped_because: str | None = None) -> None:
        display, progress = self._display, self._progress
        is_last = stopped_because is not None
        if display is None or progress is None or (time.monotonic() < self._shown + display.interval and not is_last):
            return
        self._shown = time.monotonic()
        progress.follow()
        text = (
            progress.line(display.width)
            if stopped_because is None
            else progress.last_line(stopped_because, display.width)
        )
        try:
            display.write(text.replace("\n", " "), is_last)
        except Exception:  # a closed terminal, or something of the user's in its place: nobody looks any more
            self._display = None


@hookimpl
def neps_observers() -> list[ObserverSpec]:
    """`progress`."""
    return [ObserverSpec("progress", ProgressObserver, "one line on standard error that says how the run goes")]
