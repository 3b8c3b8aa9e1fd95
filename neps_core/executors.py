"""Executors: whoever runs the evaluations of a call, where that is not this thread. Plugins bring them, by name."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Protocol, runtime_checkable

from attrs import frozen

from neps_core.assignments import Assignment, Job, Outcome
from neps_core.errors import ExecutorError
from neps_core.resources import NOTHING, Resources, parse_resources
from neps_core.run import Run
from neps_core.selection import Selectable
from neps_core.spaces.domains import exact
from neps_core.user_function import UserFunction

#: What `n_workers` alone means, and what takes an `Executor`, whichever it is.
DEFAULT, GIVEN = "processes", "futures"

#: Evaluations at a time, at most.
MOST = 1_000_000


@frozen
class Asked:
    """What a user wants of an executor.

    Attributes:
        n_workers: How many evaluations at a time; None for as many as there is room for.
        resources: What each evaluation gets.
    """

    n_workers: int | None = None
    resources: Resources = NOTHING


@runtime_checkable
class Engine(Protocol):
    """Evaluates trials: what the factory of an executor gives.

    The dispatcher calls it from one thread, and gives it no more than it has slots, unless these become fewer.

    Attributes:
        is_here: Whether evaluations run in this process, so that what they report is told here already.
    """

    is_here: bool

    def begin(self, job: Job, function: UserFunction, run: Run) -> None:
        """Be told, once, what all evaluations share.

        Args:
            job: For other processes.
            function: The user's function, checked, for this one.
            run: For this one.

        Raises:
            TargetError: If the job can't travel to the processes that evaluate.
        """

    def submit(self, assignment: Assignment) -> Future[Any]:
        """Begin to evaluate a trial."""

    def outcome(self, future: Future[Any]) -> Outcome:
        """What came of an evaluation, once its future is done.

        Raises:
            ExecutorError: If there is no point in going on.
            Exception: Whatever else it raises says that the evaluation was lost.
        """

    def n_slots(self) -> int:
        """How many evaluations it can run at present; asked often, as it may change.

        0 is taken for 1: some engines grow only once there is something to do.
        """

    def end(self) -> None:
        """End it at once, with whatever it still runs; may be called twice."""


@frozen
class ExecutorSpec:
    """An executor, as a plugin brings it.

    Attributes:
        name: What users select it by.
        factory: A callable `(asked, **keywords) -> Engine`, or `"module:attribute"` of one, which is then imported only
            when the executor is chosen. `asked` is an `Asked`. It may also give a `concurrent.futures.Executor`,
            which is then taken as if a user had given it. It is called once
            for each `neps.run`, before anything of the run is written.
        summary: One line for `neps plugins`.
        resources: Which of `resources=` it gives to evaluations: `"cpus"`, `"gpus"`, `"memory"`, `"walltime"`. Others
            are refused.
    """

    name: str
    factory: Callable[..., Any] | str
    summary: str = ""
    resources: tuple[str, ...] = ()


EXECUTORS = Selectable("executor", "executor", "neps_executors", ExecutorSpec, ExecutorError)


def choose_executor(executor: Any, n_workers: Any = None, resources: Any = None) -> Callable[[], Engine] | None:
    """What starts the executor that a user selected.

    Args:
        executor: None, an `Executor`, a name, `(name, keywords)`, or `{"name": name, **keywords}`.
        n_workers: How many evaluations at a time.
        resources: What each of them gets; a mapping.

    Returns:
        None if this process evaluates itself.

    Raises:
        ExecutorError: If there is no such executor or keyword, or it can't give such resources.
        PluginError: If the plugin that brings it is broken.
    """
    asked = Asked(_checked(n_workers), parse_resources(resources))
    if executor is None:
        if asked == Asked():
            return None
        executor = DEFAULT
    given = (GIVEN, {"executor": executor}) if isinstance(executor, Executor) else executor
    target, keywords = EXECUTORS.split(given)
    if not isinstance(target, str):
        raise ExecutorError(
            f"executor={executor!r} must be a concurrent.futures.Executor (of a Dask client: client.get_executor()), a "
            "name, or (name, {keyword: value})."
        )
    spec = EXECUTORS.find(target)
    for name in asked.resources.given:
        if name not in spec.resources:
            understood = ", ".join(map(repr, spec.resources)) or "none"
            raise ExecutorError(
                f"the executor {spec.name!r} can't give resources[{name!r}] to an evaluation; it understands "
                f"{understood}."
            )
    factory = EXECUTORS.load(spec.name, spec.factory)
    EXECUTORS.effective_keywords(spec.name, factory, keywords, 1)
    return lambda: _started(spec, factory, asked, keywords)


def _started(spec: ExecutorSpec, factory: Any, asked: Asked, keywords: Any) -> Engine:
    made = EXECUTORS.make(spec.name, factory, asked, **keywords)
    if isinstance(made, Executor):
        made = EXECUTORS.make(
            GIVEN, EXECUTORS.load(GIVEN, EXECUTORS.find(GIVEN).factory), Asked(asked.n_workers), executor=made
        )
    if not isinstance(made, Engine):
        raise ExecutorError(f"the executor {spec.name!r} gave {made!r}, which is no neps_core.Engine.")
    return made


def _checked(n_workers: Any) -> int | None:
    n = exact(n_workers)
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST):
        raise ExecutorError(f"n_workers must be a whole number from 1 to {MOST:,}, not {n_workers!r}.")
    return n
