"""Spaces written as `PipelineSpace`, and plain dicts of parameters.

The language itself is imported only when a space turns up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neps_core import SearchSpace, hookimpl


@hookimpl
def neps_parse_space(space: Any) -> SearchSpace | None:
    """An instance of `PipelineSpace`, a subclass of it, or a dict by name of what `shorthand` tells."""
    from neps_plugins.spaces.pipeline.shorthand import parameters_in
    from neps_plugins.spaces.pipeline.space import AttributeSpace, PipelineSpace, search_space

    if isinstance(space, type) and issubclass(space, PipelineSpace):
        space = space()
    if isinstance(space, PipelineSpace):
        return search_space(space)
    if isinstance(space, dict):
        return AttributeSpace(parameters_in(space))
    return None


@hookimpl
def neps_load_space(document: Mapping[str, Any]) -> Any:
    """Documents of the format `pipeline_space`."""
    from neps_plugins.spaces.pipeline.space import FORMAT, from_document

    return from_document(document) if document.get("format") == FORMAT else None


@hookimpl
def neps_example_spaces() -> Mapping[str, Any]:
    """A small space for each thing that the language can say."""
    from neps_plugins.spaces.pipeline.examples import example_spaces

    return example_spaces()
