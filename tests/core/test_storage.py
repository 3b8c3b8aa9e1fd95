"""The journal and the files for people, when things go wrong."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import time
from pathlib import Path

import pytest
import yaml

import neps
from neps_core import StorageError
from neps_core import events as ev
from neps_core.run import open_run
from neps_core.storage import open_storage
from neps_core.trials import Report, State
from neps_plugins.storages.filesystem import folder_storage
from neps_plugins.storages.filesystem.records import encode
from neps_plugins.storages.memory import memory_storage

SPACE = {"x": neps.Float(0, 1)}


def objective(x: float) -> float:
    return x


def small_run(root: Path, evaluations: int = 3) -> None:
    neps.run(objective, SPACE, root_directory=root, evaluations_to_spend=evaluations, seed=1)


def journal(root: Path) -> Path:
    return root / ".neps" / "journal.jsonl"


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.glob("configs/*/*"))}


@pytest.fixture(params=["filesystem", "memory"])
def storage(request, tmp_path):
    made = folder_storage(tmp_path / "run") if request.param == "filesystem" else memory_storage()
    made.folder.create(is_run=lambda: False)
    made.journal.create()
    return made


class TestBothStorages:
    def test_what_is_appended_is_read_once(self, storage):
        one, two = ev.Sampled("1", {"x": 0.5}, 1.0, "w"), ev.Started("1", 2.0, "w")
        storage.journal.append([one])
        events, position = storage.journal.read(0)
        assert events == [one]
        assert storage.journal.read(position) == ([], position)
        storage.journal.append([two])
        assert storage.journal.read(position)[0] == [two]
        assert storage.journal.read(0)[0] == [one, two]

    def test_every_event_survives(self, storage):
        events: list[ev.Event] = [
            ev.Created(1, 5, 1.5),
            ev.SpaceRecorded({"format": "x", "attributes": {"ä": [1, None, True]}}),
            ev.OptimizerRecorded("o", {"k": 1}),
            ev.Sampled("1", {"a": 1, "b": 1.0, "c": True, "d": None, "e": "é\n"}, 1.0, "w", "0"),
            ev.Started("1", 2.0, "w"),
            ev.Detached("1"),
            ev.Requeued("1", 3.0, "why", True),
            ev.Finished("1", 4.0, State.SUCCESS, Report(float("-inf"), 1.0, [[0.5, 1.0]], {"m": {"n": [1]}}, "e", "t")),
            ev.Finished("1", 4.0, State.SUCCESS, Report([1.0, float("inf")])),
            ev.Deleted("1"),
            ev.Halted(5.0, "w", "r", "1"),
        ]
        storage.journal.append(events)
        read = storage.journal.read(0)[0]
        assert read == events
        assert [type(v) for v in read[3].config.values()] == [int, float, bool, type(None), str]

    def test_a_lease_is_held_by_one(self, storage):
        from neps_core.storage import LeaseHeld

        assert not storage.locks.is_alive("w")
        with storage.locks.lease("w"):
            assert storage.locks.is_alive("w")
            assert storage.locks.living_workers() == ["w"]
            with pytest.raises(LeaseHeld), storage.locks.lease("w"):
                pass
        assert not storage.locks.is_alive("w")

    def test_a_run_in_it(self, storage):
        trial_directory = storage.folder.trial_directory("1")
        assert trial_directory.is_dir()


def test_memory_runs_are_shared_by_name_and_can_be_gone_on_with():
    location = "memory://test_memory_runs"
    neps.run(objective, SPACE, root_directory=location, evaluations_to_spend=2)
    result = neps.run(objective, root_directory=location, evaluations_to_spend=2)
    assert len(result.trials) == 4
    result = neps.run(objective, SPACE, root_directory=location, evaluations_to_spend=1, overwrite_root_directory=True)
    assert len(result.trials) == 1


class TestTornJournal:
    @pytest.mark.parametrize("cut", [1, 5, 40])
    def test_a_torn_tail_is_cut_off_and_the_rest_kept(self, root, cut):
        small_run(root)
        data = journal(root).read_bytes()
        journal(root).write_bytes(data[:-cut])
        assert len(open_run(root).trials) == 3
        result = neps.run(objective, root_directory=root, evaluations_to_spend=2)
        done = [t for t in result.trials.values() if t.state is State.SUCCESS]
        assert len(done) == 4  # the torn result was evaluated again, and one more
        assert [t.state for t in open_run(root).trials.values()] == [State.SUCCESS] * 4

    def test_a_reader_never_sees_half_a_line(self, root):
        small_run(root)
        whole = journal(root).read_bytes()
        for end in range(len(whole) - 200, len(whole)):
            journal(root).write_bytes(whole[:end])
            open_run(root)

    def test_a_tail_of_zeros_after_a_power_cut(self, root):
        small_run(root)
        with journal(root).open("ab") as file:
            file.write(b"\0" * 5000)
        assert len(neps.run(objective, root_directory=root, evaluations_to_spend=1).trials) == 4

    def test_a_damaged_line_is_named_and_passed_over(self, root):
        small_run(root)
        lines = journal(root).read_bytes().splitlines(keepends=True)
        finished = next(i for i, line in enumerate(lines) if b'"finished"' in line)
        lines[finished] = b"\xff\xfenonsense\n"
        journal(root).write_bytes(b"".join(lines))
        with pytest.warns(neps.NePSWarning, match=r"damaged at byte \d+"):
            trials = open_run(root).trials
        assert len(trials) == 3
        assert trials["1"].state is State.EVALUATING

    def test_a_lost_configuration_makes_a_corrupted_trial_that_clean_removes(self, root):
        small_run(root)
        lines = journal(root).read_bytes().splitlines(keepends=True)
        sampled = next(i for i, line in enumerate(lines) if b'"sampled"' in line)
        lines[sampled] = b"{}\n"
        journal(root).write_bytes(b"".join(lines))
        with pytest.warns(neps.NePSWarning, match="damaged"):
            result = neps.run(objective, root_directory=root, evaluations_to_spend=1)
        assert result.trials["1"].state is State.CORRUPTED
        assert len(result.trials) == 4


class TestReadableFiles:
    def test_the_folder_of_the_contract(self, root):
        small_run(root)
        names = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and ".neps" not in p.parts}
        trials = {f"configs/config_{i}/{f}" for i in (1, 2, 3) for f in ("config.yaml", "report.yaml", "metadata.json")}
        summary = {f"summary/{f}" for f in ("full.csv", "short.csv", "best_config_trajectory.txt", "best_config.txt")}
        assert names == trials | summary | {"optimizer_info.yaml", "optimizer_state.pkl", "pipeline_space.yaml"}
        trial = open_run(root).trials["2"]
        assert yaml.safe_load((root / "configs/config_2/config.yaml").read_text()) == trial.config
        report = yaml.safe_load((root / "configs/config_2/report.yaml").read_text())
        assert report["objective_to_minimize"] == trial.report.objective_to_minimize
        assert report["reported_as"] == "success"
        metadata = json.loads((root / "configs/config_2/metadata.json").read_text())
        assert metadata["time_sampled"] <= metadata["time_started"] <= metadata["time_end"] <= time.time()
        assert yaml.safe_load((root / "optimizer_info.yaml").read_text())["name"] == "bayesian_optimization"
        assert pickle.loads((root / "optimizer_state.pkl").read_bytes())["seed"] == 1

    def test_they_are_made_again_where_a_crash_came_between(self, root):
        small_run(root)
        before = contents(root)
        (root / "configs/config_1/report.yaml").unlink()
        shutil.rmtree(root / "configs/config_2")
        (root / "pipeline_space.yaml").unlink()
        (root / "optimizer_state.pkl").write_bytes(b"")
        neps.run(objective, root_directory=root, evaluations_to_spend=0)
        assert contents(root) == before
        assert (root / "pipeline_space.yaml").exists()
        assert pickle.loads((root / "optimizer_state.pkl").read_bytes())["seed"] == 1

    def test_moving_the_folder_works(self, root):
        small_run(root)
        moved = root.parent / "elsewhere" / "run"
        moved.parent.mkdir()
        shutil.move(root, moved)
        assert len(neps.run(objective, root_directory=moved, evaluations_to_spend=1).trials) == 4
        assert not root.exists()

    def test_tracebacks_are_readable(self, root):
        def fails(x: float) -> float:
            raise ValueError("no\nwonder")

        neps.run(fails, SPACE, root_directory=root, evaluations_to_spend=1, ignore_errors=True)
        text = (root / "configs/config_1/report.yaml").read_text()
        assert "tb: |" in text
        assert 'raise ValueError("no\\nwonder")' in text

    def test_an_edited_file_is_named(self, root):
        small_run(root)
        path = root / "pipeline_space.yaml"
        path.write_text(path.read_text().replace("upper: 1", "upper: 2"))
        with pytest.raises(StorageError, match=r"pipeline_space\.yaml was changed"):
            neps.load_pipeline_space(root)
        with pytest.raises(StorageError, match=r"pipeline_space\.yaml was changed"):
            neps.run(objective, root_directory=root, evaluations_to_spend=1)
        path.unlink()
        assert len(neps.run(objective, root_directory=root, evaluations_to_spend=1).trials) == 4

    @pytest.mark.parametrize("name", ["pipeline_space.yaml", "optimizer_info.yaml"])
    def test_yaml_with_code_in_it_is_refused(self, root, name):
        small_run(root)
        (root / name).write_text(f"!!python/object/apply:os.system ['touch {root}/owned']")
        with pytest.raises(StorageError, match=r"\.yaml was changed"):
            neps.run(objective, root_directory=root, evaluations_to_spend=1)
        assert not (root / "owned").exists()

    def test_a_pickle_with_code_in_it_is_refused(self, root):
        class Evil:
            def __reduce__(self):
                return os.system, (f"touch {root}/owned",)

        small_run(root)
        (root / "optimizer_state.pkl").write_bytes(pickle.dumps(Evil()))
        with pytest.raises(StorageError, match=r"optimizer_state\.pkl was changed"):
            neps.run(objective, root_directory=root, evaluations_to_spend=1)
        assert not (root / "owned").exists()
        (root / "optimizer_state.pkl").unlink()
        assert len(neps.run(objective, root_directory=root, evaluations_to_spend=1).trials) == 4

    def test_another_optimizer_is_recorded_and_shown(self, root):
        small_run(root)
        neps.run(objective, root_directory=root, evaluations_to_spend=1, optimizer="grid_search")
        assert neps.load_optimizer_info(root)["name"] == "grid_search"
        assert yaml.safe_load((root / "optimizer_info.yaml").read_text())["name"] == "grid_search"


class TestFullDisk:
    PROGRAM = """
        import resource, sys, neps
        from neps_core import claims
        claims.RETRIES = (0.01, 0.01, 0.01)
        root, mode = sys.argv[1:]
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        def limit(more):
            size = (__import__("pathlib").Path(root) / ".neps/journal.jsonl").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + more, hard))
        def evaluate(x, pipeline_id):
            if pipeline_id == "3":
                limit(60)  # half of the result's line fits
            return x
        if mode == "emptied":
            claims.time.sleep = lambda _: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=5)
    """

    def test_a_result_waits_for_room(self, root, script):
        script.write(self.PROGRAM)
        script.run(root, "emptied")
        assert [t.state for t in open_run(root).trials.values()] == [State.SUCCESS] * 5

    def test_a_result_that_finds_no_room_is_told_and_nothing_else_is_lost(self, root, script):
        script.write(self.PROGRAM)
        _, err = script.run(root, "full", code=1)
        assert "StorageError: the result of trial 3 could not be stored" in err
        saved = Path(err.rpartition("It is kept in ")[2].strip().removesuffix("."))
        trials = open_run(root).trials
        assert json.loads(saved.read_text())["objective_to_minimize"] == trials["3"].config["x"]
        saved.unlink()
        assert [trials[i].state for i in ("1", "2")] == [State.SUCCESS] * 2
        neps.run(objective, root_directory=root, evaluations_to_spend=1)
        assert open_run(root).trials["3"].state is State.SUCCESS


class TestRefusals:
    def test_a_root_that_is_a_file(self, root):
        root.write_text("hello")
        with pytest.raises(StorageError, match="is a file"):
            small_run(root)
        assert root.read_text() == "hello"

    def test_a_root_that_can_not_be_written(self):
        with pytest.raises(StorageError, match="can't create a run in /proc"):
            small_run(Path("/proc/neps"))

    def test_a_later_format(self, root):
        small_run(root)
        path = journal(root)
        path.write_bytes(encode([ev.Created(99, 1, 1.0)], 1))
        with pytest.raises(StorageError, match="format 99"):
            small_run(root)

    def test_a_folder_of_another_version(self, root):
        (root / "configs").mkdir(parents=True)
        (root / "optimizer_info.yaml").write_text("name: x\n")
        (root / "pipeline_space.yaml").write_text("x: 1\n")
        with pytest.raises(StorageError, match="another version"):
            small_run(root)

    def test_overwriting_what_is_no_run(self, root):
        root.mkdir()
        (root / "thesis.tex").write_text("important")
        with pytest.raises(StorageError, match="does not look like a run"):
            neps.run(objective, SPACE, root_directory=root, overwrite_root_directory=True, evaluations_to_spend=1)
        assert (root / "thesis.tex").read_text() == "important"

    def test_overwriting_a_run(self, root):
        small_run(root)
        result = neps.run(objective, SPACE, root_directory=root, overwrite_root_directory=True, evaluations_to_spend=1)
        assert list(result.trials) == ["1"]

    def test_bad_arguments_leave_the_old_run_alone(self, root):
        small_run(root)
        with pytest.raises(neps.NePSError):
            neps.run(lambda y: y, SPACE, root_directory=root, overwrite_root_directory=True, evaluations_to_spend=1)
        assert len(open_run(root).trials) == 3

    def test_an_unknown_scheme(self):
        with pytest.raises(StorageError, match="no installed plugin stores runs in 'gopher://x'"):
            open_storage("gopher://x")


class TestWhatIsLeftBehind:
    def test_folders_of_trials_that_do_not_exist(self, root, caplog):
        small_run(root, 2)
        configs = root / "configs"
        for name in ("config_7", "config_8_rung_1", "config_mine", "config_1_backup", "config_9", "notes"):
            (configs / name).mkdir()
        (configs / "config_7/checkpoint.pt").write_text("of a trial that a power cut took back")
        (configs / "config_mine/config.yaml").write_text("x: 1")
        (configs / "config_1_backup/checkpoint.pt").write_text("a copy that somebody has made")
        (configs / "config_9/report.yaml").write_text("reported_as: success")
        (configs / "config_1/config.yaml.tmp").write_text("half")
        (root / "pipeline_space.yaml.tmp").write_text("half")
        (root / "summary/full.csv.tmp").write_text("half")
        small_run(root, 1)
        assert {p.name for p in configs.iterdir()} == {
            "config_1",
            "config_2",
            "config_3",
            "config_1_backup",
            "config_9",
            "notes",
        }
        assert "config_9 holds the result of a trial that the journal does not have" in caplog.text
        assert not list(root.rglob("*.tmp"))
