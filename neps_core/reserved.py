"""Names that no parameter of a space may have."""

from __future__ import annotations

#: Keyword arguments that a worker adds to those of the space, for functions that name them.
RESERVED = ("pipeline_directory", "previous_pipeline_directory", "pipeline_id", "root_directory")
