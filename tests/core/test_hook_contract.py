"""The hooks of each `HOOK_VERSION`: within one, hooks and arguments may come, and none may go (docs/governance.md)."""

from __future__ import annotations

import inspect
from pathlib import Path

from neps_core import HOOK_VERSION, hookspecs

#: Of each version: the hooks that a plugin may implement, and the arguments that it may name.
CONTRACT = {
    1: {
        "neps_parse_space": ["space"],
        "neps_load_space": ["document"],
        "neps_read_config": ["space", "config"],
        "neps_example_spaces": [],
        "neps_optimizers": [],
        "neps_choose_optimizer": ["space"],
        "neps_budgets": [],
        "neps_open_storage": ["location", "root_directory"],
        "neps_open_artifacts": ["location"],
        "neps_rank": ["storage", "distributed"],
        "neps_observers": [],
        "neps_stopping_rules": [],
        "neps_executors": [],
        "neps_run_started": ["run", "budgets"],
        "neps_trial_started": ["run", "trial"],
        "neps_trial_reported": ["run", "trial", "step"],
        "neps_send_report": ["objective", "step", "cost", "extra"],
        "neps_trial_finished": ["run", "trial"],
        "neps_trial_removed": ["run", "trial"],
        "neps_run_finished": ["run", "result"],
        "neps_as_html": ["thing"],
        "neps_commands": ["subparsers"],
    }
}


def hooks() -> dict[str, list[str]]:
    found = {name: value for name, value in vars(hookspecs).items() if name.startswith("neps_") and callable(value)}
    return {name: list(inspect.signature(hook).parameters) for name, hook in found.items()}


def test_a_version_keeps_its_hooks() -> None:
    """Whoever takes one away raises `HOOK_VERSION`, and adds a contract here; whoever adds one adds it here, too."""
    assert max(CONTRACT) == HOOK_VERSION
    assert hooks() == CONTRACT[HOOK_VERSION]


def test_each_hook_is_documented() -> None:
    assert all(inspect.getdoc(getattr(hookspecs, name)) for name in hooks())


def test_the_rules_name_the_version() -> None:
    page = (Path(__file__).parents[2] / "docs" / "governance.md").read_text("utf-8")
    assert f"HOOK_VERSION != {HOOK_VERSION}:" in page
