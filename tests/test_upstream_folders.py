"""What neural-pipeline-search wrote: its configurations, and its folders."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

import neps

DATA = Path(__file__).parent / "data" / "upstream"


def _gallery() -> dict[str, Any]:
    specification = importlib.util.spec_from_file_location("upstream_gallery", DATA / "gallery.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.spaces(neps)


SPACES = _gallery()
WRITTEN = json.loads((DATA / "configs.json").read_text())


def _same(arguments: Any) -> Any:
    """Arguments without the line breaks and empty brackets of another way to write operations as text."""
    if isinstance(arguments, str):
        return "".join(arguments.split()).replace("'", "").replace(",)", ")").replace("()", "")
    if isinstance(arguments, dict):
        return {key: _same(value) for key, value in arguments.items()}
    if isinstance(arguments, (list, tuple)):
        return [_same(value) for value in arguments]
    return arguments if isinstance(arguments, (int, float)) else _same(repr(arguments))


class TestConfigurations:
    @pytest.mark.parametrize("name", SPACES)
    def test_give_the_same_arguments_here(self, name):
        for each in WRITTEN[name]:
            arguments = neps.load_config(config=each["config"], pipeline_space=SPACES[name]())
            assert _same(arguments) == _same(each["arguments"]), each["config"]
