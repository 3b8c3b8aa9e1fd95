"""Every error that the framework raises on purpose.

Each one says what was wrong, where, and what to do about it. They share `NePSError`, and also derive
from the built-in exception that a caller would expect (`ValueError`, `TypeError`, ...).
"""

from __future__ import annotations

import difflib
import logging
import sys
import warnings
from collections.abc import Iterable


class NePSError(Exception):
    """Base of all errors raised by the framework."""


class SpaceError(NePSError, ValueError):
    """A search space that can't be used as it was written."""


class ConfigError(NePSError, ValueError):
    """A configuration that does not fit its search space."""


class PluginError(NePSError):
    """A plugin that can't be loaded, or two plugins that contradict each other."""


class OptimizerError(NePSError, ValueError):
    """An optimizer that doesn't exist, was given wrong keywords, or answered with something unusable."""


class BudgetError(NePSError, ValueError):
    """A budget that is unknown, or whose limit is no usable number."""


class ObserverError(NePSError, ValueError):
    """An observer that doesn't exist, was given wrong keywords, or observes nothing."""


class StoppingRuleError(NePSError, ValueError):
    """A stopping rule that doesn't exist, was given wrong keywords, or can't judge what was reported."""


class ExecutorError(NePSError, ValueError):
    """An executor that doesn't exist, was given what it can't do, or can't run evaluations any more."""


class StorageError(NePSError, OSError):
    """A run directory that can't be used: not writable, not a run, of another format, or damaged."""


class ArtifactsError(StorageError):
    """A store for the folders of trials that can't be reached, so that an evaluation can't begin."""


class RunGoneError(StorageError):
    """The run was deleted or replaced while somebody was working on it."""


class NotAnsweringError(StorageError):
    """What a run is kept in does not answer, or takes nobody in, and may do so a moment later."""


class LockLostError(StorageError):
    """What was found out under a lock need not hold any more: the lock fell, and nothing was added. Begin again."""


class RunError(NePSError, ValueError):
    """Arguments of a run that contradict each other or the run on disk."""


class TargetError(NePSError, TypeError):
    """An `evaluate_pipeline` that can't be found, or whose parameters do not match the search space."""


class ResultError(NePSError, TypeError):
    """Something that `evaluate_pipeline` returned and that is no result."""


class TrialError(NePSError, LookupError):
    """A trial that doesn't exist, or isn't in a state in which this can be done to it."""


class EvaluationError(NePSError, RuntimeError):
    """`evaluate_pipeline` raised; the original exception is the `__cause__`."""


class NotInTrialError(NePSError, RuntimeError):
    """Something was asked that only makes sense while this process evaluates a trial."""


class StopTrial(Exception):
    """Raised by `neps.report` inside `evaluate_pipeline` when the stopping rule says that the trial is not worth it.

    Let it pass. Who has to tidy up catches it and raises it again.
    """


class NePSWarning(UserWarning):
    """Something that works, but probably not as intended."""


def warn(message: str) -> None:
    """Warn of something without which things go on: where warnings are errors (`warnings.simplefilter`), in the log."""
    try:
        warnings.warn(message, NePSWarning, stacklevel=1 + _depth())
    except NePSWarning:
        logging.getLogger("neps").warning("%s", message)


def _depth() -> int:
    """How many calls below here the user's code is."""
    frame, depth = sys._getframe(1), 0
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        frame, depth = frame.f_back, depth + 1
    return depth


_OURS = ("neps", "neps_core", "neps_plugins", "pluggy")

#: Characters of what an error says, of code that is not ours.
SAID = 300


def said(error: BaseException) -> str:
    """What an error of somebody else's code says, in one line, and behind it what it goes back to.

    The first one is often of a library's making ("Nanny failed to start"), and the last one says what to mend.
    """
    first, seen = error, {id(error)}
    while (cause := first.__cause__ or (None if first.__suppress_context__ else first.__context__)) is not None:
        if id(cause) in seen:
            break
        seen.add(id(cause))
        first = cause
    return _line(error) if first is error else f"{_line(error)} ({_line(first)})"


def _line(error: BaseException) -> str:
    text = "; ".join(filter(None, map(str.strip, str(error).splitlines())))
    return f"{type(error).__name__}: {text if len(text) <= SAID else text[:SAID] + '...'}"


#: How many names, and characters of one, are looked at and shown where a name is unknown.
MANY = 100


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that ends an error message about an unknown name.

    Args:
        name: What was asked for.
        known: The names that exist.

    Returns:
        A sentence with the nearest names, or with all of them (the first `MANY`, if there are more) where none is near.
    """
    names = sorted(set(known))
    near = difflib.get_close_matches(name[:MANY], names, n=3, cutoff=0.5)
    if near:
        return "Did you mean " + " or ".join(repr(n) for n in near) + "?"
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return "There is " + ", ".join(repr(n) for n in names[:MANY]) + more + "." if names else "There is none."
