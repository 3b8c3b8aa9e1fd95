"""A program as `evaluate_pipeline`."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from attrs import Factory, frozen

from neps_core import NePSError, StopTrial, TargetError
from neps_core.files import check_no_link
from neps_core.live import report
from neps_core.reserved import RESERVED
from neps_plugins.programs import reports
from neps_plugins.programs.outcome import described, failure, from_file, from_output, tail_of
from neps_plugins.programs.process import Process
from neps_plugins.programs.words import check_words, filled, text_of

#: In a trial's folder: what its program prints, one evaluation after the other, and the result if it writes one.
OUTPUT, ERRORS, RESULT = "stdout.log", "stderr.log", "result.json"

#: Seconds from being asked to end to being made to.
GRACE = 10.0


@frozen
class Program:
    """A command line that evaluates a configuration.

    Its result is the first of these that there is: the file that `NEPS_RESULT_FILE` names, the last line that it
    prints to standard output (each a number, or a JSON object or list as a function would return it), the last thing
    that it has reported with `neps report`. An exit code other than 0 is a failure.

    Args:
        words: The program and its arguments, with `{name}` for a value.
        timeout: Seconds after which it is ended, as a failure; None for never.
        grace: Seconds that it has from SIGTERM to SIGKILL, and to end by itself once it was told to stop.
        directory: Where it runs; None for where the worker does.
        environment: Further variables, with `{name}` for a value, too.
    """

    words: tuple[str, ...]
    timeout: float | None = None
    grace: float = GRACE
    directory: Path | None = None
    environment: Mapping[str, str] = Factory(dict)

    @property
    def __name__(self) -> str:
        return Path(self.words[0]).name

    def check(self, names: Mapping[str, bool], is_here: bool = True) -> None:
        """Make sure that it can be run.

        Args:
            names: The arguments of configurations, and whether each has them.
            is_here: Whether it is this machine that it will run on.

        Raises:
            TargetError: If a word asks for what not every configuration has, or there is no such program.
        """
        check_words([*self.words, *self.environment.values()], self.known(names))
        program = self.words[0]
        if is_here and "{" not in program and self._found(program) is None:
            where = f"in {self.directory or Path.cwd()}" if _is_path(program) else "on PATH"
            raise TargetError(f"there is no program {program!r} {where} that can be run.")

    def known(self, names: Mapping[str, bool]) -> list[str]:
        """The names that may stand in braces: of what every configuration has, and of what a worker passes."""
        return [*(name for name, always in names.items() if always), *RESERVED]

    def _found(self, program: str) -> str | None:
        if _is_path(program):
            return shutil.which((self.directory or Path.cwd()) / program)
        return shutil.which(program, path=_search_path())

    def __call__(
        self,
        /,
        *,
        pipeline_id: str,
        pipeline_directory: Path,
        previous_pipeline_directory: Path | None,
        root_directory: Path,
        **config: Any,
    ) -> Any:
        """Evaluate a configuration.

        Returns:
            The result as the program has given it, or the exception that says what went wrong.

        Raises:
            StopTrial: If it was told to stop.
            TargetError: If a word asks for what the configuration doesn't have.
        """
        # The program may run elsewhere, so the paths that it gets are whole.
        folder, previous = pipeline_directory.absolute(), previous_pipeline_directory
        root = root_directory.absolute()
        values = {
            **config,
            "pipeline_id": pipeline_id,
            "pipeline_directory": folder,
            "previous_pipeline_directory": "" if previous is None else previous.absolute(),
            "root_directory": root,
        }
        check_words([*self.words, *self.environment.values()], list(values))
        command = [filled(word, values) for word in self.words]
        environment = {
            **os.environ,
            "PATH": _search_path(),
            reports.RESULT_FILE: str(folder / RESULT),
            reports.CONFIG: text_of(config),
            reports.TRIAL_ID: pipeline_id,
            reports.DIRECTORY: str(folder),
            reports.ROOT_DIRECTORY: str(root),
            **{name: filled(word, values) for name, word in self.environment.items()},
        }
        environment.pop(reports.PREVIOUS_DIRECTORY, None)
        if previous is not None:
            environment[reports.PREVIOUS_DIRECTORY] = str(previous.absolute())
        (folder / RESULT).unlink(missing_ok=True)  # of an evaluation that was begun before
        mailbox = reports.Mailbox()
        try:
            return self._evaluated(command, {**environment, reports.REPORT_TO: mailbox.address}, mailbox, folder)
        finally:
            mailbox.close()

    def _evaluated(
        self, command: list[str], environment: dict[str, str], mailbox: reports.Mailbox, folder: Path
    ) -> Any:
        with _appended(folder / OUTPUT) as output, _appended(folder / ERRORS) as errors:
            starts = output.seek(0, os.SEEK_END), errors.seek(0, os.SEEK_END)
            try:
                process = Process(command, self.directory, environment, output, errors, self.grace)
            except (OSError, ValueError) as reason:  # no such program any more, or a NUL in an argument
                return failure(f"the program {command[0]!r} can't be started: {reason}", [], [], folder)
        told = _Told()
        with process:
            process.wake_by(mailbox)
            began = time.monotonic()
            end = float("inf") if self.timeout is None else began + self.timeout
            while process.exit_code is None and (left := end - time.monotonic()) > 0:
                process.wait(left)
                if mailbox.take(told.answer) and told.stop is not None:
                    end = min(end, time.monotonic() + self.grace)
            exit_code = process.exit_code
        while mailbox.take(told.answer):  # what it said last, and did not wait for
            pass
        if told.stop is not None:
            raise told.stop
        lines, complaints = tail_of(folder / OUTPUT, starts[0]), tail_of(folder / ERRORS, starts[1])
        if exit_code is None:
            return failure(f"it was ended after its timeout of {self.timeout:g} s", lines, complaints, folder)
        if exit_code != 0:
            return failure(described(exit_code), lines, complaints, folder)
        try:
            return from_file(folder / RESULT)
        except FileNotFoundError:
            returned = from_output(lines)
        except (OSError, ValueError) as reason:
            return failure(f"the file of its result can't be read: {reason}", lines, complaints, folder)
        if returned is None:
            returned = told.last
        if returned is None:
            problem = "it gave no result: neither a file, nor a number or a JSON object on its last line, nor a report"
            return failure(problem, lines, complaints, folder)
        return returned


class _Told:
    """What a program has reported.

    Attributes:
        last: As a result; None if there is nothing yet.
        stop: What ends it; None if it may go on.
    """

    def __init__(self) -> None:
        self.last: dict[str, Any] | None = None
        self.stop: StopTrial | None = None

    def answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Pass a report on, and say what is to be done."""
        objective, step, cost, extra = (message.get(key) for key in ("objective", "step", "cost", "extra"))
        try:
            report(objective, step, cost=cost, **(extra or {}))
        except StopTrial as stop:
            self.stop = stop
        except (NePSError, TypeError) as reason:  # what it reports can't be meant; the latter: an extra of our names
            return {"error": str(reason)}
        result = {"objective_to_minimize": objective, "cost": cost, **(extra or {})}
        self.last = {key: value for key, value in result.items() if value is not None}
        return {"then": "go on" if self.stop is None else "stop"}


def _appended(path: Path) -> IO[bytes]:
    """A file to write at the end of.

    Raises:
        StorageError: If it is a symbolic link, which somebody else may have put there.
    """
    check_no_link(str(path))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "ab")


def _is_path(program: str) -> bool:
    return Path(program).name != program


def _search_path() -> str:
    """PATH, at the end of which is where this Python is: so that programs find `neps`."""
    before, ours = os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)
    return before if ours in before.split(os.pathsep) else os.pathsep.join(filter(None, (before, ours)))
