"""Executors: whoever runs the evaluations of a call, where that is not this process.

All of them are `concurrent.futures.Executor`s. A plugin brings one by name, with what the class can't say itself.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from attrs import field, frozen

from neps_core.errors import ExecutorError
from neps_core.resources import NOTHING, Resources, parse_resources
from neps_core.selection import Selectable
from neps_core.spaces.domains import exact

#: What `n_workers` alone means.
DEFAULT = "processes"


@frozen
class Asked:
    """What a user wants of an executor.

    Attributes:
        n_workers: How many evaluations at a time; None for as many as there is room for.
        resources: What each evaluation gets.
    """

    n_workers: int | None = None
    resources: Resources = NOTHING


@frozen(eq=False)
class Engine:
    """An executor, and what has to be known of it.

    Attributes:
        executor: Runs `submit(function, *arguments)`; the arguments are bytes, and so is what the function returns.
            The function never raises: what the future raises says that the evaluation was lost, or, if it is an
            `ExecutorError`, that there is no point in going on.
        n_slots: How many evaluations it can run at present; asked often, as it may change. 0 is taken for 1: some
            engines grow only once there is something to do.
        end: Ends it at once, with whatever it still runs; may be called twice. None to leave that to the user.
        is_here: Whether it runs evaluations in threads of this process, so that nothing has to travel.
        imports_main: Whether its processes import the user's script, so that functions in it are found by name.
        queues: Whether it takes more evaluations than it has slots; `cancel` of a future takes back one that waits, and
            leaves one that runs. Then slots have their next evaluation waiting, if the optimizer needs no results.
        writes_files: Whether what it is given passes through files. Then the passwords of `storage=` stay here.
    """

    executor: Executor
    n_slots: Callable[[], int]
    end: Callable[[], None] | None = None
    is_here: bool = field(default=False, kw_only=True)
    imports_main: bool = field(default=False, kw_only=True)
    queues: bool = field(default=False, kw_only=True)
    writes_files: bool = field(default=False, kw_only=True)


@frozen
class ExecutorSpec:
    """An executor, as a plugin brings it.

    Attributes:
        name: What users select it by.
        factory: A callable `(asked, **keywords) -> Engine` (or an `Executor`, where `n_workers` says everything), or
            `"module:attribute"` of one, which is then imported only when the executor is chosen. `asked` is an
            `Asked`. It is called once for each `neps.run`, before anything of the run is written.
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
    if isinstance(executor, Executor):
        if asked.resources != NOTHING:
            raise ExecutorError(
                "resources= can't be handed to an executor that is made already: give them to it, and leave them out."
            )
        engine = _engine(executor, asked)
        return lambda: engine
    target, keywords = EXECUTORS.split(executor)
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
    return lambda: _engine(EXECUTORS.make(spec.name, factory, asked, **keywords), asked)


def _engine(made: Any, asked: Asked) -> Engine:
    if isinstance(made, Engine):
        return made
    if not isinstance(made, Executor):
        raise ExecutorError(f"{made!r} is no concurrent.futures.Executor.")
    counts = (getattr(made, name, None) for name in ("_max_workers", "max_workers", "num_workers"))
    n = asked.n_workers or next((count for count in counts if type(count) is int), None)
    if n is None:
        raise ExecutorError(f"how many evaluations {made!r} can run at a time is not known: give n_workers=.")
    return Engine(made, lambda: n, is_here=isinstance(made, ThreadPoolExecutor))


def _checked(n_workers: Any) -> int | None:
    n = exact(n_workers)
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= 1_000_000):
        raise ExecutorError(f"n_workers must be a whole number of at least 1, not {n_workers!r}.")
    return n
