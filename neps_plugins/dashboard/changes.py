"""What the page's buttons do: each is an event in the run's journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from neps_core import NePSError, open_run
from neps_core.cleaning import clean
from neps_plugins import changes

Given = Mapping[str, Any]


def _enqueue(root: str, given: Given) -> str:
    try:
        configs = json.loads(_text(given, "text"))
    except (ValueError, RecursionError) as reason:
        raise NePSError(f"that is no JSON: {reason}. Write one configuration, or a list of them.") from reason
    if not isinstance(configs, (dict, list)):
        raise NePSError("write one configuration, {...}, or a list of them, [{...}, ...].")
    ids = changes.enqueue(root, configs)
    return f"Enqueued as {_trials(ids)}."


def _requeue(root: str, given: Given) -> str:
    return f"Trial {changes.requeue(open_run(root), _text(given, 'trial')).id} waits for a worker."


def _stop_worker(root: str, given: Given) -> str:
    asked = changes.stop_worker(open_run(root), _text(given, "worker"))
    return f"{len(asked)} worker(s) will leave after the present evaluation."


def _note(root: str, given: Given) -> str:
    changes.note(open_run(root), _text(given, "trial"), _text(given, "text"))
    return "Saved."


def _clean(root: str, given: Given) -> str:
    again = given.get("again") is True
    cleaned = [trial.id for trial in clean(root, again=again)]
    return f"{_trials(cleaned)}: {'evaluated once more' if again else 'removed'}." if cleaned else "Nothing went wrong."


#: What may be done: a function of the run's folder and what was given, which says what was done.
ACTIONS: Mapping[str, Callable[[str, Given], str]] = {
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
