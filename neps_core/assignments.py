"""An evaluation that an executor makes: what it is given, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from attrs import Factory, frozen

from neps_core.artifacts import Artifacts
from neps_core.errors import ArtifactsError, SpaceError, StopTrial, StorageError
from neps_core.live import LiveTrial, Told
from neps_core.spaces.protocol import SearchSpace
from neps_core.spaces.sources import replay
from neps_core.stopping import StoppingRule
from neps_core.trials import Trial
from neps_core.user_function import UserFunction


@frozen(eq=False)
class Job:
    """What the evaluations of one call share.

    Attributes:
        target: The user's function, or where it is.
        space: The search space.
        worker_id: Who claims the trials.
        location: Where another process opens the run, to report something; None if it is only in this one.
        storage: What it is kept in, if not there.
        rule: Says whether to go on; None for always.
        requires_cost: Whether a result needs a cost.
        artifacts: Where the folders of trials are kept besides; None if nowhere.
    """

    target: Any
    space: SearchSpace
    worker_id: str
    location: str | None
    storage: str | None = None
    rule: StoppingRule | None = None
    requires_cost: bool = False
    artifacts: Artifacts | None = None


@frozen
class Assignment:
    """One trial, for whoever evaluates it.

    Attributes:
        trial: The trial, started.
        injected: What the user's function gets besides the configuration, if it names it.
    """

    trial: Trial
    injected: Mapping[str, Any]


@frozen
class Outcome:
    """What an evaluation came to.

    Attributes:
        returned: What the user's function returned or raised.
        duration: In seconds.
        told: What it reported meanwhile.
        refused: Why it could not even begin.
        left: What the user's function left its process by, if it meant to end it.
    """

    returned: Any = None
    duration: float = 0.0
    told: Told = Factory(Told)
    refused: Exception | None = None
    left: str | None = None


def evaluated(
    function: UserFunction, space: SearchSpace, assignment: Assignment, live: LiveTrial, began: float
) -> Outcome:
    """Evaluate a trial, and never raise.

    Args:
        function: The user's.
        space: That the configuration is of.
        assignment: The trial.
        live: Takes what it reports.
        began: When it began, by `time.perf_counter`.
    """
    returned: Any
    try:
        with live.current():
            try:
                arguments = replay(space, assignment.trial.config).arguments()
            except (SpaceError, StorageError) as error:  # nothing that the trial could help
                return Outcome(refused=error)
            returned = function(arguments, assignment.injected)
    except StopTrial:
        returned = live.stopped()
    except ArtifactsError as error:  # nor this
        return Outcome(refused=error)
    except Exception as error:  # the user's code, so anything
        returned = error
    except BaseException as error:
        return Outcome(left=repr(error))
    return Outcome(returned, time.perf_counter() - began, live.told())
