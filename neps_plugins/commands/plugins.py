"""`neps plugins`: every plugin, where it comes from, what it brings, and what is broken and why."""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import Any

from neps_core import BudgetSpec, ExecutorSpec, ObserverSpec, StoppingRuleSpec, hookimpl
from neps_core.optimizers.spec import optimizer_specs
from neps_core.plugins import PROJECT, plugins


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `plugins`."""
    parser = subparsers.add_parser("plugins", help="list the plugins, what they bring, and what is broken")
    parser.set_defaults(run=_run)


def _brings() -> dict[str, list[str]]:
    """What each plugin brings, by its name: optimizers by name, everything else by kind."""
    brings: dict[str, list[str]] = defaultdict(list)
    origins: dict[str, list[str]] = defaultdict(list)
    for plugin, spec in optimizer_specs():
        aliases = f" (also {', '.join(spec.aliases)})" if spec.aliases else ""
        abilities = {
            "a fidelity": spec.uses_fidelity,
            "priors": spec.uses_priors,
            "several objectives": spec.several_objectives,
        }
        used = [ability for ability, has in abilities.items() if has]
        summary = f": {spec.summary}" if spec.summary else ""
        uses = f" [uses {', '.join(used)}]" if used else ""
        brings[plugin.name].append(f"optimizer {spec.name}{aliases}{summary}{uses}")
        for name in (spec.name, *spec.aliases):
            origins[name].append(plugin.name)
    for plugin, budget in plugins.specs("neps_budgets", BudgetSpec):
        brings[plugin.name].append(f"budget {budget.name}")
    for plugin, observer in plugins.specs("neps_observers", ObserverSpec):
        brings[plugin.name].append(f"observer {observer.name}: {observer.summary}".removesuffix(": "))
    for plugin, rule in plugins.specs("neps_stopping_rules", StoppingRuleSpec):
        brings[plugin.name].append(f"stopping rule {rule.name}: {rule.summary}".removesuffix(": "))
    for plugin, executor in plugins.specs("neps_executors", ExecutorSpec):
        brings[plugin.name].append(f"executor {executor.name}: {executor.summary}".removesuffix(": "))
    for hook, kind in _KINDS.items():
        for name in plugins.implementing(hook):
            brings[name].append(kind)
    for name, owners in origins.items():
        if len(owners) > 1:
            for owner in owners:
                brings[owner].append(f"CLASH: the optimizer {name} is brought by {' and '.join(owners)}")
    return brings


_KINDS = {
    "neps_parse_space": "space parser",
    "neps_choose_optimizer": "choice of the optimizer",
    "neps_open_storage": "storage",
    "neps_open_artifacts": "artifacts",
    "neps_rank": "followers of a worker",
    "neps_run_started": "observer of runs",
    "neps_run_finished": "observer of runs",
    "neps_trial_started": "observer of trials",
    "neps_trial_reported": "observer of trials",
    "neps_trial_finished": "observer of trials",
    "neps_trial_removed": "observer of trials",
    "neps_commands": "command",
}


def _run(_: argparse.Namespace) -> int:
    brings = _brings()
    rows = [("NAME", "DISTRIBUTION", "VERSION", "BRINGS")]
    for plugin in plugins.installed():
        if plugin.is_disabled:
            kinds = "DISABLED"
        elif plugin.error is None:
            kinds = "; ".join(dict.fromkeys(brings[plugin.name])) or "nothing"
        else:
            kinds = f"BROKEN: {type(plugin.error).__name__}: {plugin.error}"
        rows.append((plugin.name, plugin.distribution or "(this process)", plugin.version, kinds))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[3]]))
    if len(rows) == 1:
        print(f"No plugin is installed in the entry-point group {PROJECT!r}. Install neps-framework with pip.")
    return 1 if plugins.broken() else 0
