"""Small helpers for scripts."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def extract_keyword_defaults(f: Callable[..., Any]) -> dict[str, Any]:
    """The parameters of a callable that have defaults, with these."""
    parameters = inspect.signature(f).parameters
    return {name: p.default for name, p in parameters.items() if p.default is not p.empty}


def get_initial_directory(pipeline_directory: str | Path) -> Path:
    """The folder of the trial with which a configuration began that was continued at higher fidelities.

    Args:
        pipeline_directory: A trial's folder.

    Raises:
        FileNotFoundError: If it is none.
    """
    directory = Path(pipeline_directory)
    while (previous := json.loads((directory / "metadata.json").read_text())["previous_trial_id"]) is not None:
        directory = directory.parent / f"config_{previous}"
    return directory
