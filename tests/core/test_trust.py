"""Whose word a stored space is: what the user signed is imported and called, what anybody may have written is not."""

from __future__ import annotations

import enum
import fractions
import hashlib
import hmac
import json
import math
import os
import random
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import neps
from neps_core import RunError, SpaceError, trust
from neps_core.cli import main

EVALUATIONS = {"evaluations_to_spend": 1, "optimizer": "random_search"}


class Layer:
    def __init__(self, width):
        self.width = width


class Middle:
    def __init__(self, space, at=0.5):
        self.at = at

    def __call__(self, trials, budget_info, n=None):
        return neps.SampledConfig({"x": self.at})


class Calling(enum.Enum):
    A = 1

    def __call__(self):
        raise AssertionError("it was called")


def space_of(operator, *args):
    return {"a": neps.Operation(operator, args), "x": neps.Float(0, 1)}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user who has no key yet."""
    home = tmp_path / "home"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    return home


@pytest.fixture
def key(home):
    """The file that the key of `home` is in."""
    return home / "neps/key"


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A module that can be imported, and what it leaves behind when it is."""
    (tmp_path / "evil_module.py").write_text(
        "from pathlib import Path\n"
        f"Path({str(tmp_path / 'owned')!r}).touch()\n"
        "def act(*args): return args\n"
        "class Thing(str): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "owned"
    sys.modules.pop("evil_module", None)


def uses(root, **trust_space):
    """Everything that makes something of the stored space."""
    return (
        lambda: neps.run(lambda a, x: x, root_directory=root, **EVALUATIONS, **trust_space),
        lambda: neps.load_config(root, config_id="1", **trust_space),
        lambda: neps.create_config(root_directory=root, **trust_space)[1],
        lambda: neps.load_pipeline_space(root, **trust_space).sample()[1],
    )


class TestOwn:
    @pytest.mark.parametrize(
        "operator, args, expected",
        [
            (math.sqrt, (4,), 2.0),
            (dict, ([("b", 1)],), {"b": 1}),
            (Path, ("a", "b"), Path("a/b")),
            (os.path.join, ("a", "b"), os.path.join("a", "b")),
            (random.uniform, (1, 1), 1.0),
            (json.JSONDecoder().decode, ("[1]",), None),
        ],
        ids=["sqrt", "dict", "Path", "join", "uniform", "method"],
    )
    def test_operators_of_the_standard_library_come_back(self, root, home, operator, args, expected, monkeypatch):
        neps.run(lambda a, x: x, space_of(operator, *args), root_directory=root, **EVALUATIONS)
        monkeypatch.setattr("builtins.input", lambda _: "")
        for use in uses(root):
            if expected is None:  # of an object: nothing that could be found again, and so it says
                with pytest.raises(SpaceError, match="could not be stored"):
                    use()
            else:
                result = use()
                assert isinstance(result, neps.RunResult) or result["a"] == expected

    def test_in_another_process(self, root, script):
        space = space_of(fractions.Fraction, 1, 2)
        neps.run(lambda a, x: x, space, root_directory=root, **EVALUATIONS)
        script.write(
            """
            import sys, neps
            print(repr(neps.load_config(sys.argv[1], config_id="1")["a"]))
            """
        )
        assert script.run(root)[0].strip() == "Fraction(1, 2)"

    def test_what_is_not_imported_yet_is(self, root, home, evil):
        import evil_module

        space = {**space_of(evil_module.act, 1), "t": neps.Categorical([evil_module.Thing("t"), "u"], prior=0)}
        neps.run(lambda a, x, t: x, space, root_directory=root, **EVALUATIONS)
        del sys.modules["evil_module"]
        assert neps.load_config(root, config_id="1")["a"] == (1,)
        assert "evil_module" in sys.modules

    def test_a_space_without_code_needs_no_key(self, root, home, events_of):
        neps.run(lambda x, k: x, {"x": (0.0, 1.0), "k": 3}, root_directory=root, **EVALUATIONS)
        assert not home.exists()
        (recorded,) = [event for event in events_of(root) if event["event"] == "spacerecorded"]
        assert "signature" not in recorded

    def test_a_copied_folder_is_still_ones_own(self, root, home, tmp_path):
        neps.run(lambda a, x: x, space_of(math.sqrt, 4), root_directory=root, **EVALUATIONS)
        root.rename(tmp_path / "elsewhere")
        assert neps.load_config(tmp_path / "elsewhere", config_id="1")["a"] == 2


def constant(document, events):
    """Make a run's space hand something over."""
    for event in events:
        if event["event"] == "spacerecorded":
            event["document"]["attributes"]["a"] = document
            event.pop("signature", None)


def hostile(path, events, signature=None):
    """Make a run's space call something, with or without a signature."""
    for event in events:
        if event["event"] == "spacerecorded":
            event["document"]["attributes"]["a"]["operator"]["path"] = path
            event.pop("signature", None)
            if signature is not None:
                event["signature"] = signature(event["document"])


def by_key(key):
    def signature(document):
        text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        return hmac.new(key, trust._PURPOSE + text, hashlib.sha256).hexdigest()

    return signature


SIGNATURES = {
    "none": None,
    "empty": lambda document: "",
    "forged": lambda document: "0" * 64,
    "no text": lambda document: "\ud800ä",
    "empty key": by_key(b""),
    "a key from elsewhere": by_key(b"k" * 32),
    "only a checksum": lambda document: hashlib.sha256(json.dumps(document).encode()).hexdigest(),
}


class TestOthers:
    @pytest.fixture
    def run(self, root, home, monkeypatch):
        """A run of one's own, before somebody gets at it."""
        monkeypatch.setattr("builtins.input", lambda _: "")
        neps.run(lambda a, x: x, space_of(Layer, "1"), root_directory=root, **EVALUATIONS)
        return root

    def refused(self, root, match):
        for use in uses(root):
            with pytest.raises(SpaceError, match=match):
                use()
        main(["status", str(root)])
        neps.load_trials(root)
        neps.load_pipeline_space(root)

    @pytest.mark.parametrize("kind", SIGNATURES)
    @pytest.mark.parametrize("path", ["posix:system", "evil_module:act", "evil_module:Thing"])
    def test_a_space_is_neither_imported_nor_called(self, run, evil, rewrite_events, kind, path, monkeypatch):
        called = []
        monkeypatch.setattr("os.system", called.append)
        rewrite_events(run, lambda events: hostile(path, events, SIGNATURES[kind]))
        self.refused(run, "trust_space=True")
        assert not called and not evil.exists() and "evil_module" not in sys.modules

    def test_a_signature_of_another_document(self, run, tmp_path, evil, rewrite_events, events_of):
        other = tmp_path / "other"
        neps.run(lambda a, x: x, space_of(math.sqrt, 4), root_directory=other, **EVALUATIONS)
        (signature,) = [event["signature"] for event in events_of(other) if event["event"] == "spacerecorded"]
        rewrite_events(run, lambda events: hostile("evil_module:act", events, lambda document: signature))
        self.refused(run, "nothing is called")
        assert not evil.exists()

    @pytest.mark.parametrize("field", ["format", "name", "attributes", "more"])
    def test_a_signature_covers_the_whole_document(self, home, field):
        document = {"format": "f", "name": "n", "attributes": {"f": {"type": "Import", "path": "math:sqrt"}}}
        signature = trust.sign(document)
        assert trust.is_own(document, signature) and not trust.is_own(document, signature.upper())
        assert not trust.is_own({**document, field: {"k": 1}}, signature)

    @pytest.mark.parametrize("kind", ["Import", "Instance"])
    def test_constants_are_not_imported(self, run, evil, rewrite_events, kind):
        document = {"type": kind, "path": "evil_module:Thing"}
        if kind == "Instance":
            document.update(value="t", label="t")
        rewrite_events(run, lambda events: constant(document, events))
        self.refused(run, "not imported here")
        with pytest.raises(SpaceError, match="not imported here"):
            neps.import_trials([({"x": 0.5, "a": "t"}, 1.0)], run)
        assert not evil.exists()

    @pytest.mark.parametrize("path", ["numpy:load", f"{__name__}:Layer", "neps_core.user_function:load_function"])
    def test_what_is_imported_already_is_not_called_either(self, run, path, rewrite_events):
        rewrite_events(run, lambda events: hostile(path, events))
        self.refused(run, f"calls '{path}', and nothing is called on the word of a file")

    def test_an_operator_that_is_an_object(self, run, rewrite_events):
        instance = {"type": "Instance", "path": f"{__name__}:Calling", "value": "A", "label": "A"}
        operation = {"type": "Operation", "operator": {"type": "Categorical", "choices": [instance]}}

        def change(events):
            constant(operation, events)
            for event in events:
                if event["event"] == "sampled":
                    event["config"]["a()"] = "A"

        rewrite_events(run, change)
        self.refused(run, "nothing is called")

    def test_constants_that_the_program_has_imported_are_handed_over(self, run, rewrite_events):
        rewrite_events(run, lambda events: constant({"type": "Import", "path": f"{__name__}:Layer"}, events))
        for use in uses(run):
            result = use()
            assert isinstance(result, neps.RunResult) or result["a"] is Layer

    def test_a_yes_by_hand(self, run, evil, rewrite_events):
        rewrite_events(run, lambda events: hostile("evil_module:act", events))
        for use in uses(run, trust_space=True):
            result = use()
            assert isinstance(result, neps.RunResult) or result["a"] == ("1",)
        assert neps.import_trials([({"x": 0.5}, 1.0)], run, trust_space=True)
        assert evil.exists()

    def test_passing_the_same_space_makes_it_ones_own(self, run, rewrite_events, events_of):
        rewrite_events(run, lambda events: hostile(f"{__name__}:Layer", events))
        self.refused(run, "nothing is called")
        for _ in range(2):
            neps.run(lambda a, x: x, space_of(Layer, "1"), root_directory=run, **EVALUATIONS)
        assert neps.load_config(run, config_id="1")["a"].width == "1"
        assert sum(event["event"] == "spacerecorded" for event in events_of(run)) == 2

    def test_a_yes_does_not_stay(self, run, evil, rewrite_events):
        rewrite_events(run, lambda events: hostile("evil_module:act", events))
        neps.run(lambda a, x: x, root_directory=run, **EVALUATIONS, trust_space=True)
        neps.load_config(run, config_id="1", trust_space=True)
        del sys.modules["evil_module"]
        evil.unlink()
        self.refused(run, "nothing is called")
        assert not evil.exists()

    def test_passing_it_on_does_not_make_it_ones_own(self, run, tmp_path, evil, rewrite_events):
        rewrite_events(run, lambda events: hostile("evil_module:act", events))
        space = neps.load_pipeline_space(run)
        for i, passed in enumerate((space, space.add(1, "k"), {"a": space.a, "x": space.x})):
            mine = tmp_path / f"mine-{i}"
            neps.run(lambda a, x, k=1: x, passed, root_directory=mine, **{**EVALUATIONS, "evaluations_to_spend": 0})
            with pytest.raises(SpaceError, match="nothing is called"):
                neps.run(lambda a, x, k=1: x, root_directory=mine, **EVALUATIONS)
        assert not evil.exists()

    def test_lazy_modules_are_not_made_to_import(self, run, evil, rewrite_events):
        (evil.parent / "lazy_module.py").write_text(
            "def __getattr__(name):\n    import evil_module\n    return evil_module.act\n"
        )
        import lazy_module  # noqa: F401

        rewrite_events(run, lambda events: constant({"type": "Import", "path": "lazy_module:act"}, events))
        self.refused(run, "lazy_module:act")
        assert not evil.exists()
        del sys.modules["lazy_module"]


class TestOptimizers:
    def spoil(self, rewrite_events, root, **changes):
        def change(events):
            for event in events:
                if event["event"] == "optimizerrecorded":
                    event.update(changes)

        rewrite_events(root, change)

    def go_on(self, root):
        return neps.run(lambda x: x, root_directory=root, evaluations_to_spend=1)

    def test_ones_own_goes_on_and_that_of_others_is_asked_for(self, root, home, rewrite_events):
        neps.run(lambda x: x, {"x": (0.0, 1.0)}, root_directory=root, optimizer=Middle, evaluations_to_spend=1)
        assert self.go_on(root).trials["2"].config == {"x": 0.5}
        for changes in ({"signature": "0" * 64}, {"info": {"at": 0.25}}, {"name": "timeit:timeit"}):
            self.spoil(rewrite_events, root, **changes)
            with pytest.raises(neps.NePSError, match="nothing is called on the word of a file.*optimizer="):
                self.go_on(root)
            main(["status", str(root)])
            neps.run(lambda x: x, root_directory=root, optimizer=Middle, evaluations_to_spend=0)
            self.go_on(root)
        assert len(self.go_on(root).trials) == 6

    def test_a_keyword_of_others_is_not_called(self, root, home, rewrite_events):
        space = {"x": (0.0, 1.0), "e": neps.IntegerFidelity(1, 9)}
        neps.run(lambda x, e: x, space, root_directory=root, optimizer="hyperband", evaluations_to_spend=1)
        neps.run(lambda x, e: x, root_directory=root, evaluations_to_spend=1)
        assert not home.exists()
        info = neps.load_optimizer_info(root)["info"]
        sampler = {"type": "Import", "path": f"{__name__}:Calling"}
        self.spoil(rewrite_events, root, info={**info, "sampler": sampler})
        with pytest.raises(neps.NePSError, match="nothing is called on the word of a file.*optimizer="):
            neps.run(lambda x, e: x, root_directory=root, evaluations_to_spend=1)


class TestKey:
    DOCUMENT = {"attributes": {"f": {"type": "Import", "path": "math:sqrt"}}}

    def test_is_for_its_owner_alone(self, home, key):
        assert trust.is_own(self.DOCUMENT, trust.sign(self.DOCUMENT))
        assert os.listdir(key.parent) == ["key"] and len(key.read_bytes()) == 32
        if os.name == "posix":
            assert stat.S_IMODE(key.stat().st_mode) == 0o600 and stat.S_IMODE(key.parent.stat().st_mode) == 0o700

    @pytest.mark.skipif(os.name != "posix", reason="another folder there")
    def test_is_below_the_home_where_there_is_no_other_folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        for folder in ("", "relative"):
            monkeypatch.setenv("XDG_CONFIG_HOME", folder)
            assert trust._key_file() == tmp_path / ".config/neps/key"

    def test_those_who_start_at_once_agree_on_one(self, home, key):
        barrier = threading.Barrier(8)
        signatures = []

        def start():
            barrier.wait()
            signatures.append(trust.sign(self.DOCUMENT))

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(signatures) == 8 and set(signatures) == {trust.sign(self.DOCUMENT)} != {None}
        assert os.listdir(key.parent) == ["key"]

    @pytest.mark.skipif(os.name != "posix", reason="no owners and modes of files here")
    @pytest.mark.parametrize(
        "how", ["link", "readable", "writable", "short", "long", "empty", "a folder", "a pipe", "theirs"]
    )
    def test_one_that_others_may_know_is_not_used(self, root, home, key, how, monkeypatch):
        signature = trust.sign(self.DOCUMENT)
        content = key.read_bytes()
        if how in ("readable", "writable"):
            key.chmod(0o640 if how == "readable" else 0o602)
        elif how == "theirs":
            monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
        else:
            key.unlink()
            if how == "link":
                (home / "real").write_bytes(content)
                (home / "real").chmod(0o600)
                key.symlink_to(home / "real")
            elif how == "a folder":
                key.mkdir()
            elif how == "a pipe":
                os.mkfifo(key, 0o600)
            else:
                key.write_bytes({"short": content[:31], "long": content + b"x", "empty": b""}[how])
                key.chmod(0o600)
        with pytest.warns(neps.NePSWarning, match="the key .* is not used"):
            assert not trust.is_own(self.DOCUMENT, signature)
        with pytest.warns(neps.NePSWarning, match="Remove it"):
            assert trust.sign(self.DOCUMENT) is None

    def test_without_a_home_runs_go_on_unsigned(self, root, home, caplog, events_of, monkeypatch):
        caplog.set_level("INFO", "neps.trust")
        home.write_text("a file, where the folder should be")
        neps.run(lambda a, x: x, space_of(math.sqrt, 4), root_directory=root, **EVALUATIONS)
        assert "so the space is not signed" in caplog.text
        with pytest.raises(SpaceError, match="trust_space=True"):
            neps.run(lambda a, x: x, root_directory=root, **EVALUATIONS)
        neps.run(lambda a, x: x, space_of(math.sqrt, 4), root_directory=root, **EVALUATIONS)
        assert len(neps.run(lambda a, x: x, root_directory=root, **EVALUATIONS, trust_space=True).trials) == 3
        assert not any("signature" in event for event in events_of(root))

    def test_no_home_at_all(self, monkeypatch):
        monkeypatch.setenv("XDG_CONFIG_HOME", "")

        def nobody():
            raise RuntimeError("no home")

        monkeypatch.setattr("pathlib.Path.home", nobody)
        assert trust.sign(self.DOCUMENT) is None
        assert not trust.is_own(self.DOCUMENT, "0" * 64)


class TestClassesOfAScript:
    @pytest.fixture
    def script_of(self, monkeypatch):
        def become(definition):
            """Be a script that defines this."""
            monkeypatch.setattr(sys.modules["__main__"], "Thing", definition, raising=False)

        return become

    def test_of_another_script_are_asked_for_and_then_taken(self, root, script_of, monkeypatch):
        class Thing:
            __qualname__, __module__ = "Thing", "__main__"

        class Moved:
            __qualname__, __module__ = "Thing", __name__

        monkeypatch.setitem(globals(), "Thing", Moved)
        script_of(Thing)
        neps.run(lambda a, x: x, space_of(Thing), root_directory=root, **EVALUATIONS)
        script_of(None)
        del sys.modules["__main__"].Thing
        hint = "'Thing' was defined in the script that made this run.*pipeline_space=.*a module that both scripts share"
        with pytest.raises(SpaceError, match=hint):
            neps.run(lambda a, x: x, root_directory=root, **EVALUATIONS)
        neps.run(lambda a, x: x, space_of(Moved), root_directory=root, **EVALUATIONS)
        script_of(Thing)
        assert len(neps.run(lambda a, x: x, root_directory=root, **EVALUATIONS).trials) == 3

    def test_another_class_is_another_space(self, root, script_of):
        class Thing:
            __qualname__, __module__ = "Thing", "__main__"

        script_of(Thing)
        neps.run(lambda a, x: x, space_of(Thing), root_directory=root, **EVALUATIONS)
        with pytest.raises(RunError, match="__main__:Thing"):
            neps.run(lambda a, x: x, space_of(Layer), root_directory=root, **EVALUATIONS)


def test_the_tests_have_a_home_of_their_own(config_home):
    code = "from neps_core import trust; print(trust._key_file())"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert Path(shown.strip()) == trust._key_file() == config_home / "neps/key"
