"""The core does its work with no plugin installed: here a space of its own, and an optimizer that is a function."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest

from neps_core import (
    BudgetSpec,
    CategoricalDomain,
    ConfigError,
    FloatDomain,
    Resolution,
    RunFolder,
    Storage,
    Uniform,
    hookimpl,
    replay,
)
from neps_core.plugins import register, unregister
from neps_core.spaces.identity import canonical
from neps_core.spaces.variation import crossover, domains_of, mutate, neighbours
from neps_core.testing import check_space, gallery


class Tiny:
    """A rate, a kind, and for one kind a degree."""

    has_priors = False
    has_fixed_domains = True
    flat_domains = None

    def __init__(self) -> None:
        self.fidelities = {}
        self.argument_names = {"rate": True, "kind": True, "degree": False}
        self._rate, self._degree = FloatDomain(0.001, 1.0, log=True), FloatDomain(1.0, 5.0)
        self._kind = CategoricalDomain(("poly", "rbf"))

    def from_arguments(self, arguments):
        return dict(arguments)

    def check_usable(self):
        """Nothing can be missing."""

    def resolve(self, decide):
        config = {"rate": decide("rate", self._rate), "kind": decide("kind", self._kind)}
        if config["kind"] == "poly":
            config["degree"] = decide("degree", self._degree)
        return Resolution(config, lambda: dict(config))

    def to_document(self):
        return {"format": "tiny", "rate": [0.001, 1.0]}


class TinyPlugin:
    """Brings the kind of space."""

    @hookimpl
    def neps_load_space(self, document):
        return Tiny() if document["format"] == "tiny" else None

    @hookimpl
    def neps_example_spaces(self):
        return {"tiny": Tiny(), "flat": Tiny()}


class TinyJournal:
    """Events in a list."""

    def __init__(self):
        self.events = []

    def exists(self):
        return bool(self.events)

    def create(self):
        """Nothing to make room for."""

    def destroy(self):
        self.events.clear()

    def append(self, events, durable=True):
        self.events.extend(events)

    def read(self, since):
        return self.events[since:], len(self.events)


class TinyLocks:
    """For one thread."""

    def __init__(self):
        self.alive = set()

    def lock(self, name):
        return nullcontext()

    @contextmanager
    def lease(self, worker_id):
        self.alive.add(worker_id)
        yield
        self.alive.discard(worker_id)

    def is_alive(self, worker_id):
        return worker_id in self.alive

    def living_workers(self):
        return sorted(self.alive)


class TinyStorage:
    """Brings a storage whose folder is the rest of the location."""

    def __init__(self):
        self.opened = {}

    @hookimpl
    def neps_open_storage(self, location):
        if not location.startswith("tiny://"):
            return None
        made = Storage(TinyJournal(), TinyLocks(), RunFolder(Path(location[7:])), crosses_processes=False)
        return self.opened.setdefault(location, made)


class TinyBudget:
    """Brings a budget of trials."""

    @hookimpl
    def neps_budgets(self):
        return [BudgetSpec("trials", "trials", of_trial=lambda trial, space: 1.0)]


class BrokenPlugin:
    """Can't say anything."""

    @hookimpl
    def neps_example_spaces(self):
        raise RuntimeError("no examples today")


@pytest.fixture
def plugin():
    made = TinyPlugin()
    register(made, "tiny_plugin")
    yield made
    unregister(made)


POLY, RBF = {"rate": 0.1, "kind": "poly", "degree": 2.0}, {"rate": 0.2, "kind": "rbf"}


def test_the_walk():
    space = Tiny()
    assert replay(space, POLY).arguments() == POLY
    assert list(canonical(space, dict(reversed(POLY.items())))) == ["rate", "kind", "degree"]
    assert list(domains_of(space, RBF)) == ["rate", "kind"]
    with pytest.raises(ConfigError, match="does not ask for 'degree'"):
        replay(space, {**RBF, "degree": 2.0})
    with pytest.raises(ConfigError, match="no value for 'degree'"):
        replay(space, {"rate": 0.1, "kind": "poly"})
    kinds = {space.resolve(Uniform(np.random.default_rng(seed))).config["kind"] for seed in range(20)}
    assert kinds == {"poly", "rbf"}


def test_variation():
    space, rng = Tiny(), np.random.default_rng(0)
    for made in (mutate(space, POLY, rng), crossover(space, POLY, RBF, rng), *neighbours(space, POLY, rng)):
        assert replay(space, made.config).config == made.config
    assert mutate(space, POLY, rng).config != POLY


def test_a_kind_of_space_is_checked(plugin):
    check_space(Tiny())


def test_its_examples_are_in_the_gallery(plugin):
    shown = gallery()
    assert isinstance(shown["tiny"], Tiny)
    # Two kinds of spaces may use one name; neither is lost.
    twice = [name for name in shown if name in ("flat", "flat (tiny_plugin)", "flat (pipeline_spaces)")]
    assert len(twice) == 2 and sum(isinstance(shown[name], Tiny) for name in twice) == 1


def test_a_plugin_without_examples_is_passed_over(plugin):
    broken = BrokenPlugin()
    register(broken, "broken_plugin")
    try:
        with pytest.warns(UserWarning, match="'broken_plugin' gave no example spaces: RuntimeError"):
            assert "tiny" in gallery()
    finally:
        unregister(broken)


def test_without_any_plugin(tmp_path):
    """Every module of the core is imported, a space and an optimizer are checked; `neps_plugins` isn't there."""
    program = """
        import importlib, importlib.metadata, importlib.util, pkgutil, sys

        sys.modules["neps_plugins"] = sys.modules["neps"] = None
        importlib.metadata.entry_points = lambda **_: ()
        import neps_core

        for module in pkgutil.walk_packages(neps_core.__path__, "neps_core."):
            importlib.import_module(module.name)

        found = importlib.util.spec_from_file_location("alone", sys.argv[1])
        alone = importlib.util.module_from_spec(found)
        found.loader.exec_module(alone)

        from neps_core import SampledConfig, Uniform
        from neps_core.simulation import simulate
        from neps_core.testing import check_optimizer, check_space, gallery

        assert gallery() == {}
        neps_core.plugins.register(alone.TinyPlugin())
        assert list(gallery()) == ["tiny", "flat"]

        def search(space):
            return lambda trials, budget_info, n, rng: SampledConfig(space.resolve(Uniform(rng)).config)

        check_space(alone.Tiny())
        check_optimizer(search)
        run = simulate(search, alone.Tiny(), lambda config, previous: (config["rate"], 1.0), max_evaluations=5)
        assert len(run.trials) == 5

        # A whole run, in a journal and with locks that are written here, and a folder.
        import pathlib
        from neps_core.api import run
        from neps_core.ask_and_tell import AskAndTell
        from neps_core.live import report
        from neps_core.run import open_run

        neps_core.plugins.register(alone.TinyStorage())
        told = []

        class Told:
            def neps_trial_finished(self, trial):
                told.append((trial.id, trial.was_stopped_early))

        def evaluate(rate, kind, degree=0.0):
            report(rate)
            report(rate / 2)
            return rate / 2

        neps_core.plugins.register(alone.TinyBudget())
        result = run(evaluate, alone.Tiny(), root_directory="tiny://run", optimizer=search, budgets={"trials": 3},
                     seed=1, observers=[Told()], stopping_rule=lambda trial, trials: trial.id == "2")
        assert told == [("1", False), ("2", True), ("3", False)], told
        assert len(result.trials) == 3 and result.best.id != "2"
        with AskAndTell((search, {}), root_directory="tiny://run") as loop:
            loop.tell(loop.ask(), 0.5)
        assert [t.state.value for t in open_run("tiny://run").trials.values()] == ["success"] * 4
        assert len(list(pathlib.Path("run/configs").glob("config_*/report.yaml"))) == 4
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(Path(__file__))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
