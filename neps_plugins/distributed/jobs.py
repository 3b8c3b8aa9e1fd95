"""Jobs of several processes, as their launchers describe them to each process by environment variables."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping

from attrs import frozen

#: Names of the host itself, which say nothing on another one.
_LOOPBACK = ("localhost", "127.", "::1", "0.0.0.0")

#: A name that `torchrun` has made up; "none", or one that a user gave, may come again.
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@frozen
class Job:
    """A job of several processes, seen from one of them.

    Attributes:
        name: The same in all processes of the job, and another one in any other job at the same time.
        label: What this process is in it, for messages.
        leads: Whether this process is its rank 0.
        is_unique: Whether no earlier job can have had its name.
        is_certain: Whether such processes train together, rather than being started together for any reason.
    """

    name: str
    label: str
    leads: bool
    is_unique: bool = True
    is_certain: bool = True


def job_of(environ: Mapping[str, str]) -> Job | None:
    """The job that a process belongs to; None if it was started on its own."""
    if "RANK" in environ:  # whoever starts one `torchrun` on each node by a scheduler means this rank
        return _torch(environ)
    return _open_mpi(environ) or _slurm(environ) or _pmi(environ) or _lightning(environ)


def local_rank(environ: Mapping[str, str]) -> int | None:
    """The rank that a launcher without global ranks gives: Lightning's, which starts its processes from rank 0."""
    return None if "RANK" in environ else _number(environ, "LOCAL_RANK")


def by_hand(rank: int, name: str) -> Job:
    """The job that a user describes."""
    return Job(f"by hand: {name}", f"rank {rank} of the job {name!r}", rank == 0, is_unique=False)


def _torch(environ: Mapping[str, str]) -> Job | None:
    """What PyTorch's `env://` needs, as `torchrun` and many others set it."""
    rank, size, address = _number(environ, "RANK"), _number(environ, "WORLD_SIZE"), _address(environ)
    if rank is None or size is None or size < 2 or address is None:
        return None
    run_id = environ.get("TORCHELASTIC_RUN_ID", "")
    name = f"torch: {address} {run_id} {environ.get('TORCHELASTIC_RESTART_COUNT', '')}"
    return Job(name, f"rank {rank} of {size} (RANK, WORLD_SIZE)", rank == 0, is_unique=bool(_UUID.fullmatch(run_id)))


def _open_mpi(environ: Mapping[str, str]) -> Job | None:
    rank, size = _number(environ, "OMPI_COMM_WORLD_RANK"), _number(environ, "OMPI_COMM_WORLD_SIZE")
    launch = environ.get("PMIX_NAMESPACE") or environ.get("OMPI_MCA_ess_base_jobid")
    if rank is None or size is None or size < 2 or not launch:
        return None
    return Job(f"mpi: {launch}", f"rank {rank} of {size} of the mpirun job {launch}", rank == 0, is_certain=False)


def _slurm(environ: Mapping[str, str]) -> Job | None:
    """One step (`srun`) of a SLURM job; the tasks of a batch script or an array have nothing to do with each other."""
    rank = _number(environ, "SLURM_PROCID")
    size = _number(environ, "SLURM_STEP_NUM_TASKS") or _number(environ, "SLURM_NTASKS")
    job, step = environ.get("SLURM_JOB_ID"), environ.get("SLURM_STEP_ID")
    if rank is None or size is None or size < 2 or not job or not step:
        return None
    name = f"slurm: {job}.{step} {environ.get('SLURM_RESTART_COUNT', '')}"
    return Job(name, f"rank {rank} of {size} of the SLURM step {job}.{step}", rank == 0, is_certain=False)


def _pmi(environ: Mapping[str, str]) -> Job | None:
    """MPICH and its relatives. Where they give the job no name, all ranks on one host have one parent."""
    rank, size = _number(environ, "PMI_RANK"), _number(environ, "PMI_SIZE")
    launch = environ.get("PMI_JOBID") or environ.get("PMI_PORT")
    if not launch and size is not None and _number(environ, "MPI_LOCALNRANKS") == size:
        launch = f"{socket.gethostname()} {os.getppid()}"
    if rank is None or size is None or size < 2 or not launch:
        return None
    label = f"rank {rank} of {size} of the mpiexec job {launch}"
    return Job(f"pmi: {launch}", label, rank == 0, is_unique=False, is_certain=False)


def _lightning(environ: Mapping[str, str]) -> Job | None:
    """Processes that were started one by one for Lightning, or one on each node, to start the others there."""
    node, local = _number(environ, "NODE_RANK"), _number(environ, "LOCAL_RANK")
    size, address = _number(environ, "WORLD_SIZE"), _address(environ)
    if (node is None and local is None) or size is None or size < 2 or address is None:
        return None
    label = f"local rank {local or 0} on node {node or 0} (LOCAL_RANK, NODE_RANK)"
    return Job(f"lightning: {address}", label, not node and not local, is_unique=False)


def _address(environ: Mapping[str, str]) -> str | None:
    address, port = environ.get("MASTER_ADDR"), environ.get("MASTER_PORT")
    if not address or not port:
        return None
    host = f"{socket.gethostname()} " if address.startswith(_LOOPBACK) else ""
    return f"{host}{address}:{port}"


def _number(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "")
    return int(text) if text.isdecimal() and text.isascii() else None
