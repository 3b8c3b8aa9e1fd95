"""What the page's buttons do: each is an event in the run's journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from neps_core import NePSError
from neps_core.cleaning import clean
from neps_plugins import changes
from neps_plugins.dashboard.followed import Followed

Given = Mapping[str, Any]


def _enqueue(run: Followed, given: Given) -> str:
    try:
        configs = json.loads(_text(given, "text"))
    except (ValueError, RecursionError) as reason:
        raise NePSError(f"that is no JSON: {reason}. Write one configuration, or a list of them.") from reason
    if not isinstance(configs, (dict, list)):
        raise NePSError("write one configuration, {...}, or a list of them, [{...}, ...].")
    ids = changes.enqueue(run.root, configs, storage=run.storage)
    return f"Enqueued as {_trials(ids)}."


def _requeue(run: Followed, given: Given) -> str:
    return f"Trial {changes.requeue(run.open(), _text(given, 'trial')).id} waits for a worker."


def _stop_worker(run: Followed, given: Given) -> str:
    asked = changes.stop_worker(run.open(), _text(given, "worker"))
    return f"{len(asked)} worker(s) will leave after the present evaluation."


def _note(run: Followed, given: Given) -> str:
    changes.note(run.open(), _text(given, "trial"), _text(given, "text"))
    return "Saved."


def _clean(run: Followed, given: Given) -> str:
    again = given.get("again") is True
    cleaned = [trial.id for trial in clean(run.root, again=again, storage=run.storage)]
    return f"{_trials(cleaned)}: {'evaluated once more' if again else 'removed'}." if cleaned else "Nothing went wrong."


#: What may be done: a function of the run and what was given, which says what was done.
ACTIONS: Mapping[str, Callable[[Followed, Given], str]] = {
    "enqueue": _enqueue,
    "requeue": _requeue,
    "stop_worker": _stop_worker,
    "note": _note,
    "clean": _clean,
}


def _text(given: Given, name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise NePSError(f"the change needs {name!r}, a text.")
    return value


def _trials(ids: list[str]) -> str:
    shown = ", ".join(ids[:10]) + (", ..." if len(ids) > 10 else "")
    return f"trial{'s' if len(ids) != 1 else ''} {shown}"
