"""From what a user calls a space to a `SearchSpace`, and from a stored document back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neps_core.documents import trusting
from neps_core.errors import SpaceError
from neps_core.plugins import plugins
from neps_core.reserved import RESERVED
from neps_core.spaces.protocol import Config, SearchSpace


def parse_space(space: Any) -> SearchSpace:
    """The search space that an object of the user's describes.

    Args:
        space: A `PipelineSpace` (instance or class), a dict, or whatever a plugin understands; a
            `SearchSpace` is given back as it is.

    Raises:
        SpaceError: If no plugin understands it, or it can't be meant.
    """
    is_parsed = hasattr(space, "resolve") and hasattr(space, "to_document")
    parsed: SearchSpace | None = space if is_parsed else plugins.first("neps_parse_space", space=space)
    if parsed is None:
        raise SpaceError(
            f"{type(space).__name__} is no search space. Give an instance of a PipelineSpace subclass, a dict of "
            "parameters, or a ConfigSpace.ConfigurationSpace"
            + ("." if plugins.installed() else " (no plugin is installed: install neps-framework with pip).")
        )
    for name in RESERVED:
        if name in parsed.argument_names:
            raise SpaceError(
                f"{name!r} can't be the name of a parameter: a worker passes that argument itself. Rename it."
            )
    return parsed


def read_config(space: SearchSpace, config: Mapping[str, Any]) -> Config:
    """The decisions that a configuration stands for, whoever wrote it.

    Args:
        space: The space.
        config: In stored form, as plain arguments, or in another notation that a plugin reads.

    Raises:
        ConfigError: If it is in a notation that a plugin reads, and is none of this space.
    """
    read: Config | None = plugins.first("neps_read_config", space=space, config=config)
    return space.from_arguments(config) if read is None else read


def load_space(document: Mapping[str, Any], trusted: bool = False) -> Any:
    """The user's kind of space from a stored document.

    Args:
        document: What `SearchSpace.to_document` gave.
        trusted: Whether it is the user's own word: what it names may be imported and called, whatever it is.

    Raises:
        SpaceError: If no plugin knows its format, or it can't be read.
    """
    with trusting(trusted):
        space = plugins.first("neps_load_space", document=document)
    if space is None:
        raise SpaceError(
            f"no installed plugin reads spaces of the format {document.get('format')!r}. "
            "Install the plugin that the run was made with, or pass pipeline_space=."
        )
    return space
