"""`neps launch slurm SCRIPT`: many workers at once, by a cluster's scheduler."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neps_core import RunError, hookimpl

#: What `sbatch` is told of here, and nowhere else.
_OURS = re.compile(r"(--(array|wrap)(=|$)|-a)")

#: Variables that describe the job or step that this process itself may be in. Its workers are in another one.
_OF_A_JOB = re.compile(r"(SLURM_(?!CONF|JWT|CLUSTERS|UMASK)|SLURMD_|SRUN_|PMI_|PMIX_|OMPI_)")


class _Passing(argparse.ArgumentParser):
    """Keeps what it doesn't know for the scheduler, and what stands behind `--` for the script."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        n = words.index("--") if "--" in words else len(words)
        parsed, passed = super().parse_known_args(words[:n], namespace)
        parsed.passed, parsed.arguments = passed, words[n + 1 :]
        return parsed, []


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `launch`."""
    parser = subparsers.add_parser("launch", help="start many workers at once, by a cluster's scheduler")
    launchers = parser.add_subparsers(metavar="LAUNCHER", required=True, parser_class=_Passing)
    slurm = launchers.add_parser(
        "slurm",
        usage="neps launch slurm SCRIPT [--workers N] [--partition P --time T ...] [--dry_run] [-- ARGUMENT ...]",
        help="as one array job of Slurm",
        description="Submit an array job whose tasks each run SCRIPT with this Python: workers of one run, if SCRIPT "
        "calls neps.run on a folder that all nodes share. Further options are sbatch's, and stand behind SCRIPT: "
        "--partition gpu, --time 04:00:00, --mem 16G, --gpus 1, ...",
        epilog="What stands behind -- is for SCRIPT.",
        allow_abbrev=False,
    )
    slurm.add_argument("script", metavar="SCRIPT", help="a Python program that calls neps.run")
    slurm.add_argument("--workers", type=int, default=1, metavar="N", help="how many (default: 1)")
    slurm.add_argument("--cpus", type=int, metavar="C", help="of each worker (sbatch's --cpus-per-task)")
    slurm.add_argument(
        "--signal",
        type=int,
        default=60,
        metavar="SECONDS",
        help="how long before its time limit a worker puts its trial back and leaves (default: 60; 0: it is not told)",
    )
    slurm.add_argument(
        "--logs", default="slurm_jobs", metavar="FOLDER", help="where each job gets a folder (default: slurm_jobs)"
    )
    slurm.add_argument("--dry_run", "--dry-run", action="store_true", help="only show the script for sbatch")
    slurm.set_defaults(run=_slurm)


def _slurm(arguments: argparse.Namespace) -> int:
    script, workers, signal = arguments.script, arguments.workers, arguments.signal
    if not Path(script).is_file():
        raise RunError(f"there is no script {script!r}: name it first, and the options behind it.")
    if workers < 1:
        raise RunError(f"--workers {workers}: it has to be 1 or more.")
    if not 0 <= signal <= 65535:
        raise RunError(f"--signal {signal}: it has to be from 0 to 65535 seconds.")
    lines = _options(arguments.passed)
    folder = _free(Path(arguments.logs).absolute() / f"{Path(script).stem}-{time.strftime('%Y%m%d-%H%M%S')}")
    if "\\" in str(folder) or "\n" in str(folder):
        raise RunError(f"--logs: Slurm can't write to {str(folder)!r}; give a folder without backslashes and newlines.")
    if arguments.cpus is not None:
        lines.insert(0, f"--cpus-per-task={arguments.cpus}")
    command = [sys.executable, "-u", script, *arguments.arguments]
    text = sbatch_script(command, workers, folder, signal, lines, Path.cwd())
    if arguments.dry_run:
        print(text, end="")
        return 0
    job = _submitted(text, folder)
    print(f"submitted job {job}: {workers} worker(s), each of which runs\n    {shlex.join(command)}")
    print(f"script and logs: {folder}")
    print(f"look at it:      squeue --job={job}")
    print(f"cancel it:       scancel {job}")
    return 0


def sbatch_script(
    command: Sequence[str], workers: int, folder: Path, signal: int, options: Sequence[str], working_directory: Path
) -> str:
    """What `sbatch` is given.

    Args:
        command: What each worker is: a program and its arguments.
        workers: How many.
        folder: Where their logs go. It has to exist when the job starts.
        signal: Seconds before the end of its time at which a worker gets SIGUSR1; 0 for never.
        options: Further ones of `sbatch`, each as it stands in a line.
        working_directory: Where the workers run.
    """
    ours = [
        f"--job-name={quoted(folder.name.rsplit('-', 2)[0])}",
        f"--array=0-{workers - 1}",
        f"--output={quoted(str(folder).replace('%', '%%') + '/worker-%a.log')}",
        "--open-mode=append",  # one that was requeued goes on in its log
        "--requeue",
        *([f"--signal=B:USR1@{signal}"] if signal else []),
    ]
    directives = "".join(f"#SBATCH {line}\n" for line in (*ours, *options))
    return (
        f"#!/bin/sh\n{directives}\n"
        "# Each task is a worker. It takes the shell's place, so that Slurm's signals reach it.\n"
        f"cd -- {shlex.quote(str(working_directory))} || exit\n"
        f"exec {shlex.join(command)}\n"
    )


def quoted(text: str) -> str:
    """A word as `sbatch` reads it in its script; unlike a shell, it knows backslashes in all quotes."""
    if re.fullmatch(r"[\w@%+=:,./-]+", text, re.ASCII):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _options(words: Sequence[str]) -> list[str]:
    """Options of `sbatch`, each with its value."""
    lines: list[str] = []
    for word in words:
        if "\n" in word:
            raise RunError(f"{word!r}: an option of sbatch can't have two lines.")
        if _OURS.match(word):
            raise RunError(f"{word}: that is not for sbatch here; --workers says how many tasks the array job has.")
        if word.startswith("-"):
            lines.append(quoted(word))
        elif not lines or " " in lines[-1]:
            raise RunError(f"{word!r} belongs to no option of sbatch; the script's own arguments stand behind --.")
        else:
            lines[-1] += f" {quoted(word)}"
    return lines


def _free(folder: Path) -> Path:
    """The folder, under a name that no other has."""
    free, n = folder, 2
    while free.exists():
        free, n = folder.with_name(f"{folder.name}.{n}"), n + 1
    return free


def _submitted(text: str, folder: Path) -> str:
    """The id of a new job; what was made for it is gone if there is none."""
    if shutil.which("sbatch") is None:
        raise RunError("there is no sbatch on PATH: submit from a host of the cluster, or look with --dry_run.")
    folder.mkdir(parents=True)
    path = folder / "job.sh"
    path.write_text(text, encoding="utf-8", newline="\n")
    command = ["sbatch", "--parsable", str(path)]
    done = subprocess.run(command, env=_environment(os.environ), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(folder)
        raise RunError(f"sbatch submitted nothing: {done.stderr.strip() or f'it ended with {done.returncode}'}")
    return done.stdout.strip().partition(";")[0]  # behind it is the name of the cluster


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not _OF_A_JOB.match(name)}
