"""Folders of trials in object stores: on a file system and in memory always, in S3 where moto's server is installed."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

import neps
from neps_core import EvaluationError, NePSWarning, RunError, State, StorageError, TrialFolders
from neps_core.evaluating import folders_of
from neps_core.run import open_run
from tests import databases, objects

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'neps-framework[artifacts]'")
pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed: pip install 'neps-framework[sql]'")

from neps_plugins.artifacts import contents, keeper, patience, store  # noqa: E402
from neps_plugins.artifacts.keeper import Keeper  # noqa: E402
from neps_plugins.artifacts.store import Store, StoreAwayError  # noqa: E402


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(patience, "RETRIES", (0.001, 0.001, 0.001))
    yield
    keeper._owed.clear()
    keeper._away.clear()
    keeper._looked.clear()


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[objects.S3]:
    with objects.s3(tmp_path_factory.mktemp("s3") / "log") as server:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in server.environment.items():
                patch.setenv(name, value)
            fsspec.filesystem("s3").mkdir("bucket")
        yield server


@pytest.fixture
def s3(server, monkeypatch) -> str:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://bucket/{uuid4().hex}"


@pytest.fixture
def local(tmp_path) -> str:
    return f"file://{tmp_path}/store"


@pytest.fixture(params=["file", "memory", "s3"])
def url(request, local) -> str:
    if request.param == "s3":
        return str(request.getfixturevalue("s3"))
    return local if request.param == "file" else f"memory://{uuid4().hex}"


class Space(neps.PipelineSpace):
    x = neps.Float(0, 1)
    epochs = neps.IntegerFidelity(1, 9)


def train(x, epochs, pipeline_directory, previous_pipeline_directory):
    """One that goes on where the previous trial was, and can't do without."""
    before = 0
    if previous_pipeline_directory is not None:
        saved, before = (previous_pipeline_directory / "model" / "checkpoint").read_text().split()
        assert float(saved) == x
        before = int(before)
    assert before < epochs
    (pipeline_directory / "model").mkdir(exist_ok=True)
    (pipeline_directory / "model" / "checkpoint").write_text(f"{x} {epochs}")
    return x / epochs


class Hosts:
    """Hosts that share a database, and each have a folder of their own."""

    def __init__(self, folder: Path, artifacts: str | None) -> None:
        self.folder = folder
        self.storage = f"sqlite:///{folder}/runs.db?run=r"
        self.artifacts = artifacts

    def run(self, host: str, n: int, function=train, **more):
        return neps.run(
            function,
            Space(),
            root_directory=self.folder / host,
            storage=self.storage,
            artifacts=self.artifacts,
            optimizer=("successive_halving", {"sampler": "uniform"}),
            seed=1,
            evaluations_to_spend=n,
            **more,
        )

    def trials(self, host: str = "a"):
        return open_run(self.folder / host, storage=self.storage).trials

    def until_a_promotion(self, function=train) -> None:
        """The lowest rung, on host `a`: what comes next continues a trial of that."""
        self.run("a", 9, function)


@pytest.fixture
def hosts(tmp_path, local) -> Hosts:
    return Hosts(tmp_path, local)


def folders(directory: Path, name: str = "run-1/config_1", previous: Path | None = None, of: str | None = None):
    return TrialFolders(directory, name, previous, of, directory.parent)


def carried(store: Store, directory: Path, to: Path) -> Path:
    """A folder, kept and brought to another host."""
    Keeper(store).keep(folders(directory))
    seen: list[Path] = []
    Keeper(store).evaluated(
        lambda: seen.append(to), folders(to.parent / "next", "run-1/config_2", to, "run-1/config_1")
    )
    assert seen == [to]
    return to


def listing(directory: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in directory.rglob("*"):
        name = path.relative_to(directory).as_posix()
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif name != contents.MARK:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


class TestHosts:
    def test_what_one_host_began_another_one_continues(self, url, tmp_path):
        hosts = Hosts(tmp_path, url)
        for host in "abab":
            hosts.run(host, 7)
        trials = hosts.trials()
        assert len(trials) == 28
        assert all(trial.state is State.SUCCESS for trial in trials.values())
        worker = {trial.id: trial.metadata.evaluating_worker_id for trial in trials.values()}
        crossed = [
            t.id
            for t in trials.values()
            if t.metadata.previous_trial_id and worker[t.id] != worker[t.metadata.previous_trial_id]
        ]
        assert crossed
        assert not list((tmp_path / "a").rglob("*.part"))

    def test_without_artifacts_it_finds_nothing(self, hosts):
        hosts.artifacts = None
        hosts.until_a_promotion()
        with pytest.raises(EvaluationError):
            hosts.run("b", 1)

    def test_on_the_host_that_evaluated_it_nothing_is_brought(self, hosts, monkeypatch):
        hosts.until_a_promotion()
        monkeypatch.setattr(keeper, "_fetch", None)
        assert hosts.run("a", 1).trials["1_rung_0"]
        assert sum(trial.metadata.previous_trial_id is not None for trial in hosts.trials().values()) == 1

    def test_who_does_not_look_into_the_folder_needs_none(self, hosts):
        hosts.artifacts = None
        hosts.until_a_promotion()
        hosts.artifacts = f"file://{hosts.folder}/store"
        assert len(hosts.run("b", 1, lambda x, epochs: x).trials) == 10

    @pytest.mark.parametrize("executor", ["threads", "processes"])
    def test_with_executors(self, hosts, executor):
        hosts.until_a_promotion()
        hosts.run("b", 3, executor=executor, n_workers=2)
        trials = hosts.trials()
        assert [trial.state for trial in trials.values()] == [State.SUCCESS] * 12
        assert any(trial.metadata.previous_trial_id for trial in trials.values())

    def test_an_executors_host_need_not_have_the_folders(self, local, tmp_path):
        here, there = tmp_path / "run" / "config_1", tmp_path / "nowhere" / "configs" / "config_1"
        here.mkdir(parents=True)
        (here / "file").write_text("a")
        Keeper(Store(local)).keep(folders(here))
        read: list[str] = []
        next_one = folders(there.with_name("config_2"), "run-1/config_2", there, "run-1/config_1")
        Keeper(Store(local)).evaluated(lambda: read.append((there / "file").read_text()), next_one)
        assert read == ["a"]
        assert next_one.directory.is_dir()

    def test_two_runs_and_one_that_overwrites_share_a_prefix(self, hosts, tmp_path):
        def names() -> set[str]:
            return {path.name for path in (tmp_path / "store").glob("run-*")}

        hosts.run("a", 1)
        first = names()
        hosts.storage = hosts.storage.replace("?run=r", "?run=other")
        hosts.run("c", 1)
        assert len(names()) == 2
        hosts.run("c", 1, overwrite_root_directory=True)
        assert len(names()) == 3
        assert first < names()

    def test_imported_trials_have_no_folder(self, hosts):
        def evaluate(x, epochs, previous_pipeline_directory):
            assert previous_pipeline_directory is None or not list(previous_pipeline_directory.glob("model"))
            return x

        hosts.run("a", 1, evaluate)
        rung = [({"x": i / 10, "epochs": 1}, i / 10) for i in range(1, 10)]
        neps.import_trials(rung, hosts.folder / "a", storage=hosts.storage)
        hosts.run("b", 4, evaluate)
        trials = hosts.trials()
        assert all(trial.state is State.SUCCESS for trial in trials.values())

    def test_results_that_come_later(self, hosts):
        hosts.run("a", 1, lambda x, epochs: None)
        run = open_run(hosts.folder / "a", storage=hosts.storage)
        (waiting,) = run.trials.values()
        there = folders_of(run, waiting)
        (there.directory / "late").write_text("a")
        assert not (hosts.folder / "store" / f"{there.name}.json").exists()
        neps.save_pipeline_results(
            0.5, waiting.id, hosts.folder / "a", storage=hosts.storage, artifacts=hosts.artifacts
        )
        manifest = (hosts.folder / "store" / f"{there.name}.json").read_bytes()
        assert list(contents.read_manifest(manifest).files) == ["late"]


class TestContents:
    @pytest.fixture
    def odd(self, tmp_path) -> Path:
        """A folder with everything that there is."""
        folder = tmp_path / "run" / "config_1"
        (folder / "deep/deeper/deepest").mkdir(parents=True)
        (folder / "deep/deeper/deepest/file").write_bytes(bytes(range(256)) * 100)
        (folder / "deep/empty").touch()
        (folder / "no files/none").mkdir(parents=True)
        for name in (" ", "a*?[b]", "new\nline", "ü", "%2F", "#", "a?b=c", "manifest.json", "x.part", "-"):
            (folder / name).write_text(name)
        (folder / os.fsdecode(b"\xff\xfe")).write_text("no UTF-8")
        (folder / "latest").symlink_to("deep/deeper/deepest/file")
        (folder / "deep/up").symlink_to("../deep/deeper")
        return folder

    def test_all_of_it_arrives(self, url, odd, tmp_path):
        assert listing(carried(Store(url), odd, tmp_path / "other/config_1")) == listing(odd)

    def test_what_leads_out(self, local, odd, tmp_path):
        (tmp_path / "outside").write_text("a checkpoint elsewhere")
        (odd / "linked").symlink_to(tmp_path / "outside")
        (odd / "broken").symlink_to("nowhere/at/all/../../../../..")
        (odd / "folder").symlink_to(tmp_path)
        os.mkfifo(odd / "pipe")
        there = carried(Store(local), odd, tmp_path / "other/config_1")
        assert (there / "linked").read_text() == "a checkpoint elsewhere"
        assert not (there / "linked").is_symlink()
        assert not {"broken", "folder", "pipe"} & set(listing(there))

    def test_a_thousand_files(self, url, tmp_path):
        folder = tmp_path / "run" / "config_1"
        n = 200 if url.startswith("s3") else 1_000
        for i in range(n):
            (folder / str(i % 10)).mkdir(parents=True, exist_ok=True)
            (folder / str(i % 10) / str(i)).write_text(str(i))
        there = carried(Store(url), folder, tmp_path / "other/config_1")
        assert sum(path.is_file() for path in there.rglob("*")) == n + 1
        assert (there / "7/17").read_text() == "17"

    def test_files_of_ours_stay_here(self, hosts):
        hosts.run("a", 1)
        (manifest,) = (hosts.folder / "store").glob("run-*/config_*.json")
        assert list(contents.read_manifest(manifest.read_bytes()).files) == ["model/checkpoint"]

    def test_a_large_file_is_streamed(self, url, tmp_path, monkeypatch):
        monkeypatch.setattr(store, "BLOCK", 5 * 1024**2)  # S3 wants no smaller parts
        folder = tmp_path / "run" / "config_1"
        folder.mkdir(parents=True)
        (folder / "model").write_bytes(b"".join(bytes([i]) * 1024**2 for i in range(12)))
        reads: list[int] = []
        read = store.Store.write
        monkeypatch.setattr(
            store.Store, "write", lambda self, key, content: (reads.append(len(content)), read(self, key, content))
        )
        there = carried(Store(url), folder, tmp_path / "other/config_1")
        assert (there / "model").read_bytes() == (folder / "model").read_bytes()
        assert max(reads) < 1000  # manifests

    def test_a_large_file_is_never_in_memory(self, local, tmp_path, monkeypatch):
        monkeypatch.setattr(store, "BLOCK", 1024**2)
        folder = tmp_path / "run" / "config_1"
        folder.mkdir(parents=True)
        with (folder / "model").open("wb") as file:
            file.truncate(32 * 1024**2)
        tracemalloc.start()
        try:
            there = carried(Store(local), folder, tmp_path / "other/config_1")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (there / "model").stat().st_size == 32 * 1024**2
        assert peak < 12 * 1024**2

    def test_only_what_has_changed_is_sent(self, local, tmp_path, monkeypatch):
        one, two = tmp_path / "run/config_1", tmp_path / "run/config_2"
        for folder in (one, two):
            folder.mkdir(parents=True)
            (folder / "data").write_text("the same")
            (folder / "model").write_text(folder.name)
        Keeper(Store(local)).keep(folders(one))
        sent: list[str] = []
        write = Store.write
        monkeypatch.setattr(Store, "write", lambda self, key, content: (sent.append(key), write(self, key, content)))
        Keeper(Store(local)).keep(folders(two, "run-1/config_2", one, "run-1/config_1"))
        digest = hashlib.sha256(b"config_2").hexdigest()
        assert sent == [f"run-1/objects/{digest}", "run-1/config_2.json"]

    @pytest.mark.parametrize(
        "document",
        [
            '{"files": {"../x": [1, "a"]}, "links": {}, "folders": []}',
            '{"files": {"/x": [1, "a"]}, "links": {}, "folders": []}',
            '{"files": {"config.yaml": [1, "a"]}, "links": {}, "folders": []}',
            '{"files": {"x": [1, "../a"]}, "links": {}, "folders": []}',
            '{"files": {"x": [-1, "a"]}, "links": {}, "folders": []}',
            '{"files": {"a/b": [1, "a"]}, "links": {"a": "."}, "folders": []}',
            '{"files": {}, "links": {"a": "/etc"}, "folders": []}',
            '{"files": {}, "links": {"a": "../b"}, "folders": []}',
            '{"files": {}, "links": {"a/b": "c/../../../d"}, "folders": []}',
            '{"files": {}, "links": {}, "folders": ["a/../../b"]}',
            '{"files": {}, "links": {}, "folders": [1]}',
            '{"files": [], "links": {}, "folders": []}',
            '{"files": {"x": 1}, "links": {}, "folders": []}',
            "[]",
        ],
    )
    def test_a_manifest_that_means_something_outside(self, document):
        with pytest.raises(ValueError, match="it names|it is no manifest"):
            contents.read_manifest(document.replace("{", '{"format": 1, ', 1).encode())

    def test_no_part_of_a_manifest_is_one(self):
        content = contents.Content(1, "ab")
        whole = contents.Contents({"a": content, "b/c": content}, {"l": "a"}, ["f"]).to_manifest()
        assert contents.read_manifest(whole).files == {"a": content, "b/c": content}
        for n in range(len(whole)):
            with pytest.raises(ValueError):
                contents.read_manifest(whole[:n])


class Failing:
    """A store that fails some times, or until it is mended."""

    def __init__(self, monkeypatch, methods: tuple[str, ...], times: float, after: int = 0) -> None:
        self.times, self.after = times, after
        for name in methods:
            monkeypatch.setattr(Store, name, self._failing(getattr(Store, name)))

    def _failing(self, method):
        def tried(store, *arguments):
            if arguments[0] == "neps.txt":
                return method(store, *arguments)
            self.after -= 1
            if self.after < 0 and self.times > 0:
                self.times -= 1
                raise StoreAwayError(f"{store} is away")
            return method(store, *arguments)

        return tried


class TestAStoreThatFails:
    def test_for_a_moment(self, hosts, monkeypatch, recwarn):
        Failing(monkeypatch, ("write", "read"), 3, after=5)
        hosts.until_a_promotion()
        Failing(monkeypatch, ("write", "read"), 3)
        hosts.run("b", 2)
        assert not recwarn.list
        assert [trial.state for trial in hosts.trials().values()] == [State.SUCCESS] * 11

    def test_the_result_counts_more_than_the_folder(self, hosts, monkeypatch):
        Failing(monkeypatch, ("write",), float("inf"))
        with pytest.warns(NePSWarning, match=r"could not be copied to artifacts='file.*is away.*recorded") as said:
            hosts.until_a_promotion()
        assert len(said) == 9
        hosts_own = hosts.trials()
        assert [trial.state for trial in hosts_own.values()] == [State.SUCCESS] * 9

    def test_the_host_that_has_the_folder_goes_on_and_another_one_says_why_it_can_not(self, hosts, monkeypatch):
        Failing(monkeypatch, ("write",), float("inf"))
        with pytest.warns(NePSWarning):
            hosts.until_a_promotion()
        keeper._owed.clear()  # that host's process has ended
        for there in (hosts.folder / "a").glob(f"configs/*/{contents.MARK}"):
            assert there.read_text().startswith(contents.OWED)
        with pytest.raises(EvaluationError) as error:
            hosts.run("b", 1)
        assert "is neither on this host nor in artifacts=" in str(error.value.__cause__)
        (failed,) = (trial for trial in hosts.trials().values() if trial.state is State.FAILED)
        with pytest.warns(NePSWarning):
            neps.clean(hosts.folder / "b", [failed.id], again=True, storage=hosts.storage)
            assert hosts.run("a", 1).trials[failed.id].state is State.SUCCESS

    def test_what_was_not_kept_is_kept_when_it_can_be(self, hosts, monkeypatch):
        failing = Failing(monkeypatch, ("write",), float("inf"))
        with pytest.warns(NePSWarning):
            hosts.until_a_promotion()
        failing.times = 0
        kept: list[int] = []

        def counting(x, epochs, pipeline_directory, previous_pipeline_directory):
            kept.append(len(list((hosts.folder / "store").glob("run-*/config_*.json"))))
            return train(x, epochs, pipeline_directory, previous_pipeline_directory)

        hosts.run("a", 1, counting)
        assert kept == [9]
        assert not keeper._owed
        assert len(list((hosts.folder / "store").glob("run-*/config_*.json"))) == 10
        hosts.run("b", 1)
        assert [trial.state for trial in hosts.trials().values()] == [State.SUCCESS] * 11

    def test_at_the_end_of_a_call_it_is_tried_again(self, hosts, monkeypatch):
        Failing(monkeypatch, ("write",), 4)  # all tries of the one trial
        with pytest.warns(NePSWarning):
            hosts.run("a", 1)
        assert not keeper._owed
        assert len(list((hosts.folder / "store").glob("run-*/config_*.json"))) == 1

    def test_while_it_is_away_no_trial_waits_for_long(self, hosts, monkeypatch):
        failing = Failing(monkeypatch, ("write",), 1_000)
        with pytest.warns(NePSWarning):
            hosts.run("a", 3)
        assert 1_000 - failing.times <= 4 + 2 + 2 + 1  # before each trial and after it, and at the end

    def test_a_trial_whose_previous_one_can_not_be_brought_is_put_back(self, hosts, monkeypatch):
        hosts.until_a_promotion()
        failing = Failing(monkeypatch, ("read",), float("inf"))
        with pytest.raises(StorageError, match=r"config_\d_rung_0, can't be brought: .*is away. The trial is put back"):
            hosts.run("b", 2)
        waiting = [trial for trial in hosts.trials().values() if trial.state is not State.SUCCESS]
        assert [(trial.state, trial.metadata.starts) for trial in waiting] == [(State.PENDING, 0)]
        failing.times = 0
        hosts.run("b", 1)
        assert {trial.state for trial in hosts.trials().values()} == {State.SUCCESS}

    def test_so_it_is_with_an_executor(self, hosts, monkeypatch):
        hosts.until_a_promotion()
        Failing(monkeypatch, ("read",), float("inf"))
        with pytest.raises(StorageError, match="The trial is put back"):
            hosts.run("b", 2, executor="threads", n_workers=1)
        assert [t.state for t in hosts.trials().values() if t.state is not State.SUCCESS] == [State.PENDING]

    @pytest.mark.parametrize("damage", ["changed", "gone", "manifest"])
    def test_a_damaged_folder(self, hosts, damage):
        hosts.until_a_promotion()
        for path in (hosts.folder / "store").glob("run-*/*.json" if damage == "manifest" else "run-*/objects/*"):
            path.unlink() if damage == "gone" else path.write_bytes(b"{")
        with pytest.raises(EvaluationError) as error:
            hosts.run("b", 1)
        assert "is damaged in artifacts=" in str(error.value.__cause__)

    def test_a_server_that_is_gone(self, tmp_path, monkeypatch):
        with objects.s3(tmp_path / "log") as server:
            for name, value in server.environment.items():
                monkeypatch.setenv(name, value)
            fsspec.get_filesystem_class("s3").clear_instance_cache()
            fsspec.filesystem("s3").mkdir("bucket")
            hosts = Hosts(tmp_path, "s3://bucket")
            hosts.run("a", 2)

            def stopping(x, epochs):
                server.stop()
                return x

            with pytest.warns(NePSWarning, match="Could not connect"):
                result = hosts.run("a", 1, stopping)
        assert len(result.trials) == 3
        with pytest.raises(StorageError, match=r"artifacts= is of no use: .*Could not connect"):
            hosts.run("a", 1)
        fsspec.get_filesystem_class("s3").clear_instance_cache()


class TestFoldersThatChange:
    def test_a_file_that_is_written_meanwhile(self, local, tmp_path, monkeypatch):
        folder = tmp_path / "run" / "config_1"
        folder.mkdir(parents=True)
        (folder / "log").write_text("before")
        look_at, times = keeper.content_of, iter(range(100))

        def late(file):
            content = look_at(file)
            if next(times) == 0:
                file.write_text("after it was looked at")
            return content

        monkeypatch.setattr(keeper, "content_of", late)
        there = carried(Store(local), folder, tmp_path / "other/config_1")
        assert (there / "log").read_text() == "after it was looked at"

    def test_one_that_never_rests(self, local, tmp_path, monkeypatch):
        folder = tmp_path / "run" / "config_1"
        folder.mkdir(parents=True)
        (folder / "log").write_text("0")
        look_at = keeper.content_of

        def writing(file):
            content = look_at(file)
            with file.open("a") as log:
                log.write("1")
            return content

        monkeypatch.setattr(keeper, "content_of", writing)
        with pytest.warns(NePSWarning, match="was written to while it was copied"):
            Keeper(Store(local)).keep(folders(folder))
        assert not list((tmp_path / "store").rglob("*.json"))
        assert not keeper._away  # the store is not to blame

    def test_one_that_is_deleted_meanwhile(self, local, tmp_path, monkeypatch):
        folder = tmp_path / "run" / "config_1"
        folder.mkdir(parents=True)
        (folder / "a").write_text("a")
        (folder / "temporary").write_text("b")
        look = keeper.look

        def late(directory):
            found = look(directory)
            (directory / "temporary").unlink(missing_ok=True)
            return found

        monkeypatch.setattr(keeper, "look", late)
        assert listing(carried(Store(local), folder, tmp_path / "other/config_1")) == {"a": b"a"}

    def test_what_a_killed_evaluation_has_left_is_not_taken_for_the_folder(self, hosts):
        hosts.until_a_promotion()
        for i in range(1, 10):
            left = hosts.folder / "b" / "configs" / f"config_{i}_rung_0"
            (left / "model" / "checkpoint").mkdir(parents=True)
            (left / "model" / "more").write_text("half")
            (left / "old").symlink_to("model")
            contents.mark(left, contents.BEGUN)
        hosts.run("b", 1)
        (promoted,) = (t for t in hosts.trials().values() if t.metadata.previous_trial_id)
        brought = hosts.folder / "b" / "configs" / f"config_{promoted.metadata.previous_trial_id}"
        assert set(listing(brought)) >= {"model", "model/checkpoint", "config.yaml"}
        assert not {"model/more", "old"} & set(listing(brought))

    def test_what_was_evaluated_here_before_there_were_artifacts(self, hosts):
        artifacts, hosts.artifacts = hosts.artifacts, None
        hosts.until_a_promotion()
        hosts.artifacts = artifacts
        hosts.run("a", 1)
        assert {trial.state for trial in hosts.trials().values()} == {State.SUCCESS}

    def test_bringing_that_broke_off_is_gone_on_with(self, local, tmp_path, monkeypatch):
        folder = tmp_path / "run" / "config_1"
        folder.mkdir(parents=True)
        for name in "abc":
            (folder / name).write_text(name)
        fetch, fetched = keeper._fetch, []

        def breaking(store, key, content, file):
            if len(fetched) == 2:
                raise KeyboardInterrupt
            fetched.append(file.name)
            fetch(store, key, content, file)

        monkeypatch.setattr(keeper, "_fetch", breaking)
        monkeypatch.setattr(patience, "AT_A_TIME", 1)
        with pytest.raises(KeyboardInterrupt):
            carried(Store(local), folder, tmp_path / "other/config_1")
        assert contents.mark_of(tmp_path / "other/config_1") == contents.BEGUN
        fetched.clear()
        assert listing(carried(Store(local), folder, tmp_path / "other/config_1")) == listing(folder)
        assert fetched == ["c"]


WORKER = """
    import os, signal, sys, time
    import neps
    from neps_plugins.artifacts import patience
    from neps_plugins.artifacts.store import Store

    class Space(neps.PipelineSpace):
        x = neps.Float(0, 1)
        epochs = neps.IntegerFidelity(1, 9)

    root, storage, artifacts, n, what, when = *sys.argv[1:4], int(sys.argv[4]), sys.argv[5], int(sys.argv[6])
    seconds = 600.0 if what == "SIGINT" else 0.0
    patience.GRACE = 0.2
    write, told = Store.write, [0]

    def interrupted(self, key, content):
        if what and key != "neps.txt":
            told[0] += 1
            if told[0] == when:
                os.kill(os.getpid(), getattr(signal, what))
                time.sleep(seconds)
        write(self, key, content)

    Store.write = interrupted

    def evaluate(x, epochs, pipeline_directory, previous_pipeline_directory):
        if previous_pipeline_directory is not None:
            assert (previous_pipeline_directory / "model" / "checkpoint").read_text() == str(x)
        (pipeline_directory / "model").mkdir(exist_ok=True)
        (pipeline_directory / "model" / "checkpoint").write_text(str(x))
        (pipeline_directory / "more").write_text(str((x, epochs)))
        return x / epochs

    neps.run(evaluate, Space(), root_directory=root, storage=storage, artifacts=artifacts, seed=1,
             optimizer=("successive_halving", {"sampler": "uniform"}), total_evaluations_to_spend=n)
"""


class TestProcesses:
    @pytest.mark.parametrize("when", [1, 3], ids=["a file", "the manifest"])
    def test_a_worker_that_is_killed_while_it_uploads(self, hosts, script, when):
        script.write(WORKER)
        arguments = (hosts.storage, hosts.artifacts, 1)
        victim = script.start(hosts.folder / "a", *arguments, "SIGKILL", when)
        victim.wait(60)
        assert victim.returncode == -signal.SIGKILL
        (trial,) = hosts.trials().values()
        assert trial.state is State.EVALUATING
        assert not list((hosts.folder / "store").glob("run-*/*.json"))
        script.run(hosts.folder / "b", *arguments, "", 0)
        (trial,) = hosts.trials().values()
        assert (trial.state, trial.metadata.starts) == (State.SUCCESS, 2)
        (manifest,) = (hosts.folder / "store").glob("run-*/*.json")
        assert set(contents.read_manifest(manifest.read_bytes()).files) == {"model/checkpoint", "more"}

    def test_a_worker_that_is_told_to_leave_while_it_uploads(self, hosts, script):
        script.write(WORKER)
        worker = script.start(hosts.folder / "a", hosts.storage, hosts.artifacts, 9, "SIGTERM", 2)
        _, err = worker.communicate(timeout=60)
        assert worker.returncode == 128 + signal.SIGTERM, err
        (trial,) = hosts.trials().values()
        assert trial.state is State.SUCCESS
        assert list((hosts.folder / "store").glob("run-*/*.json"))  # there was the time

    def test_one_whose_store_hangs_meanwhile(self, hosts, script, wait_for):
        script.write(WORKER)
        worker = script.start(hosts.folder / "a", hosts.storage, hosts.artifacts, 9, "SIGINT", 2)

        def has_a_result() -> bool:
            with suppress(FileNotFoundError, StorageError):
                return any(trial.state is State.SUCCESS for trial in hosts.trials().values())
            return False

        wait_for(has_a_result)
        _, err = worker.communicate(timeout=60)
        assert "could not be copied" in err
        assert not list((hosts.folder / "store").glob("run-*/*.json"))
        script.run(hosts.folder / "a", hosts.storage, hosts.artifacts, 2, "", 0)  # later, on the same host
        assert len(list((hosts.folder / "store").glob("run-*/*.json"))) == 2

    def test_hosts_that_share_a_database_and_a_store(self, s3, tmp_path, script):
        with databases.postgres() as database:
            url = f"{database.url}?run=r"
            script.write(WORKER)
            workers = [script.start(tmp_path / host, url, s3, 26, "", 0) for host in "ab"]
            for worker in workers:
                _, err = worker.communicate(timeout=120)
                assert worker.returncode == 0, err
                assert objects.SECRET not in err
            trials = open_run(tmp_path / "a", storage=url).trials
            assert [trial.state for trial in trials.values()] == [State.SUCCESS] * 26


class TestRefusals:
    @pytest.mark.parametrize("artifacts", ["bucket/prefix", Path("/tmp/x"), 3])
    def test_what_is_no_url(self, hosts, artifacts):
        hosts.artifacts = artifacts
        with pytest.raises(RunError, match="artifacts must be a URL"):
            hosts.run("a", 1)
        assert not (hosts.folder / "a").exists()

    def test_an_unknown_store(self, hosts):
        hosts.artifacts = "gopher://bucket"
        with pytest.raises(StorageError, match=r"artifacts='gopher://bucket' can't be used: Protocol not known"):
            hosts.run("a", 1)

    def test_no_store_is_taken_for_a_folder_here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        relative = store.Store("file://here/")
        for url in ("memory://", "memory:///"):
            store.Store(url).write("neps.txt", b"")
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        relative.write("neps.txt", b"")
        assert sorted(p.name for p in tmp_path.rglob("*")) == ["elsewhere", "here", "neps.txt"]

    def test_a_bucket_that_is_not_there(self, s3, hosts):
        hosts.artifacts = "s3://nothing/here"
        with pytest.raises(StorageError, match="bucket does not exist"):
            hosts.run("a", 1)
        assert not (hosts.folder / "a").exists()

    @pytest.mark.parametrize(
        "location", ["s3://me:geheim@bucket/x", "s3://bucket/x?key=geheim", "ftp://me:geheim@host", "s3://b/x#geheim"]
    )
    def test_secrets_in_a_url(self, hosts, location, caplog):
        hosts.artifacts = location
        with pytest.raises(StorageError, match="give no passwords, keys or options there") as error:
            hosts.run("a", 1)
        assert "geheim" not in str(error.value) + caplog.text

    def test_no_file_and_no_log_holds_a_secret(self, s3, tmp_path, caplog):
        caplog.set_level(logging.DEBUG, logger="neps")
        hosts = Hosts(tmp_path, s3)
        hosts.until_a_promotion()
        hosts.run("b", 1)
        assert objects.SECRET not in "".join(r.getMessage() for r in caplog.records if r.name.startswith("neps"))
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or objects.SECRET.encode() not in path.read_bytes(), path

    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("GET https://b.s3/x?X-Amz-Signature=geheim failed", "GET https://b.s3/x?*** failed"),
            ("can't reach ftp://me:geheim@host/x.", "can't reach ftp://***@host/x"),
        ],
    )
    def test_what_a_store_says_is_shown_without(self, said, shown):
        assert store._said(OSError(said)) == shown
