"""What others say wrongly is answered by one error of ours, and nothing is made on disk."""

from __future__ import annotations

import logging
import os
import pathlib
import pickle
import subprocess
import sys
import textwrap

import pytest

import neps
from neps_core import ConfigError, NePSError, RunError, SampledConfig, StorageError, TargetError, TrialError, nearest
from neps_core.files import from_yaml, to_yaml

SPACE = {"x": neps.Float(0, 1)}


def run(root, function=lambda x: x, **keywords):
    keywords = {"evaluations_to_spend": 1, "optimizer": "random_search", **keywords}
    return neps.run(function, SPACE, root_directory=root, **keywords)


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


class PathLike:
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        if isinstance(self.path, Exception):
            raise self.path
        return self.path


class Text(str):
    def __str__(self):
        return "something else"


class SomePath(type(pathlib.Path())):
    pass


NO_PATHS = {
    "none": (None, "must be a path"),
    "number": (3, "must be a path"),
    "true": (True, "must be a path"),
    "bytes": (b"run", "must be a path"),
    "list": (["run"], "must be a path"),
    "object": (object(), "must be a path"),
    "like bytes": (PathLike(b"run"), "must be a path"),
    "like nothing": (PathLike(ValueError("no")), "must be a path"),
    "empty": ("", "is empty"),
    "blank": (" \n", "is empty"),
    "NUL": ("a\0b", "NUL"),
    "NUL in a path": (pathlib.Path("a\0b"), "NUL"),
    "nobody": ("~nobody-of-this-name/run", "no home directory of '~nobody-of-this-name'"),
    "long name": ("x" * 300, "File name too long"),
    "long path": ("y/" * 5000, "File name too long"),
}

TAKES_A_FOLDER = {
    "run": run,
    "overwrite": lambda root: run(root, overwrite_root_directory=True),
    "import_trials": lambda root: neps.import_trials([({"x": 0.5}, 1.0)], root, SPACE, optimizer="random_search"),
    "load_trials": neps.load_trials,
    "load_pipeline_space": neps.load_pipeline_space,
    "load_optimizer_info": neps.load_optimizer_info,
    "load_config": lambda root: neps.load_config(root, config_id="1"),
    "load_config path": lambda root: neps.load_config(root),
    "save_pipeline_results": lambda root: neps.save_pipeline_results(1.0, "1", root),
    "clean": neps.clean,
    "status": neps.status,
    "AskAndTell": lambda root: neps.AskAndTell("random_search", root_directory=root, pipeline_space=SPACE),
    "create_config": lambda root: neps.create_config(root_directory=root),
    "load_and_merge_yamls": lambda root: neps.load_and_merge_yamls(root),
}


class TestPaths:
    @pytest.mark.parametrize("path, message", NO_PATHS.values(), ids=NO_PATHS)
    @pytest.mark.parametrize("call", TAKES_A_FOLDER.values(), ids=TAKES_A_FOLDER)
    def test_that_are_none(self, here, call, path, message):
        optional = (TAKES_A_FOLDER["AskAndTell"], TAKES_A_FOLDER["create_config"], TAKES_A_FOLDER["load_config path"])
        if path is None and call in (*optional, TAKES_A_FOLDER["load_config"]):
            message = "give|made|no optimizer"
        with pytest.raises(NePSError, match=message) as caught:
            call(path)
        assert isinstance(caught.value, (RunError, StorageError, neps_optimizer_error()))
        assert len(str(caught.value)) < 1000
        assert not list(here.iterdir())

    @pytest.mark.parametrize("call", TAKES_A_FOLDER.values(), ids=TAKES_A_FOLDER)
    @pytest.mark.parametrize("below", ["", "/x", "/x/y"])
    def test_through_a_file(self, here, call, below):
        (here / "file").write_text("x: 1")
        if call is TAKES_A_FOLDER["load_and_merge_yamls"] and not below:
            return
        with pytest.raises((NePSError, FileNotFoundError)):
            call(f"file{below}")
        assert [path.name for path in here.iterdir()] == ["file"]

    @pytest.mark.parametrize(
        "path",
        [pathlib.Path("run"), PathLike("run"), SomePath("run"), Text("run"), "./run", "run/"],
        ids=lambda p: type(p).__name__,
    )
    def test_of_every_kind(self, here, path):
        run(path)
        assert [p.name for p in here.iterdir()] == ["run"]
        assert len(neps.load_trials(path)) == 1
        assert neps.load_config(path, config_id=1)

    def test_home(self, here, monkeypatch):
        monkeypatch.setenv("HOME", str(here))
        run("~/mine")
        assert neps.load_config("~/mine/configs/config_1")
        assert [p.name for p in here.iterdir()] == ["mine"]

    @pytest.mark.skipif(not hasattr(os, "geteuid"), reason="asks for users")
    def test_without_permission(self, tmp_path):
        program = textwrap.dedent(
            """
            import os, sys, neps
            from neps.testing import check_space  # what is imported later may not be readable
            space = {"x": neps.Float(0, 1)}
            call = dict(evaluations_to_spend=1, optimizer="random_search")
            os.chdir(sys.argv[1])
            for name in ("read_only", "closed", "inner_closed", "configs_read_only"):
                neps.run(lambda x: x, space, root_directory=name, **call)
            os.mkdir("empty")
            for folder, mode in (("read_only/.neps", 0o500), ("read_only", 0o500), ("closed", 0),
                                 ("inner_closed/.neps", 0), ("configs_read_only/configs", 0o500), ("empty", 0o500)):
                for path in [os.path.join(folder, n) for n in os.listdir(folder)] * (mode == 0o500):
                    os.chmod(path, 0o400 if os.path.isfile(path) else os.stat(path).st_mode)
                os.chmod(folder, mode)
            if os.geteuid() == 0:
                os.chmod(".", 0o755)
                os.setuid(65534)
            for name in sys.argv[2:]:
                try:
                    neps.run(lambda x: x, space, root_directory=name, **call)
                except neps.NePSError as error:
                    print(name, type(error).__name__, "Permission denied" in str(error), name in str(error))
            """
        )
        owned = tmp_path / "owned"
        owned.mkdir()
        owned.chmod(0o755)
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        names = ["read_only", "closed", "inner_closed", "configs_read_only", "empty", "empty/new", "closed/new"]
        command = [sys.executable, "-c", program, owned, *names]
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)
        assert done.stdout.splitlines() == [f"{name} StorageError True True" for name in names], done.stderr


def neps_optimizer_error():
    from neps_core import OptimizerError

    return OptimizerError


class Unprintable:
    def __str__(self):
        raise ValueError("no")

    __repr__ = __str__


UNSAFE = ["../x", "a/b", "/abs", "a\0b", "z" * 300, "", ".hidden", "a b", "1\n", "config_../x", "a\\b", "ü"]
NO_IDS = [None, b"x", ["1"], 1.0, True, Unprintable(), 10**30]


def shown(value):
    return type(value).__name__ if isinstance(value, Unprintable) else repr(value)[:20]


@pytest.fixture(scope="module")
def run_of_one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ids") / "run"
    run(folder)
    return folder


class TestIds:
    @pytest.mark.parametrize("given", UNSAFE + NO_IDS, ids=shown)
    def test_that_name_nothing(self, run_of_one, given):
        loop = neps.AskAndTell(neps.algorithms.random_search(SPACE))
        before = sorted(run_of_one.parent.rglob("*"))
        with pytest.raises(TrialError, match="trial"):
            loop.tell(given, 1.0)
        with pytest.raises(TrialError, match="trial"):
            neps.save_pipeline_results(1.0, given, run_of_one)
        with pytest.raises(TrialError, match="trial"):
            neps.clean(run_of_one, [given])
        if given is not None:
            with pytest.raises(FileNotFoundError, match="trial"):
                neps.load_config(run_of_one, config_id=given)
        ignored = {run_of_one / ".neps/sampling.lock"}
        assert [p for p in sorted(run_of_one.parent.rglob("*")) if p not in ignored] == [
            p for p in before if p not in ignored
        ]

    @pytest.mark.parametrize("given", UNSAFE + NO_IDS, ids=shown)
    def test_that_can_not_be_taken(self, root, given):
        loop = neps.AskAndTell(neps.algorithms.random_search(SPACE))
        with pytest.raises(NePSError, match="config_id"):
            loop.tell_custom(config_id=given, config={"x": 0.5}, result=1.0)
        if given is not None:
            with pytest.raises(RunError, match="worker_id"):
                run(root, worker_id=given)
            with pytest.raises(NePSError, match="id proposed by"):
                run(root, optimizer=(lambda space: lambda trials, info: SampledConfig({"x": 0.5}, given), {}))
            with pytest.raises(NePSError, match="previous_config_id proposed by"):
                run(root, optimizer=(lambda space: lambda trials, info: SampledConfig({"x": 0.5}, None, given), {}))
        assert not list(root.parent.rglob("config_*"))

    def test_numbers_stand_for_their_digits(self, root):
        run(root)
        assert neps.load_config(root, config_id=1) == neps.load_config(root, config_id="config_1")
        assert [trial.id for trial in neps.clean(root, [1, "1", "config_1"])] == ["1"]

    @pytest.mark.parametrize("ids", ["1", b"1", 1, 1.5])
    def test_a_list_of_them_is_a_list(self, run_of_one, ids):
        with pytest.raises(TrialError, match="list of ids"):
            neps.clean(run_of_one, ids)

    def test_an_error_in_memory_makes_no_folder(self, monkeypatch):
        import tempfile

        monkeypatch.setattr(tempfile, "mkdtemp", lambda *_, **__: pytest.fail("a folder"))
        with pytest.raises(TrialError, match="in memory"):
            neps.AskAndTell(neps.algorithms.random_search(SPACE)).tell("9", 1.0)

    def test_hints_are_short(self):
        hint = nearest("q" * 10**6, (str(i) for i in range(20_000)))
        assert len(hint) < 2000
        assert hint.endswith("and 19900 more.")


def broken():
    yield {"x": 0.5}, 1.0
    raise KeyError("mine")


class TestTrialsFromElsewhere:
    @pytest.mark.parametrize(
        "given, message",
        [
            (None, "must be a list of pairs"),
            (3, "must be a list of pairs"),
            ("ab", "must be a list of pairs"),
            ({"x": 1}, "must be a list of pairs"),
            ([1], r"\[0\] must be a pair"),
            (["ab"], r"\[0\] must be a pair"),
            ([({"x": 0.5}, 1.0), ({"x": 0.5},)], r"\[1\] must be a pair"),
            ([({"x": 0.5}, 1.0, 2.0)], r"\[0\] must be a pair"),
            ([{"x": 0.5}], r"\[0\] must be a pair"),
            ([("x", 1.0)], r"\[0\].*dict of names"),
            ([(None, 1.0)], r"\[0\].*dict of names"),
            ([([("x", 0.5)], 1.0)], r"\[0\].*dict of names"),
            ([({1: 0.5}, 1.0)], r"\[0\].*no text but int"),
            ([({"x": 0.5}, None)], r"\[0\].*None"),
            ([({"x": 0.5}, {})], r"\[0\].*no 'objective_to_minimize'"),
            ([({"x": 0.5}, {1: 2})], r"\[0\].*no 'objective_to_minimize'"),
            (broken(), r"KeyError\('mine'\) when asked for \[1\]"),
        ],
    )
    def test_that_are_no_pairs(self, root, given, message):
        with pytest.raises(NePSError, match=message):
            neps.import_trials(given, root, SPACE, optimizer="random_search")
        assert not root.exists()

    @pytest.mark.parametrize("config", [None, "ab", 3, [1], [("x", 0.5)], {1: 2}, {"x"}])
    def test_configurations_that_are_none(self, root, config):
        with neps.AskAndTell("random_search", root_directory=root, pipeline_space=SPACE) as shared:
            for loop in (neps.AskAndTell(neps.algorithms.random_search(SPACE)), shared):
                with pytest.raises(ConfigError, match="config"):
                    loop.tell_custom(config_id="a", config=config, result=1.0)
                assert not loop.trials
        if config is not None:
            with pytest.raises(ConfigError, match="config"):
                neps.load_config(config=config, pipeline_space=SPACE)

    def test_a_result_that_can_not_be_looked_at(self):
        class Evil(dict):
            def keys(self):
                raise KeyError("mine")

            __iter__ = items = keys

        loop = neps.AskAndTell(neps.algorithms.random_search(SPACE))
        trial = loop.ask()
        with pytest.raises(NePSError, match="KeyError"):
            loop.tell(trial, Evil(a=1))
        with pytest.raises(NePSError, match="'info_dict'.*KeyError"):
            loop.tell(trial, {"objective_to_minimize": 1.0, "info_dict": Evil(a=1)})
        loop.tell(trial, 1.0)


class TestYaml:
    def test_numbers(self, tmp_path):
        (tmp_path / "a.yaml").write_text("a: 1e-3\nb: 1E5\nc: -1e-3\nd: +1e10\ne: .5e3\nf: '1e3'\ng: 1e3x\nh: 1.e-2\n")
        assert neps.load_and_merge_yamls(tmp_path / "a.yaml") == {
            **{"a": 1e-3, "b": 1e5, "c": -1e-3, "d": 1e10, "e": 500.0, "f": "1e3", "g": "1e3x", "h": 0.01}
        }

    @pytest.mark.parametrize(
        "text", ["1e-3", "1E5", "+1e10", ".5e3", "1.e5", "-1e3", "1_0", "0x1", "yes", "~", "1:30", "="]
    )
    def test_texts_stay_texts(self, text):
        assert from_yaml(to_yaml({"a": text, text: [text]})) == {"a": text, text: [text]}
        choice = neps.load_config(config={"c": text}, pipeline_space={"c": neps.Categorical([text, "other"])})
        assert choice == {"c": text}

    @pytest.mark.parametrize("content", ["", "- 1\n", "text", "3", "1: 2\n", "? [a]\n: 1\n", "a: 1\n---\nb: 2\n"])
    def test_files_that_hold_no_mapping(self, tmp_path, content):
        (tmp_path / "a.yaml").write_text(content)
        with pytest.raises(RunError, match=r"a\.yaml"):
            neps.load_and_merge_yamls(tmp_path / "a.yaml")
        with pytest.raises(ConfigError, match=r"a\.yaml"):
            neps.load_config(tmp_path / "a.yaml", pipeline_space=SPACE)


class TestTargets:
    @pytest.fixture
    def project(self, tmp_path):
        folder = tmp_path / "project"
        folder.mkdir()
        before, modules = list(sys.path), set(sys.modules)
        yield folder
        sys.path[:] = before
        for name in set(sys.modules) - modules:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
                del sys.modules[name]

    def test_a_file_finds_its_neighbours_and_itself(self, project, root):
        (project / "neighbour_of_train.py").write_text("FACTOR = 3\n")
        (project / "train_me.py").write_text(
            "from __future__ import annotations\n"
            "import dataclasses, pickle, sys, os\n"
            "import neighbour_of_train\n"
            "times = globals().get('times', 0) + 1\n"
            "@dataclasses.dataclass\n"
            "class Model:\n"
            "    x: float\n"
            "def evaluate(x):\n"
            "    assert __name__ == 'train_me' and sys.modules[__name__].evaluate is evaluate\n"
            "    return pickle.loads(pickle.dumps(Model(x))).x * neighbour_of_train.FACTOR\n"
        )
        result = run(root, f"{project}/train_me.py:evaluate")
        assert result.best.report.objective_to_minimize == 3 * result.best.config["x"]
        module = sys.modules["train_me"]
        run(root, f"{project}/../project/train_me.py:evaluate")
        assert sys.modules["train_me"] is module
        assert sys.path.count(str(project)) == 1

    def test_files_of_one_name_are_two_modules(self, project, root):
        for folder, value in (("a", 1.0), ("b", 2.0)):
            (project / folder).mkdir()
            (project / folder / "train_us.py").write_text(f"def evaluate(x):\n    return {value}\n")
        for folder, value in (("a", 1.0), ("b", 2.0), ("a", 1.0)):
            result = run(root.parent / f"{folder}{value}", f"{project}/{folder}/train_us.py:evaluate")
            assert result.best.report.objective_to_minimize == value

    def test_a_name_of_the_standard_library_is_left_alone(self, project, root):
        (project / "queue.py").write_text("def evaluate(x):\n    return x\n")
        run(root, f"{project}/queue.py:evaluate")
        import queue

        assert queue.Queue

    @pytest.mark.parametrize(
        "code, line, what",
        [
            ("x = 1\ny = 1 / 0\n", 2, "ZeroDivisionError"),
            ("def f(:\n", 1, "SyntaxError"),
            ("import sys\n\nsys.exit(3)\n", 3, "SystemExit"),
            ("import no_such_module_anywhere\n", 1, "ModuleNotFoundError"),
        ],
    )
    def test_an_error_in_the_file_is_shown_with_its_place(self, project, root, code, line, what):
        file = project / "broken_one.py"
        before = list(sys.path)
        for _ in range(2):
            file.write_text(code)
            with pytest.raises(TargetError, match=what) as caught:
                run(root, f"{file}:evaluate")
            assert f"in {file}, line {line}" in str(caught.value)
            assert "broken_one" not in sys.modules
            assert sys.path == before
        assert not root.exists()

    @pytest.mark.parametrize(
        "target", ["nothing.py:f", ":f", "x:", "a\0b.py:f", "~nobody-of-this-name/x.py:f", b"x:y", 3]
    )
    def test_that_are_nowhere(self, root, target):
        with pytest.raises(TargetError, match="evaluate_pipeline"):
            run(root, target)
        assert not root.exists()


def test_the_locks_library_stays_quiet(root, caplog):
    with caplog.at_level(logging.DEBUG):
        run(root)
    assert {record.name.partition(".")[0] for record in caplog.records} == {"neps"}


def test_run_results_can_be_pickled(root):
    trial = run(root).best
    assert pickle.loads(pickle.dumps(trial)) == trial


@pytest.mark.parametrize("parameter", [neps.Float(0, 1), neps.Integer(0, 9), neps.Categorical(["a", "b"])])
def test_values_that_can_not_even_be_shown(root, parameter):
    nested: list = []
    for _ in range(10_000):
        nested = [nested]
    for value in (nested, 10**5000, [nested, {"a": nested}]):
        with pytest.raises(ConfigError, match=r"evaluated_trials\[0\] = .*'x'"):
            neps.import_trials([({"x": value}, 1.0)], root, {"x": parameter})
    assert not root.exists()


def test_a_warning_shows_the_users_line(root, monkeypatch):
    """Not a line of the framework, however deep in it the warning was given."""
    for name, value in {"PROCID": "1", "STEP_NUM_TASKS": "2", "JOB_ID": "5", "STEP_ID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setattr("neps_plugins.distributed.processes._this", None)
    monkeypatch.setattr("neps_plugins.distributed.following.Follower.follow", lambda self, *_: None)
    with pytest.warns(neps.NePSWarning, match="distributed=False") as warned:
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=1)
    assert [each.filename for each in warned] == [__file__]
