"""Artifacts in object stores, through fsspec: for hosts that share no folder. Extra `artifacts`; for S3 `s3`.

`store` reads and writes objects, `contents` is what a folder holds and the manifest that says so, `patience` tries
again and heeds signals, `keeper` brings and keeps the folders of trials.

In a store a run is a prefix of its own, `run-ID/`. Objects are called by the hash of what they hold, so they never
change, and what several trials share is there once. A folder is its manifest, an object that is written last: a folder
whose upload broke off is none.
"""

from __future__ import annotations

import sys
from typing import Any

from neps_core import Artifacts, StorageError, hookimpl


@hookimpl
def neps_open_artifacts(location: str) -> Artifacts | None:
    """Whatever URL fsspec knows."""
    try:
        import fsspec  # noqa: F401
    except ImportError:
        raise StorageError("artifacts= needs fsspec: pip install 'neps-framework[artifacts]', for S3 [s3].") from None
    from neps_plugins.artifacts.keeper import Keeper
    from neps_plugins.artifacts.store import Store

    return Keeper(Store(location))


@hookimpl
def neps_run_finished(run: Any) -> None:
    """Try once more what could not be kept."""
    keeper = sys.modules.get("neps_plugins.artifacts.keeper")
    if keeper is not None:
        keeper.keep_owed()
