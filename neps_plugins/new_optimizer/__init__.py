"""A distribution with an optimizer, for somebody to begin with.

The template is itself a distribution that works, `neps-my-optimizer`: what is written is a copy of it under other
names.
"""

from __future__ import annotations

import builtins
import importlib.util
import json
import keyword
import re
from pathlib import Path

from attrs import frozen

from neps_core.errors import PluginError
from neps_core.optimizers.spec import optimizer_specs

TEMPLATE = Path(__file__).parent / "neps-my-optimizer"
PROGRAMS = (TEMPLATE / "neps_my_optimizer.py", TEMPLATE / "test_my_optimizer.py")


@frozen
class Names:
    """What a distribution and its parts are called.

    Attributes:
        distribution: On PyPI: `neps-nearby`.
        module: To import: `neps_nearby`.
        optimizer: To select: `nearby`.
        aliases: Further names to select it by.
        cls: The class: `Nearby`.
    """

    distribution: str
    module: str
    optimizer: str
    aliases: tuple[str, ...]
    cls: str


def names_from(name: str) -> Names:
    """The names of everything, from one: `nearby`, `neps-nearby` and `Nearby` all give `neps-nearby`.

    Raises:
        PluginError: If it can't be the name of a distribution, or names something that is installed already.
    """
    if not re.fullmatch(r"[A-Za-z]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):
        raise PluginError(
            f"{name!r} can't be the name of a distribution: it has to begin with a letter, to end with a letter or a "
            "digit, and to hold nothing but these, '-', '_' and '.' between. Try something like 'nearby'."
        )
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)  # MyOptimizer: my-optimizer
    words = re.split(r"[-_.]+", apart.lower())
    words = words[1:] if words[0] == "neps" else words
    if not words or not words[0][0].isalpha():
        raise PluginError(f"{name!r} leaves no name for the optimizer. Try something like 'neps-nearby'.")
    optimizer = "_".join(words)
    cls = "".join(word.capitalize() for word in words)
    taken = any(re.search(rf"\b{cls}\b", program.read_text("utf-8")) for program in PROGRAMS)
    if keyword.iskeyword(cls) or hasattr(builtins, cls) or taken:
        cls += "Optimizer"  # the template's own names, which would be hidden otherwise
    aliases = () if name == optimizer else (name,)
    made = Names("-".join(["neps", *words]), "_".join(["neps", *words]), optimizer, aliases, cls)
    _check_free(made)
    return made


def _check_free(names: Names) -> None:
    if names.optimizer == "auto" or keyword.iskeyword(names.optimizer):
        raise PluginError(f"{names.optimizer!r} has a meaning of its own; choose another name.")
    for plugin, spec in optimizer_specs():
        for name in (names.optimizer, *names.aliases):
            if name in (spec.name, *spec.aliases):
                raise PluginError(
                    f"there is an optimizer {name!r} already (plugin {plugin.origin}); choose another name."
                )
    if importlib.util.find_spec(names.module) is not None:
        raise PluginError(f"there is a module {names.module!r} here already; choose another name.")


def write(folder: str | Path) -> Names:
    """Write a distribution with an optimizer that works, tests, and is ready to be changed.

    Args:
        folder: Where; the last part of the path is the name from which all others are made.

    Returns:
        What everything is called.

    Raises:
        PluginError: If the folder exists, or `names_from` refuses the name.
    """
    folder = Path(folder)
    names = names_from(folder.name)
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise PluginError(f"{folder} exists already; choose another name, or remove it.") from None
    except OSError as reason:
        raise PluginError(f"{folder} can't be written: {reason.strerror}.") from None
    for path in sorted(TEMPLATE.iterdir()):
        if path.is_file():
            target = folder / path.name.replace("my_optimizer", names.optimizer)
            target.write_text(_renamed(path.read_text("utf-8"), names), "utf-8")
    return names


def _renamed(text: str, names: Names) -> str:
    """A file of the template under other names."""
    renamed = {
        "neps-my-optimizer": names.distribution,
        "neps_my_optimizer": names.module,
        "my_optimizer": names.optimizer,
        "MyOptimizer": names.cls,
    }
    if names.aliases:
        renamed["MyOptimizer, summary"] = f"{names.cls}, summary, aliases=({json.dumps(names.aliases[0])},)"
    # All at once, as a new name may hold an old one; the longest first.
    return re.sub("|".join(sorted(renamed, key=len, reverse=True)), lambda found: renamed[found[0]], text)
