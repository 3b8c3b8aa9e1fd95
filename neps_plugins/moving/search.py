"""A search that was begun elsewhere, and how it becomes a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from neps_core import Config
from neps_core.run import open_run
from neps_plugins.importing import import_trials


@frozen
class Search:
    """What another framework has left of a search.

    Attributes:
        space: Of what was searched: a `ConfigurationSpace`, which has steps, conditions, and names of any form.
        evaluations: Configuration and result of each, as `neps.import_trials` takes them, in their order.
        remarks: What somebody who goes on with it should know, a sentence each.
    """

    space: Any
    evaluations: list[tuple[Config, Any]]
    remarks: list[str] = field(factory=list)

    def into(
        self,
        root_directory: str | Path,
        pipeline_space: Any = None,
        *,
        optimizer: Any = "auto",
        storage: str | None = None,
        strict: bool = True,
    ) -> list[str]:
        """Add the evaluations to a run, which is created if there is none. What is there already is passed over.

        Args:
            root_directory: The run's folder.
            pipeline_space: In place of `space`, for a run that does not exist yet: one that does keeps its own.
            optimizer: What a new run shall use; as for `neps.run`.
            storage: What the run is kept in, if not in the folder; as for `neps.run`.
            strict: As for `neps.import_trials`.

        Returns:
            The ids of the new trials.

        Raises:
            NePSError: As `neps.import_trials` does: if a configuration does not fit the space, for instance.
        """
        try:
            open_run(root_directory, storage=storage)
        except FileNotFoundError:
            pipeline_space = self.space if pipeline_space is None else pipeline_space
        else:
            pipeline_space = None
        return import_trials(
            self.evaluations,
            root_directory,
            pipeline_space,
            optimizer=optimizer,
            storage=storage,
            strict=strict,
        )


def constant_of(values: list[Any]) -> bool:
    """Whether these are one value over and over."""
    return all(type(value) is type(values[0]) and value == values[0] for value in values)


def flat(nested: Mapping[str, Any], separator: str = "/") -> dict[str, Any]:
    """A mapping of mappings as one, with the keys joined: `{"a": {"b": 1}}` is `{"a/b": 1}`."""
    found: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            found.update({f"{key}{separator}{inner}": item for inner, item in flat(value, separator).items()})
        else:
            found[str(key)] = value
    return found
