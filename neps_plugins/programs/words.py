"""The words of a command line, in which `{name}` stands for a value.

Values are put in after the line was split, and no shell reads it: whatever a value holds, it stays one word.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from neps_core import TargetError, nearest

#: A doubled brace, a name in braces, or a brace that is neither.
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def text_of(value: Any) -> str:
    """A value for a program: texts and paths as they are, everything else as JSON (`true`, `0.001`, `[1, 2]`)."""
    return os.fspath(value) if isinstance(value, (str, os.PathLike)) else json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    """What JSON doesn't know: a number of NumPy's, or anything else as the text that it shows."""
    return value.item() if hasattr(value, "item") else str(value)


def filled(word: str, values: Mapping[str, Any]) -> str:
    """A word with its values; `{{` and `}}` are braces.

    Raises:
        KeyError: If there is no such value.
    """
    return _BRACES.sub(lambda found: found[0][0] if found[1] is None else text_of(values[found[1]]), word)


def check_words(words: Sequence[str], names: Sequence[str]) -> None:
    """Make sure that every word can be filled.

    Args:
        words: Of a command line.
        names: Of the values that there will be.

    Raises:
        TargetError: Naming the word, and what it asks for.
    """
    for word in words:
        for found in _BRACES.finditer(word):
            if found[0] in ("{{", "}}"):
                continue
            hint = "Write {{ and }} for braces that stand for themselves."
            if found[1] is None:
                raise TargetError(f"the word {word!r} of the command has a single {found[0]!r}. {hint}")
            if found[1] not in names:
                raise TargetError(
                    f"the word {word!r} of the command asks for {found[0]}, which is no parameter. "
                    f"{nearest(found[1], names)} {hint}"
                )
