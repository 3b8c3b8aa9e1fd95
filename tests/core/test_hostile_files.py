"""Files that somebody else wrote: what is read is bounded, nothing is run, and nothing leads out of the folder."""

from __future__ import annotations

import os
import pickle
import time

import pytest

import neps
from neps_core import ConfigError, RunError, SpaceError, StorageError, documents
from neps_core.files import LARGEST, from_yaml, overwrite, write_atomically
from neps_core.run import open_run

SPACE = {"x": neps.Float(0, 1)}


def run(root, function=lambda x: x, n=1, **keywords):
    return neps.run(function, SPACE, root_directory=root, evaluations_to_spend=n, optimizer="random_search", **keywords)


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))

HOSTILE = {
    "a bomb": (BOMB.encode(), "refers to itself"),
    "itself": (b"x: &x [*x]\n", "refers to itself"),
    "an object": (b"x: !!python/object/apply:os.system ['touch owned']\n", "constructor"),
    "a name": (b"x: !!python/name:os.system\n", "constructor"),
    "a tag of its own": (b"x: !Evil 1\n", "constructor"),
    "wrong tags": (b"x: !!int ''\n", "plain data"),
    "a map that is none": (b"x: !!map [1]\n", "plain data"),
    "a time that is none": (b"x: !!timestamp q\n", "plain data"),
    "a bool that is none": (b"x: !!bool q\n", "plain data"),
    "deep lists": (b"[" * 100_000, "deep|nest"),
    "deep mappings": (b"{a: " * 100_000, "deep|nest"),
    "deep blocks": (b"- " * 100_000, "deep|nest"),
    "deep keys": (b"? " * 100_000, "deep|nest"),
    "just too deep": (b"x: " + b"[" * 101 + b"]" * 101, "deep"),
    "the same key twice": (b"x: 0.1\nx: 0.2\n", "'x' is there twice"),
    "twice below": (b"x: {a: 1, a: 1}\n", "'a' is there twice"),
    "keys that are no text": (b"1: 2\n", "the key 1"),
    "no UTF-8": (b"x: \xff\n", "utf-8"),
    "NUL": (b"x: \0\n", "plain data"),
    "large": (b"x: 1\n#" + b"x" * LARGEST, "bytes"),
    "an endless number": (b"x: " + b"9" * 5000, "plain data"),
    "nothing": (b"", "nothing"),
}


class TestYaml:
    @pytest.mark.parametrize("content, message", HOSTILE.values(), ids=HOSTILE)
    def test_every_reader_refuses(self, tmp_path, monkeypatch, content, message):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "config.yaml").write_bytes(content)
        began = time.process_time()
        with pytest.raises(RunError, match=message):
            neps.load_and_merge_yamls("config.yaml")
        with pytest.raises(ConfigError, match=message):
            neps.load_config("config.yaml", pipeline_space=SPACE)
        with pytest.raises(ConfigError, match=message):
            neps.load_config(tmp_path, pipeline_space=SPACE)
        assert time.process_time() - began < 2
        assert os.listdir(tmp_path) == ["config.yaml"]

    def test_a_byte_order_mark_is_passed_over(self, tmp_path):
        (tmp_path / "config.yaml").write_bytes(b"\xef\xbb\xbfx: 0.5\n")
        assert neps.load_and_merge_yamls(tmp_path / "config.yaml") == {"x": 0.5}
        assert neps.load_config(tmp_path / "config.yaml", pipeline_space=SPACE) == {"x": 0.5}

    def test_merge_keys_without_aliases_still_merge(self):
        assert from_yaml("a: {<<: {b: 1}, c: 2}") == {"a": {"b": 1, "c": 2}}

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
    def test_a_pipe_does_not_keep_us_waiting(self, tmp_path):
        os.mkfifo(tmp_path / "config.yaml")
        with pytest.raises(RunError, match="no file"):
            neps.load_and_merge_yamls(tmp_path / "config.yaml")
        with pytest.raises(RunError, match=r"can't be read"):
            neps.load_and_merge_yamls(tmp_path)


class Code:
    """Runs when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_with_code_is_never_run(root, tmp_path):
    run(root)
    code = pickle.dumps(Code(tmp_path / "owned"))
    pickle.loads(pickle.dumps(Code(tmp_path / "proof"))).close()
    assert (tmp_path / "proof").exists()
    for path in (root / "optimizer_state.pkl", root / "configs/config_1/state.pkl", root / ".neps/state.pkl"):
        path.write_bytes(code)
    neps.load_trials(root)
    neps.status(root)
    neps.clean(root, dry_run=True)
    for read in (neps.load_pipeline_space, neps.load_optimizer_info, run, lambda r: neps.load_config(r, config_id="1")):
        with pytest.raises(StorageError, match="was changed"):
            read(root)
    assert not (tmp_path / "owned").exists()


class TestEditedConfigurations:
    def test_an_edit_is_told_and_has_no_effect(self, root):
        evaluated = run(root).best.config
        path = root / "configs/config_1/config.yaml"
        path.write_text("x: 0.125\n")
        for given in (path, path.parent):
            with pytest.warns(neps.NePSWarning, match="was changed since it was written, which has no effect"):
                assert neps.load_config(given) == evaluated
        assert neps.load_config(root, config_id="1") == evaluated
        run(root)
        assert from_yaml(path.read_text()) == evaluated

    def test_a_copy_elsewhere_is_a_configuration_of_its_own(self, root, tmp_path):
        run(root)
        (tmp_path / "mine.yaml").write_text("x: 0.125\n")
        assert neps.load_config(tmp_path / "mine.yaml", pipeline_space=SPACE) == {"x": 0.125}
        (root / "configs/mine").mkdir()
        (root / "configs/mine/config.yaml").write_text("x: 0.125\n")
        assert neps.load_config(root / "configs/mine") == {"x": 0.125}


@pytest.fixture
def victim(tmp_path):
    """A folder with something in it that must stay as it is."""
    folder = tmp_path / "victim"
    (folder / "inner").mkdir(parents=True)
    for name in ("thesis.tex", "config.yaml", "metadata.json", "report.yaml", "full.csv", "inner/thesis.tex"):
        (folder / name).write_text("x")  # shorter than what could be written over it
    yield folder
    assert {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()} == dict.fromkeys(
        ["thesis.tex", "config.yaml", "metadata.json", "report.yaml", "full.csv", "inner/thesis.tex"], "x"
    )


def replace(path, target):
    path.unlink()
    path.symlink_to(target)


class TestLinks:
    @pytest.mark.parametrize("name", ["config.yaml", "metadata.json", "report.yaml"])
    def test_of_a_trials_files_are_replaced(self, root, victim, name):
        run(root)
        path = root / "configs/config_1" / name
        content = path.read_text()
        replace(path, victim / name)
        run(root)
        assert not path.is_symlink()
        assert path.read_text() == content

    @pytest.mark.parametrize("name", ["config.yaml", "metadata.json", "report.yaml"])
    def test_of_a_running_trials_files_are_replaced(self, root, victim, name):
        def evaluate(x, pipeline_directory):
            path = pipeline_directory / name
            path.unlink(missing_ok=True)
            path.symlink_to(victim / name)
            return x

        run(root, evaluate)
        run(root)
        assert not (root / "configs/config_1" / name).is_symlink()

    @pytest.mark.parametrize("name", ["pipeline_space.yaml", "optimizer_info.yaml", "optimizer_state.pkl"])
    def test_at_the_top_are_not_followed(self, root, victim, name):
        run(root)
        replace(root / name, victim / "thesis.tex")
        with pytest.raises(StorageError, match=f"{name} was changed"):
            run(root)
        (root / name).unlink()
        run(root)
        replace(root / name, victim / "new")
        with pytest.raises(StorageError, match=f"{name} was changed"):
            run(root)

    @pytest.mark.parametrize("name", ["full.csv", "short.csv", "best_config.txt"])
    def test_in_the_summary_are_replaced(self, root, victim, name):
        run(root)
        replace(root / "summary" / name, victim / "full.csv")
        run(root)
        assert not (root / "summary" / name).is_symlink()

    def test_the_summary_itself(self, root, victim, caplog):
        run(root, observers=())
        (root / "summary").symlink_to(victim)
        result = run(root)
        assert len(result.trials) == 2
        assert "symbolic link" in caplog.text

    def test_a_trials_folder(self, root, victim):
        run(root, n=2)
        folder = root / "configs/config_1"
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        folder.symlink_to(victim)
        with pytest.raises(StorageError, match="config_1 is a symbolic link"):
            run(root)
        neps.clean(root, ["1"])
        assert not folder.is_symlink()
        assert len(run(root).trials) == 2

    def test_the_folder_of_a_trial_that_is_to_come(self, root, victim):
        run(root)
        (root / "configs/config_2").symlink_to(victim)
        with pytest.raises(StorageError, match="config_2 is a symbolic link"):
            run(root, lambda x, pipeline_directory: x)
        (root / "configs/config_2").unlink()
        assert run(root).trials["2"].report.err is None

    def test_a_folder_that_becomes_one_meanwhile(self, root, victim):
        def evaluate(x, pipeline_directory):
            for path in pipeline_directory.iterdir():
                path.unlink()
            pipeline_directory.rmdir()
            pipeline_directory.symlink_to(victim)
            return {"objective_to_minimize": x, "many": [x] * 10_000}

        assert run(root, evaluate).trials["1"].report.extra["many"][0] <= 1

    def test_overwriting_deletes_the_links_alone(self, root, victim):
        run(root)
        (root / "configs/config_1/link").symlink_to(victim)
        (root / "configs/config_7").symlink_to(victim)
        (root / "link").symlink_to(victim)
        (root / "file").symlink_to(victim / "thesis.tex")
        run(root, overwrite_root_directory=True)
        assert not (root / "link").is_symlink()
        assert not (root / "configs/config_7").is_symlink()

    def test_cleaning_deletes_the_links_alone(self, root, victim):
        run(root)
        (root / "configs/config_1/link").symlink_to(victim)
        neps.clean(root, ["1"])
        assert not (root / "configs/config_1").exists()

    def test_of_the_root_and_of_configs_are_fine(self, root, tmp_path):
        (tmp_path / "scratch/configs").mkdir(parents=True)
        root.symlink_to(tmp_path / "scratch")
        run(root, n=2)
        (tmp_path / "scratch/configs").rename(tmp_path / "elsewhere")
        (root / "configs").symlink_to(tmp_path / "elsewhere")
        run(root)
        assert len(os.listdir(tmp_path / "elsewhere")) == 3
        neps.clean(root, ["1"])
        assert len(os.listdir(tmp_path / "elsewhere")) == 2

    def test_of_temporary_files_are_not_followed(self, tmp_path, victim):
        import threading

        (tmp_path / f"a.{os.getpid()}-{threading.get_native_id()}.tmp").symlink_to(victim / "thesis.tex")
        write_atomically(tmp_path / "a", "new")
        assert (tmp_path / "a").read_text() == "new"
        assert not (tmp_path / "a").is_symlink()

    def test_other_names_of_a_file_are_left_alone(self, tmp_path, victim):
        os.link(victim / "metadata.json", tmp_path / "metadata.json")
        overwrite(str(tmp_path / "metadata.json"), "longer")
        assert (tmp_path / "metadata.json").read_text() == "longer"

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
    @pytest.mark.parametrize(
        "name", ["configs/config_1/metadata.json", "configs/config_1/report.yaml", "optimizer_info.yaml"]
    )
    def test_pipes_do_not_keep_us_waiting(self, root, name):
        run(root)
        (root / name).unlink()
        os.mkfifo(root / name)
        run(root)
        assert (root / name).is_file()

    def test_large_values_that_are_links(self, root, victim):
        extra = run(root, lambda x: {"objective_to_minimize": x, "many": [x] * 10_000}).trials["1"].report.extra
        path = root / extra["many"]["stored_in"]
        replace(path, victim / "thesis.tex")
        with pytest.raises(StorageError, match="can't read"):
            neps.load_trials(root)[0][1]["extra"]["many"]


def test_references_in_a_journal_lead_nowhere_else(root, tmp_path, rewrite_events):
    (tmp_path / "secret.json").write_text("[1]")
    run(root)

    def change(events):
        for event in events:
            if event["event"] == "finished":
                event["report"]["extra"] = {"a": {"stored_in": "../secret.json"}}
                event["report"]["learning_curve"] = {"stored_in": "../secret.json"}

    rewrite_events(root, change)
    ((_, result),) = neps.load_trials(root)
    assert result["extra"] == {"a": {"stored_in": "../secret.json"}}
    with pytest.raises(StorageError, match="changed"):
        list(result["learning_curve"])
    assert len(open_run(root).trials) == 1


@pytest.mark.parametrize(
    "kind, fields",
    [
        ("Fraction", {"value": "1e9999999"}),  # ten seconds, and ten times as many for each further digit
        ("Fraction", {"value": "1/0"}),
        ("Decimal", {"value": "one"}),
        ("Timedelta", {"value": "9" * 4000}),
        ("NumPy", {"dtype": "V", "value": 10**9}),
        ("NumPy", {"dtype": "O", "value": "x"}),
    ],
)
def test_constants_that_would_take_long_or_are_none(kind, fields):
    began = time.process_time()
    with pytest.raises(SpaceError, match="can't be read"):
        documents.read({"type": kind, **fields})
    assert time.process_time() - began < 1
