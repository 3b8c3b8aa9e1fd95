"""Parameters in few characters, for a command line: `lr=log:1e-4..1e-1@1e-2`.

| written | means |
|---|---|
| `x=1..10` | whole numbers from 1 to 10 |
| `x=0.0..1.0` | numbers, as a bound has a point or an exponent |
| `x=log:1e-4..1e-1` | on a logarithmic scale |
| `x=fidelity:1..27`, `x=fidelity:log:1..27` | the resource that makes an evaluation cheap or dear |
| `x=1..10@3`, `x=a,b,c@b` | with the value that you believe to be good |
| `x=a,b,c` | one of these |
| `x=32` | a constant |
| `x=[a, b]`, `x={lower: 1, upper: 9}` | as in a file |
"""

from __future__ import annotations

import re
from typing import Any

from neps_plugins.search_file.located import SearchFileError, value_of

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"(?P<marks>(?:log:|fidelity:)*)(?P<lower>{_NUMBER})\.\.(?P<upper>{_NUMBER})(?:@(?P<prior>.+))?")


def parse_parameter(text: str) -> tuple[str, Any]:
    """A parameter's name, and what it is in a search file.

    Raises:
        SearchFileError: If it can't be meant.
    """
    name, equals, meaning = (part.strip() for part in text.partition("="))
    if not equals or not name.isidentifier() or not meaning:
        raise SearchFileError(f"--param {text}: write NAME=VALUES, such as lr=log:1e-4..1e-1 or kind=a,b,c.")
    option = f"--param {text}"
    found = _RANGE.fullmatch(meaning)
    if found is not None:
        return name, _range(found, option)
    if re.match(r"(log|fidelity):", meaning) or ".." in meaning:
        raise SearchFileError(f"{option}: {meaning!r} is no range of numbers, LOWER..UPPER.")
    if meaning[0] in "[{" or "," not in meaning:
        return name, value_of(meaning, option)
    choices, at, prior = meaning.rpartition("@") if "," in meaning.rpartition("@")[0] else (meaning, "", "")
    parts = [choice.strip() for choice in choices.split(",")]
    if not all(parts) or (at and not prior.strip()):
        raise SearchFileError(f"{option}: there is an empty choice; write '' for an empty text.")
    parameter = {"choices": [value_of(part, option) for part in parts]}
    return name, {**parameter, "prior": value_of(prior, option)} if at else parameter


def _range(found: re.Match[str], option: str) -> dict[str, Any]:
    parameter: dict[str, Any] = {bound: value_of(found[bound], option) for bound in ("lower", "upper")}
    if "log:" in found["marks"]:
        parameter["log"] = True
    if "fidelity:" in found["marks"]:
        parameter["is_fidelity"] = True
    if found["prior"] is not None:
        parameter["prior"] = value_of(found["prior"], option)
    return parameter
