"""What an evaluation gets of the machine that it runs on."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Literal

from attrs import asdict, frozen

from neps_core.errors import ExecutorError, nearest
from neps_core.spaces.domains import exact


@frozen
class Resources:
    """What each evaluation gets; None is for the executor to say.

    Attributes:
        cpus: Processors.
        gpus: Graphics processors; `"all"` for those of this machine, one an evaluation.
        memory: In bytes.
        walltime: In seconds.
    """

    cpus: int | None = None
    gpus: int | Literal["all"] | None = None
    memory: int | None = None
    walltime: float | None = None

    @property
    def given(self) -> dict[str, Any]:
        """What is not None, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


NOTHING = Resources()

_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_MEMORY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)
_WALLTIME = re.compile(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)")


def parse_resources(given: Any) -> Resources:
    """What a user wrote.

    Args:
        given: None, or a mapping with any of `cpus` (a number), `gpus` (a number, or `"all"`), `memory` (bytes, or
            `"16GB"`, `"512MiB"`), `walltime` (seconds, a timedelta, `"HH:MM:SS"` or `"D-HH:MM:SS"`).

    Raises:
        ExecutorError: If it is something else; the message names the key.
    """
    if given is None:
        return NOTHING
    if not isinstance(given, Mapping):
        raise ExecutorError(f"resources={given!r} must be a dict: {{'cpus': 4, 'gpus': 1, 'memory': '16GB'}}.")
    parsers: dict[str, Callable[[str, Any], Any]] = {
        "cpus": _count,
        "gpus": _gpus,
        "memory": _memory,
        "walltime": _walltime,
    }
    for name in given:
        if name not in parsers:
            raise ExecutorError(f"resources has no {name!r}. {nearest(str(name), parsers)}")
    return Resources(**{name: parsers[name](name, exact(value)) for name, value in given.items() if value is not None})


def _refused(name: str, value: Any, wanted: str) -> ExecutorError:
    return ExecutorError(f"resources[{name!r}] must be {wanted}, not {value!r}.")


def _count(name: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise _refused(name, value, f"a whole number of at least {least}")
    return value


def _gpus(name: str, value: Any) -> int | str:
    return value if value == "all" else _count(name, value, 0)


def _memory(name: str, value: Any) -> int:
    if isinstance(value, str):
        match = _MEMORY.fullmatch(value)
        if match is None:
            raise _refused(name, value, "bytes, or a text like '16GB' or '512MiB'")
        value = int(float(match[1]) * (1024 if match[3] else 1000) ** _UNITS[match[2].lower()])
    return _count(name, value)


def _walltime(name: str, value: Any) -> float:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    elif isinstance(value, str):
        match = _WALLTIME.fullmatch(value.strip())
        if match is None:
            raise _refused(name, value, "seconds, a timedelta, 'HH:MM:SS' or 'D-HH:MM:SS'")
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        value = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise _refused(name, value, "a time above 0")
    return float(value)
