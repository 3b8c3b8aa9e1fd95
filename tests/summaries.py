"""The texts in `summary/`, read as a script would read them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any


def trials_in(path: Path) -> list[dict[str, Any]]:
    """What a text says of each of its trials, by label."""
    parts = [part for part in path.read_text().split("\n" + "-" * 80 + "\n") if part.startswith("Config ID: ")]
    return [{label: _value(text) for label, text in map(_split, part.splitlines())} for part in parts]


def _split(line: str) -> tuple[str, str]:
    label, _, text = line.partition(": ")
    return label, text


def _value(text: str) -> Any:
    return ast.literal_eval(text) if text[0] in "{[" else text
