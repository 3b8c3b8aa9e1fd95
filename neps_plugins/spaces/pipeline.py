"""`PipelineSpace` instances, their classes, and plain dicts of parameters, as search spaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neps_core import SearchSpace, hookimpl
from neps_core.spaces.pipeline import FORMAT, AttributeSpace, PipelineSpace, from_document, search_space


@hookimpl
def neps_parse_space(space: Any) -> SearchSpace | None:
    """An instance of `PipelineSpace`, a subclass of it, or a dict from names to parameters and constants."""
    if isinstance(space, type) and issubclass(space, PipelineSpace):
        space = space()
    if isinstance(space, PipelineSpace):
        return search_space(space)
    if isinstance(space, dict):
        return AttributeSpace(space)
    return None


@hookimpl
def neps_load_space(document: Mapping[str, Any]) -> PipelineSpace | None:
    """Documents of the format `pipeline_space`."""
    return from_document(document) if document.get("format") == FORMAT else None
