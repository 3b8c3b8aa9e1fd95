"""Plugins as their authors and users meet them: found, chosen, refused, broken, and observed."""

from __future__ import annotations

import functools
import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import neps
from neps_core import BudgetSpec, OptimizerError, OptimizerSpec, PluginError, Storage, hookimpl
from neps_core.cli import main
from neps_plugins.storages.memory import memory_storage

SPACE = {"x": neps.Float(0.0, 1.0)}


def objective(x: float) -> float:
    return x


class Middle:
    """An optimizer as small as API.md's: proposes one value."""

    def __init__(self, space: Any, at: float = 0.5) -> None:
        self.at = at

    def __call__(self, trials: Any, budget_info: Any, n: int | None = None) -> neps.SampledConfig:
        return neps.SampledConfig(config={"x": self.at})


def middle(space: Any, at: float = 0.5) -> Middle:
    return Middle(space, at)


def search(optimizer: Any, root: Path | str, n: int = 1, **keywords: Any) -> list[float]:
    """The values that an optimizer proposes."""
    result = neps.run(
        objective, SPACE, root_directory=root, optimizer=optimizer, evaluations_to_spend=n, seed=0, **keywords
    )
    return [trial.config["x"] for trial in result.trials.values()]


# ---------------------------------------------------------------------- plugins of this process

Register = Callable[..., Any]


@pytest.fixture
def register() -> Iterator[Register]:
    """Registers a plugin with the given hooks until the test is over."""
    registered: list[Any] = []

    def register(name: str | None = None, **hooks: Callable[..., Any]) -> Any:
        plugin = SimpleNamespace(**{hook: hookimpl(function) for hook, function in hooks.items()})
        neps.plugins.register(plugin, name)
        registered.append(plugin)
        return plugin

    yield register
    for plugin in registered:
        neps.plugins.unregister(plugin)


def brings(*specs: Any) -> Callable[[], list[Any]]:
    """A hook that gives these specifications."""
    return lambda: list(specs)


# ---------------------------------------------------------------------- plugins that are installed


class Site:
    """A folder of installed distributions, for processes that look into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, entry_points: dict[str, str], modules: dict[str, str], version: str = "1.2") -> None:
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = "".join(f"{key} = {target}\n" for key, target in entry_points.items())
        (info / "entry_points.txt").write_text(f"[neps]\n{lines}")
        for module, source in modules.items():
            (self.folder / f"{module}.py").write_text(textwrap.dedent(source))

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH")]))
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def check(self, source: str) -> str:
        """What a program prints, which must end well."""
        done = self.python("-c", textwrap.dedent(source))
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


MIDDLE = """
    from neps_core import OptimizerSpec, SampledConfig, hookimpl

    class Middle:
        def __init__(self, space, at={at}):
            self.at = at

        def __call__(self, trials, budget_info, n=None):
            return SampledConfig(config={{"x": self.at}})

    @hookimpl
    def neps_optimizers():
        return [OptimizerSpec(name="{name}", factory=Middle)]
"""

RUN = """
    import neps

    def search(optimizer):
        result = neps.run(lambda x: x, {"x": neps.Float(0.0, 1.0)}, root_directory="memory://" + repr(optimizer),
                          optimizer=optimizer, evaluations_to_spend=1)
        return [trial.config["x"] for trial in result.trials.values()]
"""

# ---------------------------------------------------------------------- import


def test_import_loads_no_plugin_and_nothing_heavy(site: Site) -> None:
    """Neither `import neps` nor the names in it, but for spaces and `plot`; not even a plugin that would fail."""
    site.install("neps-broken", {"broken": "neps_broken"}, {"neps_broken": "raise RuntimeError('loaded')"})
    heavy = ("neps_plugins", "neps_broken", "scipy", "ConfigSpace", "pandas", "matplotlib", "sklearn", "torch")
    site.check(
        f"""
        import sys, warnings
        warnings.simplefilter("error")
        import neps

        def loaded(*names):
            return [name for name in names if name in sys.modules]

        assert not loaded("numpy", "yaml", "neps_core", *{heavy}), loaded("numpy", "yaml", "neps_core", *{heavy})
        for name in neps.__all__:
            getattr(neps, name)
        assert loaded("numpy", "neps_core")

        class Space(neps.PipelineSpace):
            x = neps.Float(0.0, 1.0)

        Space().sample()
        assert not loaded(*{heavy[1:]}), loaded(*{heavy[1:]})
        of_plugins = {{name for name in sys.modules if name.startswith("neps_plugins.")}}
        assert {{name.split(".")[1] for name in of_plugins}} == {{
            "spaces", "compat", "changes", "configs", "importing", "pictures", "axes", "torch"
        }}, of_plugins
        """
    )


# ---------------------------------------------------------------------- discovery


def test_installed_plugin_is_found(site: Site) -> None:
    site.install("neps-middle", {"middle": "neps_middle"}, {"neps_middle": MIDDLE.format(at=0.5, name="middle")})
    out = site.check(
        RUN + "\n    print(search('middle'), search(('middle', {'at': 0.25})), 'middle' in dir(neps.algorithms))"
    )
    assert out == "[0.5] [0.25] True\n"
    listed = site.python("-m", "neps", "plugins")
    assert listed.returncode == 0
    line = next(line for line in listed.stdout.splitlines() if line.startswith("middle "))
    assert line.split() == ["middle", "neps-middle", "1.2", "optimizer", "middle"]


def test_built_in_plugins_are_entry_points() -> None:
    origins = {plugin.name: plugin.distribution for plugin in neps.plugins.plugins.installed()}
    assert origins["random_search"] == origins["filesystem_storage"] == origins["summary"] == "neps-framework"


def test_entry_point_may_name_an_object(site: Site) -> None:
    source = """
        from neps_core import OptimizerSpec, SampledConfig, hookimpl

        class Plugin:
            @hookimpl
            def neps_optimizers(self):
                return [OptimizerSpec("low", lambda space: lambda trials, budget_info, n: SampledConfig({"x": 0.0}))]

        plugin = Plugin()
        """
    site.install("neps-low", {"low": "neps_low:plugin"}, {"neps_low": source})
    assert site.check(RUN + "\n    print(search('low'))") == "[0.0]\n"


def test_the_first_use_in_two_threads_sees_every_plugin(site: Site) -> None:
    slow = "import signals; signals.loading.set(); signals.time.sleep(0.5)\n"
    modules = {
        "neps_slow": slow + textwrap.dedent(MIDDLE.format(at=0.5, name="slow")),
        "signals": "import threading, time; loading = threading.Event()",
    }
    site.install("neps-slow", {"slow": "neps_slow"}, modules)
    site.check(
        """
        import threading
        import neps, signals

        other = threading.Thread(target=dir, args=(neps.algorithms,))
        other.start()
        assert signals.loading.wait(30)
        found = dir(neps.algorithms)
        other.join()
        assert {"slow", "random_search", "grid_search"} <= set(found), found
        """
    )


# ---------------------------------------------------------------------- broken plugins

BROKEN = "raise ZeroDivisionError('no luck')"

UNKNOWN_HOOK = """
    from neps_core import hookimpl

    @hookimpl
    def neps_optimisers():
        return []
"""

RAISING_HOOK = """
    from neps_core import hookimpl

    @hookimpl
    def neps_optimizers():
        raise ZeroDivisionError("no luck")
"""

MISSING_MODULE = "import a_module_that_nobody_has"

HOOKS_THAT_GIVE_NO_LIST = """
    from neps_core import hookimpl

    @hookimpl
    def neps_optimizers():
        pass
"""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param(BROKEN, "ZeroDivisionError: no luck", id="raises"),
        pytest.param(MISSING_MODULE, "a_module_that_nobody_has", id="missing-dependency"),
        pytest.param("x = (", "SyntaxError", id="syntax-error"),
        pytest.param("raise SystemExit('needs a GPU')", "needs a GPU", id="exits"),
        pytest.param(UNKNOWN_HOOK, "neps_optimisers", id="unknown-hook"),
        pytest.param(RAISING_HOOK, "ZeroDivisionError: no luck", id="raising-hook"),
        pytest.param(HOOKS_THAT_GIVE_NO_LIST, "None", id="no-list"),
    ],
)
def test_broken_plugin_is_skipped_with_one_warning(site: Site, source: str, reason: str) -> None:
    site.install("neps-luckless", {"luckless": "neps_luckless"}, {"neps_luckless": source})
    site.install("neps-middle", {"middle": "neps_middle"}, {"neps_middle": MIDDLE.format(at=0.5, name="middle")})
    out = site.check(
        RUN
        + """
    import warnings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert search("middle") == [0.5]
        assert len(search("random_search")) == 1
        assert "luckless" not in dir(neps.algorithms)
    for warning in caught:
        print(warning.category.__name__, warning.message)
    """
    )
    assert out.startswith("NePSWarning ") and out.count("\n") == out.count("NePSWarning") == 1, out
    assert "'luckless' of neps-luckless 1.2" in out and reason in out

    listed = site.python("-m", "neps", "plugins")
    assert listed.stderr.count("NePSWarning") == 1
    line = next(line for line in listed.stdout.splitlines() if line.startswith("luckless "))
    assert "neps-luckless" in line and "BROKEN" in line and reason in line
    assert "optimizer middle" in listed.stdout


@pytest.mark.parametrize("selection", ["'luckless'", "('luckless', {'size': 3})", "{'name': 'luckless'}"])
def test_asking_for_what_a_broken_plugin_would_have_given(site: Site, selection: str) -> None:
    site.install("neps-luckless", {"luckless": "neps_luckless"}, {"neps_luckless": BROKEN})
    out = site.check(
        RUN
        + f"""
    import warnings
    from neps_core import PluginError
    warnings.simplefilter("ignore")
    try:
        search({selection})
    except PluginError as error:
        print(repr(error.__cause__), error)
    """
    )
    assert out.startswith("ZeroDivisionError('no luck') ")
    assert "'luckless' of neps-luckless 1.2" in out


def test_a_name_that_no_plugin_has_mentions_the_broken_ones(site: Site) -> None:
    """A plugin may bring optimizers that are not called like it."""
    site.install("neps-luckless", {"luckless": "neps_luckless"}, {"neps_luckless": BROKEN})
    out = site.check(
        RUN
        + """
    import warnings
    warnings.simplefilter("ignore")
    try:
        search("quasi_random")
    except neps.NePSError as error:
        print(error)
    """
    )
    assert "'quasi_random'" in out and "neps-luckless" in out


def test_where_warnings_are_errors_the_other_plugins_work(site: Site) -> None:
    site.install("neps-luckless", {"luckless": "neps_luckless"}, {"neps_luckless": BROKEN})
    site.check(
        RUN
        + """
    import warnings
    warnings.simplefilter("error")
    try:
        search("random_search")
    except neps.NePSWarning:
        assert len(search("random_search")) == 1
    """
    )


# ---------------------------------------------------------------------- clashes


def test_two_distributions_with_one_optimizer_name(site: Site) -> None:
    for name, at in (("alpha", 0.25), ("beta", 0.75)):
        source = MIDDLE.format(at=at, name="middle")
        site.install(f"neps-{name}", {"middle": f"neps_{name}"}, {f"neps_{name}": source})
    out = site.check(
        RUN
        + """
    from neps_core import PluginError
    assert len(search("random_search")) == 1
    try:
        search("middle")
    except PluginError as error:
        print(error)
    """
    )
    assert "'middle'" in out and "neps-alpha 1.2" in out and "neps-beta 1.2" in out
    clashes = [line for line in site.python("-m", "neps", "plugins").stdout.splitlines() if "CLASH" in line]
    assert len(clashes) == 2
    assert "neps-alpha" in "".join(clashes) and "neps-beta" in "".join(clashes)


def test_a_built_in_optimizer_is_not_replaced_by_its_name(register: Register, tmp_path: Path) -> None:
    register("mine", neps_optimizers=brings(OptimizerSpec("random_search", Middle)))
    with pytest.raises(PluginError, match="(?=.*'mine')(?=.*neps-framework)"):
        search("random_search", tmp_path / "run")
    assert search("grid_search", tmp_path / "run") == [0.0]


def test_an_alias_that_is_anothers_name(register: Register, tmp_path: Path) -> None:
    register("one", neps_optimizers=brings(OptimizerSpec("middle", Middle)))
    register("two", neps_optimizers=brings(OptimizerSpec("centre", Middle, aliases=("middle",))))
    with pytest.raises(PluginError, match="'one'.*'two'"):
        search("middle", tmp_path / "run")
    assert search("centre", tmp_path / "run") == [0.5]


def test_two_plugins_with_one_budget_name(register: Register, tmp_path: Path) -> None:
    for name in ("one", "two"):
        register(name, neps_budgets=brings(BudgetSpec("tokens", "tokens")))
    with pytest.raises(neps.NePSError, match="'tokens'.*'one'.*'two'"):
        search("random_search", tmp_path / "run", budgets={"tokens": 3})
    assert not (tmp_path / "run").exists()


def test_a_clash_of_budgets_hurts_only_who_asks_for_them(register: Register, tmp_path: Path) -> None:
    for name in ("one", "two"):
        register(name, neps_budgets=brings(BudgetSpec("tokens", "tokens")))
    assert len(search("random_search", tmp_path / "run", 2)) == 2


# ---------------------------------------------------------------------- register, unregister


def test_registered_until_unregistered(register: Register, tmp_path: Path) -> None:
    plugin = SimpleNamespace(neps_optimizers=hookimpl(brings(OptimizerSpec("middle", Middle))))
    neps.plugins.register(plugin, "mine")
    try:
        assert search("middle", tmp_path / "run") == [0.5]
        assert "middle" in dir(neps.algorithms)
        with pytest.raises(PluginError, match="already registered"):
            neps.plugins.register(plugin)
        with pytest.raises(PluginError, match="already registered"):
            neps.plugins.register(SimpleNamespace(), "mine")
    finally:
        neps.plugins.unregister(plugin)
    assert "middle" not in dir(neps.algorithms)
    with pytest.raises(OptimizerError, match="no optimizer 'middle'"):
        search("middle", tmp_path / "other")
    with pytest.raises(PluginError, match="not registered"):
        neps.plugins.unregister(plugin)


def test_an_installed_plugin_is_not_replaced_by_its_name() -> None:
    with pytest.raises(PluginError, match="random_search"):
        neps.plugins.register(SimpleNamespace(), "random_search")
    assert "random_search" in dir(neps.algorithms)


def test_a_module_is_registered_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = ModuleType("notebook_cell")
    module.neps_optimizers = hookimpl(brings(OptimizerSpec("middle", Middle)))  # type: ignore[attr-defined]
    neps.plugins.register(module)
    try:
        assert main(["plugins"]) == 0
        line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("notebook_cell"))
        assert "(this process)" in line and "optimizer middle" in line
    finally:
        neps.plugins.unregister(module)


@pytest.mark.parametrize(
    ("hooks", "named"),
    [
        ({"neps_optimisers": lambda: []}, "neps_optimisers"),
        ({"neps_trial_finished": lambda run, outcome: None}, "outcome"),
    ],
    ids=["hook", "argument"],
)
def test_an_unknown_hook_or_argument_is_refused(hooks: dict[str, Callable[..., Any]], named: str) -> None:
    """With everything else that the plugin has."""
    functions = {**hooks, "neps_optimizers": brings(OptimizerSpec("middle", Middle))}
    plugin = SimpleNamespace(**{name: hookimpl(function) for name, function in functions.items()})
    try:
        with pytest.raises(PluginError, match=named):
            neps.plugins.register(plugin)
        assert "middle" not in dir(neps.algorithms)
        assert "random_search" in dir(neps.algorithms)
    finally:
        with pytest.raises(PluginError, match="not registered"):
            neps.plugins.unregister(plugin)


def test_a_registered_plugin_that_breaks_can_be_unregistered(site: Site) -> None:
    site.check(
        RUN
        + """
    import types, warnings
    from neps_core import PluginError, hookimpl

    @hookimpl
    def neps_optimizers():
        raise ZeroDivisionError("no luck")

    plugin = types.SimpleNamespace(neps_optimizers=neps_optimizers)
    neps.plugins.register(plugin, "luckless")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(search("random_search")) == 1
    assert "'luckless' (registered in this process)" in str(caught[0].message)
    try:
        search("luckless")
    except PluginError as error:
        assert isinstance(error.__cause__, ZeroDivisionError)
    neps.plugins.unregister(plugin)
    assert "luckless" not in [plugin.name for plugin in neps.plugins.plugins.installed()]
    """
    )


# ---------------------------------------------------------------------- choosing an optimizer

FORMS = {
    "name": ("middle", 0.5),
    "name-keywords": (("middle", {"at": 0.25}), 0.25),
    "name-keywords-list": (["middle", {"at": 0.25}], 0.25),
    "dict": ({"name": "middle", "at": 0.25}, 0.25),
    "dict-name-only": ({"name": "middle"}, 0.5),
    "alias": ("centre", 0.5),
    "alias-keywords": (("centre", {"at": 0.25}), 0.25),
    "class": (Middle, 0.5),
    "class-keywords": ((Middle, {"at": 0.25}), 0.25),
    "function": (middle, 0.5),
    "function-keywords": ((middle, {"at": 0.25}), 0.25),
    "partial": (functools.partial(Middle, at=0.75), 0.75),
    "partial-keywords": ((functools.partial(Middle, at=0.75), {"at": 0.25}), 0.25),
    "partial-function": (functools.partial(middle, at=0.75), 0.75),
    "lambda": (lambda space: Middle(space, 0.125), 0.125),
}


@pytest.mark.parametrize(("selection", "value"), FORMS.values(), ids=FORMS.keys())
def test_every_form_of_a_selection(selection: Any, value: float, register: Register, tmp_path: Path) -> None:
    register(neps_optimizers=brings(OptimizerSpec("middle", Middle, aliases=("centre",))))
    assert search(selection, tmp_path / "run") == [value]


@pytest.mark.parametrize("form", ["name-keywords", "dict", "alias-keywords", "class-keywords", "function-keywords"])
def test_a_run_goes_on_with_its_optimizer(form: str, register: Register, tmp_path: Path) -> None:
    register(neps_optimizers=brings(OptimizerSpec("middle", Middle, aliases=("centre",))))
    search(FORMS[form][0], tmp_path / "run")
    assert search("auto", tmp_path / "run") == [0.25, 0.25]


def test_a_partial_is_what_it_calls_with_its_keywords(tmp_path: Path) -> None:
    chosen = functools.partial(Middle, at=0.75)
    search(chosen, tmp_path / "run")
    assert search("auto", tmp_path / "run") == [0.75, 0.75]
    search((functools.partial(neps.algorithms.random_search, use_priors=True), {"ignore_fidelity": True}), tmp_path)
    info = {"use_priors": True, "ignore_fidelity": True}
    assert neps.load_optimizer_info(tmp_path) == {"name": "random_search", "info": info}


def test_a_partial_with_arguments_by_position_has_to_be_passed_again(tmp_path: Path) -> None:
    """It has no name by which it could be found."""
    chosen = functools.partial(lambda at, space: Middle(space, at), 0.75)
    search(chosen, tmp_path / "run")
    assert search(chosen, tmp_path / "run") == [0.75, 0.75]
    with pytest.raises(OptimizerError, match="pass it again"):
        search("auto", tmp_path / "run")


def test_an_algorithm_is_a_selection(register: Register, tmp_path: Path) -> None:
    register(neps_optimizers=brings(OptimizerSpec("middle", Middle)))
    assert search(neps.algorithms.middle, tmp_path / "run") == [0.5]
    assert search((neps.algorithms.middle, {"at": 0.25}), tmp_path / "run") == [0.5, 0.25]
    assert neps.load_optimizer_info(tmp_path / "run") == {"name": "middle", "info": {"at": 0.25}}


def test_what_was_chosen_is_recorded(register: Register, tmp_path: Path) -> None:
    register(neps_optimizers=brings(OptimizerSpec("middle", Middle, aliases=("centre",))))
    search("centre", tmp_path / "alias")
    assert neps.load_optimizer_info(tmp_path / "alias") == {"name": "middle", "info": {"at": 0.5}}
    search((Middle, {"at": 0.25}), tmp_path / "class")
    info = neps.load_optimizer_info(tmp_path / "class")
    assert info["name"].endswith(":Middle") and info["info"] == {"at": 0.25}


def test_a_run_of_a_plugin_that_is_gone(tmp_path: Path) -> None:
    plugin = SimpleNamespace(neps_optimizers=hookimpl(brings(OptimizerSpec("middle", Middle))))
    neps.plugins.register(plugin)
    try:
        search("middle", tmp_path / "run")
    finally:
        neps.plugins.unregister(plugin)
    with pytest.raises(OptimizerError, match="no optimizer 'middle'"):
        search("auto", tmp_path / "run")
    assert len(search("random_search", tmp_path / "run")) == 2


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("random_serach", "'random_serach'.*'random_search'"),
        ("gridsearch", "'gridsearch'.*'grid_search'"),
        (("random_search", {"use_prior": True}), "'use_prior'.*'use_priors'"),
        ({"name": "random_search", "ignore_fidelty": True}, "'ignore_fidelty'.*'ignore_fidelity'"),
        ((Middle, {"att": 0.25}), "'att'.*'at'"),
        ((middle, {"att": 0.25}), "'att'.*'at'"),
        ({"at": 0.25}, '"name"'),
        (("random_search",), "keyword"),
        (("random_search", "use_priors"), "keyword"),
        (17, "17 is no optimizer"),
        (lambda space, at: None, "needs the keyword 'at'"),
        (lambda space: None, "no optimizer"),
    ],
)
def test_a_selection_that_cannot_be_meant(selection: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(OptimizerError, match=message):
        search(selection, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_budget(tmp_path: Path) -> None:
    with pytest.raises(neps.NePSError, match="'wallclok'.*'wallclock'"):
        search("random_search", tmp_path / "run", budgets={"wallclok": 10})
    assert not (tmp_path / "run").exists()


def test_a_plugin_may_choose_for_auto(register: Register, tmp_path: Path) -> None:
    register(
        neps_optimizers=brings(OptimizerSpec("middle", Middle)),
        neps_choose_optimizer=lambda space: ("middle", {"at": 0.25}) if not space.fidelities else None,
    )
    assert search("auto", tmp_path / "run") == [0.25]
    space = {**SPACE, "epochs": neps.IntegerFidelity(1, 9)}
    neps.run(lambda x, epochs: x, space, root_directory=tmp_path / "left", total_evaluations_to_spend=1)
    assert neps.load_optimizer_info(tmp_path / "left")["name"] != "middle"


# ---------------------------------------------------------------------- factories that are imported late


@pytest.fixture
def module_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], str]]:
    """Makes an importable module of a name that no other test has."""
    made: list[str] = []
    monkeypatch.syspath_prepend(tmp_path)

    def module_of(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        made.append(name)
        return name

    yield module_of
    for name in made:
        sys.modules.pop(name, None)


def test_a_factory_by_name_is_imported_when_it_is_chosen(
    register: Register, module_of: Callable[[str, str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
        import neps

        class Heavy:
            def __init__(self, space, at=0.5):
                self.at = at

            def __call__(self, trials, budget_info, n=None):
                return neps.SampledConfig({"x": self.at})
        """
    name = module_of("heavy_optimizer", source)
    register("lazy", neps_optimizers=brings(OptimizerSpec("heavy", f"{name}:Heavy")))
    assert "heavy" in dir(neps.algorithms)
    assert main(["plugins"]) == 0
    assert "optimizer heavy" in capsys.readouterr().out
    search("random_search", tmp_path / "other")
    assert name not in sys.modules
    assert search(("heavy", {"at": 0.25}), tmp_path / "run") == [0.25]
    assert name in sys.modules


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        pytest.param("import a_module_that_nobody_has", ModuleNotFoundError, id="missing-dependency"),
        pytest.param("", AttributeError, id="missing-attribute"),
        pytest.param("raise ZeroDivisionError", ZeroDivisionError, id="raises"),
    ],
)
def test_a_factory_that_cannot_be_imported(
    source: str, cause: type[Exception], register: Register, module_of: Callable[[str, str], str], tmp_path: Path
) -> None:
    name = module_of(f"late_{cause.__name__}", source)
    register("lazy", neps_optimizers=brings(OptimizerSpec("late", f"{name}:Late")))
    with pytest.raises(PluginError, match="'late'") as caught:
        search("late", tmp_path / "run")
    assert isinstance(caught.value.__cause__, cause)
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------------- neps.algorithms


def test_algorithms(register: Register) -> None:
    register(neps_optimizers=brings(OptimizerSpec("middle", Middle, aliases=("centre",))))
    assert {"middle", "centre", "random_search", "neps_random_search", "grid_search"} <= set(dir(neps.algorithms))
    made = neps.algorithms.centre(SPACE, at=0.25)
    assert isinstance(made, Middle) and made.at == 0.25
    grid = neps.algorithms.grid_search(SPACE, size_per_numerical_dimension=3)
    proposals = grid({}, neps.BudgetInfo(), 5)
    assert [proposal.config["x"] for proposal in proposals] == [0.0, 0.5, 1.0]
    with pytest.raises(AttributeError, match="random_search"):
        _ = neps.algorithms.random_serach
    assert not hasattr(neps.algorithms, "annealing")
    with pytest.raises(OptimizerError, match="'at'"):
        neps.algorithms.middle(SPACE, att=0.25)


# ---------------------------------------------------------------------- observers


def test_observers_are_told(register: Register, tmp_path: Path) -> None:
    told: list[Any] = []
    register(
        neps_run_started=lambda run: told.append(("run started", len(run.trials))),
        neps_trial_started=lambda trial: told.append(("trial started", trial.id)),
        neps_trial_finished=lambda run, trial: told.append((trial.id, trial.state.value, len(run.trials))),
        neps_run_finished=lambda result: told.append(("run finished", len(result.trials))),
    )
    search("random_search", tmp_path / "run", 2)
    assert told == [
        ("run started", 0),
        ("trial started", "1"),
        ("1", "success", 1),
        ("trial started", "2"),
        ("2", "success", 2),
        ("run finished", 2),
    ]


@pytest.mark.parametrize("hook", ["neps_run_started", "neps_trial_started", "neps_trial_finished", "neps_run_finished"])
def test_an_observer_that_raises_is_logged_and_stops_nothing(
    hook: str, register: Register, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("no luck")

    register("luckless", **{hook: fail})
    told: list[str] = []
    register(**{hook: lambda: told.append(hook)})
    with caplog.at_level(logging.ERROR, "neps"):
        assert len(search("random_search", tmp_path / "run", 3)) == 3
    assert len(told) == (3 if "trial" in hook else 1)
    records = [record for record in caplog.records if record.exc_info]
    assert len(records) == 1  # the first time
    for record in records:
        assert record.name.startswith("neps") and record.exc_info and record.exc_info[0] is ZeroDivisionError
        assert "'luckless'" in record.getMessage() and hook in record.getMessage()
    assert (tmp_path / "run" / "summary" / "best_config.txt").exists()


def test_an_observer_that_is_a_wrapper_is_called_or_refused(tmp_path: Path) -> None:
    told: list[str] = []

    @hookimpl(wrapper=True)
    def neps_trial_finished(trial: neps.Trial) -> Iterator[None]:
        told.append(trial.id)
        return (yield)

    plugin = SimpleNamespace(neps_trial_finished=neps_trial_finished)
    try:
        neps.plugins.register(plugin)
    except PluginError:
        return
    try:
        search("random_search", tmp_path / "run")
    finally:
        neps.plugins.unregister(plugin)
    assert told == ["1"]


# ---------------------------------------------------------------------- budgets, storages, commands


def tokens_of(trial: neps.Trial, space: Any) -> float:
    return 10.0 if trial.report is None else 10.0 * trial.report.extra["used"]


def test_a_budget_of_a_plugin(register: Register, tmp_path: Path) -> None:
    register(neps_budgets=brings(BudgetSpec("tokens", "tokens", of_trial=tokens_of)))
    seen: list[Any] = []

    class Watching(Middle):
        def __call__(self, trials: Any, budget_info: Any, n: int | None = None) -> neps.SampledConfig:
            seen.append((budget_info.limits["tokens"], budget_info.spent["tokens"]))
            return super().__call__(trials, budget_info, n)

    result = neps.run(
        lambda x: {"objective_to_minimize": x, "used": 2},
        SPACE,
        root_directory=tmp_path / "run",
        optimizer=Watching,
        budgets={"tokens": 50},
        evaluations_to_spend=9,
    )
    assert len(result.trials) == 3
    assert seen == [(50, 0), (50, 20), (50, 40)]
    assert "60 of 50 tokens" in result.stopped_because


def test_a_budget_of_a_plugin_beside_a_built_in_one(register: Register, tmp_path: Path) -> None:
    register(neps_budgets=brings(BudgetSpec("calls", "calls", of_trial=lambda trial, space: 1.0)))
    assert len(search("random_search", tmp_path / "calls", 5, budgets={"calls": 2})) == 2
    assert len(search("random_search", tmp_path / "evaluations", 2, budgets={"calls": 5})) == 2


def test_a_storage_of_a_plugin(register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    opened: dict[str, Storage] = {}

    def neps_open_storage(location: str) -> Storage | None:
        return opened.setdefault(location, memory_storage()) if location.startswith("shelf://") else None

    register(neps_open_storage=neps_open_storage)
    search("random_search", "shelf://a", 2)
    assert len(search("random_search", "shelf://a", 1)) == 3
    assert list(opened) == ["shelf://a"]
    events, _ = opened["shelf://a"].journal.read(0)
    assert sum(type(event).__name__ == "Finished" for event in events) == 3
    assert neps.load_optimizer_info("shelf://a")["name"] == "random_search"
    assert not list(tmp_path.iterdir())
    search("random_search", "folder")  # every other location is as before
    assert (tmp_path / "folder" / "configs" / "config_1").is_dir()
    with pytest.raises(neps.NePSError, match="shelves://a"):
        search("random_search", "shelves://a")


def test_a_command_of_a_plugin(register: Register, capsys: pytest.CaptureFixture[str]) -> None:
    def neps_commands(subparsers: Any) -> None:
        parser = subparsers.add_parser("greet")
        parser.add_argument("whom")
        parser.set_defaults(run=lambda arguments: print("hello", arguments.whom) or 3)

    register(neps_commands=neps_commands)
    assert main(["greet", "world"]) == 3
    assert capsys.readouterr().out == "hello world\n"
