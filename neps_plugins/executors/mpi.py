"""The executor `mpi` (extra `mpi`): evaluations in the other ranks of an MPI program.

`mpiexec -n 9 python -m mpi4py.futures search.py` runs the script in one rank and has eight to evaluate.
"""

from __future__ import annotations

from typing import Any

from neps_core import Asked, Engine, ExecutorError, ExecutorSpec, hookimpl
from neps_plugins.toolkit import EngineAway


def make(asked: Asked, **keywords: Any) -> Engine:
    """The ranks of an MPI program. What they evaluate can't be ended before it is done; MPI ends all ranks if one dies.

    Args:
        asked: All ranks but one, if nothing else is said.
        keywords: Further ones of `mpi4py.futures.MPIPoolExecutor`.

    Raises:
        ExecutorError: If mpi4py is not installed or finds no MPI, or this is no rank of such a program.
    """
    try:
        from mpi4py.futures import MPIPoolExecutor, _core

        if getattr(_core, "SharedPool", True) is None:  # it would start ranks, and wait for ever where it can't
            raise ExecutorError(
                "the executor 'mpi' has no ranks: start the script with 'mpiexec -n 9 python -m mpi4py.futures SCRIPT'."
            )
        executor = MPIPoolExecutor(asked.n_workers, **keywords)
        executor.bootup()
    except (ImportError, RuntimeError) as reason:
        raise ExecutorError(
            f"the executor 'mpi' needs mpi4py and an MPI: install neps-framework[mpi] ({reason})."
        ) from reason

    def end() -> None:
        executor.shutdown(wait=False, cancel_futures=True)

    return EngineAway(executor, lambda: executor.num_workers, end, imports_main=True)


@hookimpl
def neps_executors() -> list[ExecutorSpec]:
    """`mpi`."""
    return [ExecutorSpec("mpi", make, "the other ranks of an MPI program (extra mpi)")]
