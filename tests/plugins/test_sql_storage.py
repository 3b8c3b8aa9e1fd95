"""Runs in databases: SQLite always, PostgreSQL and MariaDB where they are installed."""

from __future__ import annotations

import gc
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from attrs import evolve

import neps
from neps_core import LockLostError, NotAnsweringError, RunGoneError, StorageError, TrialError, api, waiting
from neps_core import events as ev
from neps_core.cli import main
from neps_core.run import open_run
from neps_core.storage import open_storage, shown_location, storage_at, without_passwords
from neps_core.storage_check import check_storage
from neps_core.trials import Report, State
from neps_plugins import copying
from neps_plugins.copying import copy_run
from neps_plugins.report import write_report
from tests import databases
from tests.audit import audit_finished, audit_journal

sqlalchemy = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed: pip install 'neps-framework[sql]'")

from neps_plugins.storages.sql.session import Session  # noqa: E402
from neps_plugins.storages.sql.urls import parse_location  # noqa: E402

SPACE = {"x": neps.Float(0, 1)}

#: 300 trials and 15 kills a test, rather than 60 and 4.
IS_FULL = os.environ.get("NEPS_STORMS") == "full"


@pytest.fixture(scope="module")
def postgres() -> Iterator[databases.Server]:
    with databases.postgres() as server:
        yield server


@pytest.fixture(scope="module")
def mariadb() -> Iterator[databases.Server]:
    with databases.mariadb() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def url(request, tmp_path) -> str:
    """A database, and the name of a run that isn't there."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/runs.db"
    return f"{request.getfixturevalue(request.param).url}?run={uuid4().hex}"


@pytest.fixture
def sqlite(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture
def server_url(postgres) -> str:
    return f"{postgres.url}?run={uuid4().hex}"


def objective(x: float) -> float:
    return x


def run(root: Path, url: str, n: int = 3, function=objective, **more):
    return neps.run(
        function, SPACE, root_directory=root, storage=url, evaluations_to_spend=n, optimizer="random_search", **more
    )


def test_the_contract_of_storages(url, root):
    check_storage(lambda: open_storage(root, url))


class TestUse:
    def test_a_run_is_gone_on_with(self, url, root):
        assert len(run(root, url, seed=1).trials) == 3
        result = neps.run(objective, root_directory=root, storage=url, evaluations_to_spend=2)
        assert [trial.state for trial in result.trials.values()] == [State.SUCCESS] * 5
        assert (root / "configs/config_5/report.yaml").exists()
        assert not (root / ".neps/journal.jsonl").exists()
        full, _ = neps.status(root, storage=url)
        assert len(full) == 5
        audit_finished(root, 5, storage=url)

    def test_it_is_the_same_run_as_in_a_folder(self, url, root, tmp_path):
        here = run(root, url, seed=1)
        there = neps.run(
            objective, SPACE, root_directory=tmp_path / "b", evaluations_to_spend=3, optimizer="random_search", seed=1
        )
        assert [t.config for t in here.trials.values()] == [t.config for t in there.trials.values()]

    def test_all_that_takes_a_folder_takes_a_storage(self, sqlite, root):
        run(root, sqlite, 1, function=lambda x: None)
        neps.save_pipeline_results(0.5, "1", root, storage=sqlite)
        assert neps.enqueue(root, {"x": 0.25}, storage=sqlite) == ["2"]
        assert neps.import_trials([({"x": 0.75}, 3.0)], root, storage=sqlite) == ["3"]
        with neps.AskAndTell("auto", root_directory=root, storage=sqlite) as loop:
            asked = loop.ask()
            assert asked.config == {"x": 0.25}
            loop.tell(asked, 0.1)
        loaded = neps.load_trials(root, storage=sqlite)
        assert [result["objective_to_minimize"] for _, result in loaded] == [0.5, 0.1, 3.0]
        assert neps.load_optimizer_info(root, storage=sqlite)["name"] == "random_search"
        assert neps.load_pipeline_space(root, storage=sqlite).x.upper == 1
        assert [trial.id for trial in neps.clean(root, ["3"], storage=sqlite)] == ["3"]
        assert len(open_run(root, storage=sqlite).trials) == 2

    def test_two_hosts_each_with_its_own_folder(self, sqlite, tmp_path):
        one, other = tmp_path / "one" / "run", tmp_path / "other" / "run"
        run(one, sqlite)
        result = neps.run(objective, root_directory=other, storage=sqlite, evaluations_to_spend=2)
        assert len(result.trials) == 5
        assert (other / "configs/config_1/report.yaml").exists()
        assert not (one / "configs/config_5").exists()
        assert main(["publish", str(one), "--storage", sqlite]) == 0
        audit_finished(one, 5, storage=sqlite)

    def test_several_runs_in_one_database(self, sqlite, tmp_path):
        run(tmp_path / "a", sqlite, 1)
        run(tmp_path / "b", sqlite, 2)
        run(tmp_path / "c", f"{sqlite}?run=a", 1)
        sizes = [len(open_run(tmp_path / name, storage=sqlite).trials) for name in "ab"]
        assert sizes == [2, 2]

    def test_large_results_are_seen_by_all_hosts(self, url, root, tmp_path):
        curve = [i / 7 for i in range(20_000)]
        run(
            root,
            url,
            1,
            function=lambda x: {"objective_to_minimize": x, "learning_curve": curve, "extra": {"a": curve}},
        )
        name = "" if "run=" in url else f"?run={root.name}"
        ((_, result),) = neps.load_trials(tmp_path / "elsewhere", storage=url + name)
        assert list(result["learning_curve"]) == curve
        assert result["extra"]["a"] == curve

    def test_overwriting(self, url, root):
        run(root, url)
        following = open_run(root, storage=url)
        assert list(run(root, url, 1, overwrite_root_directory=True).trials) == ["1"]
        with pytest.raises(RunGoneError, match="overwritten"):
            following.refresh()

    def test_odd_text_comes_back(self, url, root):
        text = "é\0 '\"\\ \U0001f600"
        run(root, url, 1, function=lambda x: {"objective_to_minimize": float("inf"), "extra": {text: text}})
        trial = open_run(root, storage=url).trials["1"]
        assert trial.report.extra == {text: text}
        assert trial.report.objective_to_minimize == float("inf")


JOBS = """
    import sys, time
    import neps
    from neps_core.run import open_run

    location, storage, n = sys.argv[1], sys.argv[2] or None, int(sys.argv[3])
    done = set()
    while len(done) < n:
        run = open_run(location, storage=storage)
        for trial_id in run.log.evaluating:
            if trial_id not in done and run.trials[trial_id].metadata.is_asynchronous:
                neps.save_pipeline_results(run.trials[trial_id].config["x"], trial_id, location, storage=storage)
                done.add(trial_id)
        time.sleep(0.02)
"""


class TestResultsThatComeLater:
    @pytest.mark.parametrize("knows", ["the database", "a folder of its own"])
    def test_they_are_handed_in_by_another_host(self, url, root, script, knows):
        run(root, url, 1)  # there it is, for who looks for it
        located = url if "run=" in url else f"{url}?run={root.name}"
        script.write(JOBS)
        jobs = script.start(*((located, "") if knows == "the database" else (script.folder / "there", located)), 6)
        out: list[int] = []

        def submit(x):
            out.append(len(open_run(root, storage=url).log.evaluating))

        result = run(root, url, 6, function=submit, max_pending=2)
        _, err = jobs.communicate(timeout=60)
        assert jobs.returncode == 0, err
        assert databases.PASSWORD not in err
        assert max(out) <= 2
        assert len(result.trials) == 7
        trials = open_run(root, storage=url).trials
        assert [trial.state for trial in trials.values()] == [State.SUCCESS] * 7
        assert all(trial.report.objective_to_minimize == trial.config["x"] for trial in trials.values())

    def test_lost_ones_are_given_up_and_come_too_late(self, url, root, tmp_path):
        run(root, url, 1, function=lambda x: None)
        run(root, url, 1, function=lambda x: None, max_pending=1, pending_timeout=0)  # which the last one exceeds, too
        run(root, url, 1, function=lambda x: None)
        location = url if "run=" in url else f"{url}?run={root.name}"
        states = [trial.state for trial in open_run(root, storage=url).trials.values()]
        assert states == [State.CRASHED, State.CRASHED, State.EVALUATING]
        with pytest.raises(TrialError, match="is crashed, not being evaluated"):
            neps.save_pipeline_results(0.5, "1", tmp_path / "elsewhere", storage=location)
        neps.save_pipeline_results(0.5, "3", tmp_path / "elsewhere", storage=location)
        assert open_run(root, storage=url).trials["3"].state is State.SUCCESS

    def test_of_two_at_once_one_is_refused(self, sqlite, root):
        run(root, sqlite, 1, function=lambda x: None)
        refused = []

        def hand_in(value: float) -> None:
            try:
                neps.save_pipeline_results(value, "1", root, storage=sqlite)
            except TrialError:
                refused.append(value)

        threads = [threading.Thread(target=hand_in, args=(value,)) for value in (0.1, 0.2, 0.3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        trial = open_run(root, storage=sqlite).trials["1"]
        assert len(refused) == 2
        assert trial.report.objective_to_minimize not in refused
        assert not trial.superseded

    def test_one_that_is_handed_in_while_the_database_is_away(self, sqlite, root, monkeypatch, caplog):
        run(root, sqlite, 1, function=lambda x: None)
        away = [NotAnsweringError("it is starting up.")] * 2

        def opened(*arguments, **keywords):
            if away:
                raise away.pop()
            return open_run(*arguments, **keywords)

        monkeypatch.setattr(waiting, "RETRIES", (0.0, 0.0))
        monkeypatch.setattr(api, "open_run", opened)
        neps.save_pipeline_results(0.5, "1", root, storage=sqlite)
        assert "it is starting up. Next try" in caplog.text

    def test_the_connection_is_lost_meanwhile(self, postgres, server_url, root, caplog):
        run(root, server_url, 1, function=lambda x: None)
        parse = api.parse_result

        def losing(*arguments, **keywords):
            if not losing.done:
                losing.done = True
                end_connections(postgres)
            return parse(*arguments, **keywords)

        losing.done = False
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(api, "parse_result", losing)
            neps.save_pipeline_results(0.5, "1", root, storage=server_url)
        assert "is handed in once more" in caplog.text
        assert open_run(root, storage=server_url).trials["1"].report.objective_to_minimize == 0.5


def test_long_names_that_begin_alike_have_locks_of_their_own(tmp_path):
    database = f"sqlite:///{tmp_path}/runs.db?run={'試' * 100}"
    one, other = (open_storage(tmp_path / "run", database + end).locks for end in "ab")
    with one.lease("w"):
        assert one.living_workers() == ["w"]
        assert other.living_workers() == []


class TestRefusals:
    def test_spaces_around_a_name_which_mysql_ignores(self, root, tmp_path):
        with pytest.raises(StorageError, match="without spaces around it"):
            run(root, f"sqlite:///{tmp_path}/runs.db?run=mine%20")

    def test_a_database_without_a_run_is_no_fault_of_the_plugin(self, tmp_path, capsys):
        url = f"sqlite:///{tmp_path}/none.db"
        for command in ["status", "repair"]:
            assert main([command, "--storage", url]) != 0
            assert capsys.readouterr().err == f"error: there is no run in {url}.\n"
        with pytest.raises(FileNotFoundError, match="there is no run in"):
            neps.load_trials(url)
        assert not (tmp_path / "none.db").exists()

    def test_what_a_driver_does_not_know(self, root):
        pytest.importorskip("pymysql")
        with pytest.raises(StorageError, match="its driver takes no such URL .*'nonsense'") as refused:
            run(root, "mysql+pymysql://me:secret@127.0.0.1:1/search?nonsense=1")
        assert "secret" not in str(refused.value)

    @pytest.mark.parametrize("storage", ["runs.db", Path("runs.db"), 3])
    def test_what_is_no_url(self, root, storage):
        with pytest.raises(neps.NePSError, match="storage must be a URL"):
            run(root, storage)

    @pytest.mark.parametrize("storage", ["sqlite://", "sqlite:///:memory:"])
    def test_a_database_in_memory(self, root, storage):
        with pytest.raises(StorageError, match="names no file"):
            run(root, storage)

    def test_a_driver_that_is_not_there(self, root):
        with pytest.raises(StorageError, match="needs a driver that isn't installed"):
            run(root, "postgresql+nodriver://me:geheim@localhost/x")

    def test_a_folder_with_a_run_of_its_own(self, sqlite, root):
        neps.run(objective, SPACE, root_directory=root, evaluations_to_spend=1)
        with pytest.raises(StorageError, match=r"holds a run of its own.*neps copy"):
            run(root, sqlite)

    def test_a_folder_whose_run_is_in_a_database(self, sqlite, root):
        run(root, sqlite)
        with pytest.raises(StorageError, match=r"give storage="):
            neps.run(objective, SPACE, root_directory=root, evaluations_to_spend=1)

    def test_another_database_for_a_folder(self, sqlite, root):
        run(root, sqlite)
        with pytest.raises(StorageError, match=r"shows a run that is not in sqlite.*Check storage="):
            run(root, sqlite.replace("runs.db", "others.db"))

    def test_a_later_schema(self, sqlite, root):
        run(root, sqlite)
        engine = sqlalchemy.create_engine(sqlite)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("UPDATE neps_schema SET version = 99"))
        engine.dispose()
        with pytest.raises(StorageError, match="version 99"):
            run(root, sqlite)

    @pytest.mark.skipif(os.name == "nt", reason="Windows deletes no file that is open")
    @pytest.mark.parametrize("replaced", [False, True])
    def test_a_file_that_is_deleted_meanwhile(self, sqlite, root, tmp_path, monkeypatch, replaced):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where the result is kept
        file = tmp_path / "runs.db"

        def evaluate(x):
            if replaced:
                shutil.copy2(file, tmp_path / "other.db")
                os.replace(tmp_path / "other.db", file)
            else:
                file.unlink()
            return x

        with pytest.raises(RunGoneError, match=r"was deleted or replaced .* It is kept in .*neps-trial-1"):
            run(root, sqlite, function=evaluate)
        assert file.exists() == replaced

    def test_nothing_is_made_by_looking(self, sqlite, root, tmp_path):
        with pytest.raises(FileNotFoundError, match="no such run .*called as its root_directory"):
            neps.status(root, storage=sqlite)
        assert not list(tmp_path.iterdir())

    def test_a_file_where_nothing_may_be_written_can_be_looked_at(self, sqlite, root, monkeypatch):
        run(root, sqlite)
        gc.collect()  # or else the connection that wrote is there still
        monkeypatch.setattr(os, "access", lambda *_: False)
        assert len(neps.load_trials(root, storage=sqlite)) == 3
        with pytest.raises(StorageError, match="readonly database"):
            neps.enqueue(root, {"x": 0.5}, storage=sqlite)

    def test_a_database_that_does_not_answer(self, root):
        pytest.importorskip("psycopg")
        with pytest.raises(NotAnsweringError, match="can't connect"):
            run(root, "postgresql+psycopg://me:geheim@127.0.0.1:1/x")

    @pytest.mark.parametrize(
        ("said", "comes_back"),
        [
            ("connection failed: Connection refused", True),
            ("FATAL:  the database system is starting up", True),
            ("FATAL:  sorry, too many clients already", True),
            ('FATAL:  password authentication failed for user "me"', False),
            ("fe_sendauth: no password supplied", False),
            ('FATAL:  database "too" does not exist', False),
            ("(2003, \"Can't connect to MySQL server on 'host' ([Errno 111] Connection refused)\")", True),
            ("(1045, \"Access denied for user 'me'@'host' (using password: NO)\")", False),
        ],
    )
    def test_who_may_answer_a_moment_later(self, said, comes_back):
        session = Session(parse_location("sqlite:///x.db?run=x", None))
        session.address = evolve(session.address, file=None)  # as that of a server, whatever drivers are installed
        assert isinstance(session._understood(OSError(said), False), NotAnsweringError) == comes_back


class TestPasswords:
    @pytest.mark.parametrize(
        "location",
        [
            "postgresql://me:geheim@host/db",
            "postgresql://me:geheim@x/geheim@host/db",
            "gopher://me:geheim@host",
            "postgresql://host/db?user=me&password=geheim",
            "mysql://host/db?ssl_key_passphrase=geheim&run=a",
        ],
    )
    def test_they_are_not_shown(self, location):
        assert "geheim" not in shown_location(location)
        assert "***" in shown_location(location)
        assert "geheim" not in without_passwords(location)
        assert without_passwords("mysql://me:a@host/db?run=b&password=c") == "mysql://me@host/db?run=b"

    @pytest.mark.parametrize("scheme", ["gopher", "postgresql+nodriver", "postgresql+psycopg"])
    def test_no_message_holds_them(self, root, scheme):
        with pytest.raises(StorageError) as error:
            run(root, f"{scheme}://me:geheim@127.0.0.1:1/x")
        seen: list[str] = []
        reason: BaseException | None = error.value
        while reason is not None:
            seen.append(repr(reason))
            reason = reason.__cause__ or (None if reason.__suppress_context__ else reason.__context__)
        assert "geheim" not in "".join(seen)

    @pytest.mark.parametrize("server", ["postgres", "mariadb"])
    def test_no_file_and_no_log_holds_them(self, request, server, root, caplog, capsys):
        url = f"{request.getfixturevalue(server).url}?run={uuid4().hex}"
        caplog.set_level(logging.DEBUG)
        run(root, url)
        assert main(["status", str(root), "--storage", url]) == 0
        assert main(["status", "--storage", url]) == 0
        assert "neps:***@" in capsys.readouterr().out
        with pytest.raises(StorageError) as wrong:
            run(root, url.replace(databases.PASSWORD, "wr0ng-password"))
        assert "wr0ng-password" not in str(wrong.value) + caplog.text
        assert databases.PASSWORD not in caplog.text
        for path in root.rglob("*"):
            assert not path.is_file() or databases.PASSWORD.encode() not in path.read_bytes(), path

    def test_an_executor_whose_jobs_are_files_does_not_get_them(self, postgres, server_url, root, script, tmp_path):
        pytest.importorskip("submitit")
        script.write(
            """
            import sys, neps

            def evaluate(x):
                neps.report(x, 1)
                return x

            if __name__ == "__main__":
                neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], storage=sys.argv[2],
                         executor=("slurm", {"cluster": "local", "folder": "jobs"}), n_workers=1,
                         optimizer="random_search", evaluations_to_spend=1, ignore_errors=True)
            """
        )
        script.run(root, server_url)
        trial = open_run(root, storage=server_url).trials["1"]
        assert "NEPS_STORAGE_PASSWORD" in trial.report.err  # it says what is missing there
        script.environment["NEPS_STORAGE_PASSWORD"] = databases.PASSWORD
        script.run(root, server_url)
        assert [len(trial.points) for trial in open_run(root, storage=server_url).trials.values()] == [0, 1]
        written = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any("jobs" in path.parts for path in written)
        for path in written:
            assert databases.PASSWORD.encode() not in path.read_bytes(), path

    def test_the_password_may_come_from_the_environment(self, postgres, root, monkeypatch):
        url = without_passwords(f"{postgres.url}?run={uuid4().hex}")
        assert databases.PASSWORD not in url
        with pytest.raises(StorageError, match="NEPS_STORAGE_PASSWORD"):
            run(root, url)
        monkeypatch.setenv("NEPS_STORAGE_PASSWORD", databases.PASSWORD)
        assert len(run(root, url).trials) == 3


class TestCommands:
    def test_status_finds_the_only_run(self, sqlite, root, tmp_path, capsys):
        run(root, sqlite)
        assert main(["status", "--storage", sqlite]) == 0
        assert "3 success" in capsys.readouterr().out
        run(tmp_path / "other", sqlite)
        assert main(["status", "--storage", sqlite]) == 1
        assert "holds 2 runs" in capsys.readouterr().err
        assert main(["status", "--storage", f"{sqlite}?run=other", "--json"]) == 0
        assert '"success": 3' in capsys.readouterr().out

    def test_status_needs_one_of_both(self, capsys):
        with pytest.raises(SystemExit):
            main(["status"])
        assert "ROOT" in capsys.readouterr().err

    def test_enqueue_and_clean(self, sqlite, root, tmp_path):
        run(root, sqlite)
        (tmp_path / "configs.yaml").write_text("x: 0.5\n")
        assert main(["enqueue", str(root), str(tmp_path / "configs.yaml"), "--storage", sqlite]) == 0
        assert main(["clean", str(root), "--trial_ids", "1", "--storage", sqlite]) == 0
        assert list(open_run(root, storage=sqlite).trials) == ["2", "3", "4"]


class TestEveryCall:
    """All that takes a folder takes a storage, or the URL in the folder's place."""

    @pytest.fixture
    def made(self, sqlite, root) -> str:
        run(root, sqlite)
        return sqlite

    @pytest.mark.parametrize(
        "call",
        [
            lambda root, storage: neps.status(root, storage=storage)[0],
            lambda root, storage: neps.load_trials(root, storage=storage),
            lambda root, storage: neps.load_pipeline_space(root, storage=storage),
            lambda root, storage: neps.load_optimizer_info(root, storage=storage),
            lambda root, storage: neps.load_config(root, config_id="1", storage=storage),
            lambda root, storage: neps.clean(root, ["1"], storage=storage),
            lambda root, storage: neps.enqueue(root, {"x": 0.25}, storage=storage),
            lambda root, storage: write_report(root, "report.html", storage=storage),
        ],
        ids=["status", "load_trials", "space", "optimizer", "load_config", "clean", "enqueue", "report"],
    )
    @pytest.mark.parametrize("by", ["folder and URL", "URL"])
    def test_a_function(self, made, root, tmp_path, monkeypatch, call, by):
        monkeypatch.chdir(tmp_path)
        assert call(*((root, made) if by == "URL" else (f"{made}?run={root.name}", None))) is not None
        with pytest.raises(FileNotFoundError):
            call(tmp_path / "elsewhere", made)

    @pytest.mark.parametrize(
        "words",
        [
            ["status"],
            ["enqueue", "FILE"],
            ["clean", "--trial_ids", "1"],
            ["report", "-o", "report.html"],
            ["plot", "--kind", "anytime"],
        ],
        ids=lambda words: words[0],
    )
    @pytest.mark.parametrize("by", ["folder and URL", "URL", "URL as ROOT"])
    def test_a_command(self, made, root, tmp_path, monkeypatch, capsys, words, by):
        if words[0] == "plot":
            pytest.importorskip("matplotlib")
        monkeypatch.chdir(tmp_path)
        (tmp_path / "FILE").write_text("x: 0.5\n")
        url = f"{made}?run={root.name}"
        command, *options = words
        root_given = {"folder and URL": [str(root)], "URL": [], "URL as ROOT": [url]}[by]
        storage = {"folder and URL": ["--storage", made], "URL": ["--storage", url], "URL as ROOT": []}[by]
        assert main([command, *root_given, *options, *storage]) == 0, capsys.readouterr().err

    def test_the_files_of_pictures_and_configurations(self, made, root, tmp_path, monkeypatch):
        pytest.importorskip("matplotlib")
        assert {path.parent for path in neps.plot(root, storage=made)} == {root / "summary"}
        monkeypatch.chdir(tmp_path)
        assert {path.parent for path in neps.plot(f"{made}?run={root.name}")} == {tmp_path / "summary"}
        config = neps.load_config(root / "configs/config_1", storage=made)
        assert config == neps.load_config(root, config_id="1", storage=made)

    def test_repair_says_whose_it_is(self, made, root, capsys):
        assert main(["repair", str(root), "--storage", made]) == 1
        assert "neps publish ROOT --storage URL" in capsys.readouterr().err

    def test_the_dashboard(self, made, root):
        pytest.importorskip("starlette")
        from neps_plugins.dashboard.changes import ACTIONS
        from neps_plugins.dashboard.followed import Followed

        for i, followed in enumerate((Followed(root, "a", made), Followed(f"{made}?run={root.name}", "a"))):
            assert followed.pulse()["problem"] is None
            before = followed.pulse()["version"]
            ACTIONS["enqueue"](followed, {"text": f'{{"x": 0.{i + 1}}}'})
            followed.look_again()
            assert followed.pulse()["version"] != before

    def test_the_dashboard_shows_no_password(self):
        pytest.importorskip("starlette")
        from neps_plugins.dashboard.followed import Followed
        from neps_plugins.report import labels

        url = "postgresql+nodriver://me:geheim@host/db?run=a"
        pulse = Followed(url, labels([url])[0]).pulse()
        assert pulse["problem"] is not None
        assert "geheim" not in str(pulse)


def history(run) -> list[ev.Event]:
    return [run.folder.whole(event) for event in run.journal.read(0)[0]]


class TestCopy:
    def test_there_and_back(self, url, tmp_path, capsys):
        curve = [i / 7 for i in range(20_000)]

        def evaluate(x):
            neps.report(x, 1, loss=x)
            return {"objective_to_minimize": x, "learning_curve": curve, "extra": {"a": curve, "b": 1}}

        neps.run(evaluate, SPACE, root_directory=tmp_path / "a", evaluations_to_spend=3, optimizer="random_search")
        original = history(open_run(tmp_path / "a"))
        assert main(["copy", str(tmp_path / "a"), url]) == 0
        assert "copied: 3 trial(s)" in capsys.readouterr().out
        name = url if "run=" in url else f"{url}?run=a"
        assert history(open_run(tmp_path / "x", storage=name)) == original
        second = f"sqlite:///{tmp_path}/second.db?run=again"
        assert main(["copy", name, second]) == 0
        assert main(["copy", second, str(tmp_path / "b")]) == 0
        back = open_run(tmp_path / "b", check=True)
        assert history(back) == original
        audit_folder = neps.run(evaluate, root_directory=tmp_path / "b", evaluations_to_spend=1)
        assert len(audit_folder.trials) == 4
        audit_finished(tmp_path / "b", 4)

    def test_what_is_there_is_not_touched(self, sqlite, root, tmp_path):
        run(root, sqlite)
        neps.run(objective, SPACE, root_directory=tmp_path / "f", evaluations_to_spend=1)
        with pytest.raises(StorageError, match="there is a run"):
            copy_run(tmp_path / "f", f"{sqlite}?run={root.name}")
        with pytest.raises(neps.NePSError, match=r"\?run=NAME"):
            copy_run(f"{sqlite}?run={root.name}", sqlite)
        with pytest.raises(FileNotFoundError):
            copy_run(tmp_path / "nothing", sqlite)
        assert len(open_run(root, storage=sqlite).trials) == 3

    def test_a_copy_that_fails_leaves_nothing(self, sqlite, tmp_path):
        curve = [i / 7 for i in range(20_000)]
        evaluate = lambda x: {"objective_to_minimize": x, "extra": {"a": curve}}  # noqa: E731
        neps.run(evaluate, SPACE, root_directory=tmp_path / "f", evaluations_to_spend=1)
        next((tmp_path / "f/configs/config_1").glob("extra*")).unlink()
        with pytest.raises(StorageError, match="Restore that file"):
            copy_run(tmp_path / "f", sqlite)
        assert not open_storage(tmp_path / "f2", f"{sqlite}?run=f").journal.exists()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is forked for every try")
    @pytest.mark.parametrize("way", ["folder to database", "folder to server", "database to folder"])
    def test_one_that_is_killed_on_the_way_is_no_run(self, request, sqlite, tmp_path, monkeypatch, way):
        curve = [i / 7 for i in range(2_000)]
        neps.run(
            lambda x: {"objective_to_minimize": x, "extra": {"a": curve}},
            SPACE,
            root_directory=tmp_path / "f",
            evaluations_to_spend=6,
            optimizer="random_search",
        )
        source: str | Path = tmp_path / "f"
        if way == "database to folder":
            copy_run(source, sqlite)
            source = f"{sqlite}?run=f"
        monkeypatch.setattr(copying, "BATCH", 2)
        original = [old.folder.whole(event) for old in [storage_at(str(source))] for event in old.journal.read(0)[0]]

        def target(n: int) -> str:
            if way == "folder to server":
                return f"{server}?run={prefix}-{n}"
            return str(tmp_path / f"copy{n}") if way.endswith("folder") else f"sqlite:///{tmp_path}/copy{n}.db?run=f"

        server = request.getfixturevalue("postgres").url if way.endswith("server") else ""
        prefix = uuid4().hex
        copy_run(source, target(-1))  # so that what is compiled once is
        n_calls, _ = calls_until_killed(lambda: copy_run(source, target(0)), 0)
        kept = set()
        for at in [int(n) for n in np.random.default_rng(1).integers(1, int(n_calls * 0.9), 8)] + [int(n_calls * 0.9)]:
            _, was_killed = calls_until_killed(lambda: copy_run(source, target(at)), at)
            assert was_killed
            there = storage_at(target(at))
            kept.add(len(there.journal.read(0)[0]) if there.journal.exists() else 0)
            try:
                copy_run(source, target(at))
            except StorageError as refusal:  # then it is whole
                assert "a run in" in str(refusal)
            there, old = storage_at(target(at)), storage_at(str(source))
            assert [there.folder.whole(event) for event in there.journal.read(0)[0]] == original
            assert [old.folder.whole(event) for event in old.journal.read(0)[0]] == original
        assert 0 in kept <= {0, len(original)}


def calls_until_killed(work, at: int) -> tuple[int, bool]:
    """Do something in a forked process that is killed when it calls its n-th function; 0 for never.

    Returns:
        How many functions it has called, if it came to its end; and whether it was killed.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        n = 0

        def count(frame, event, argument) -> None:
            nonlocal n
            n += event == "call"
            if n == at:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.setprofile(count)
            work()
            sys.setprofile(None)
            os.write(writer, str(n).encode())
        finally:
            os._exit(0)
    os.close(writer)
    _, status = os.waitpid(pid, 0)
    said = os.read(reader, 100)
    os.close(reader)
    assert said or status == signal.SIGKILL
    return int(said or b"0"), status == signal.SIGKILL


# ---------------------------------------------------------------------- what goes wrong

WORKER = """
    import json, logging, sys, time
    import neps

    logging.basicConfig(level=logging.INFO)
    root, url, worker, n, seconds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])

    class Told:
        def neps_trial_finished(self, trial):
            with open(f"told-{worker}.jsonl", "a") as file:
                file.write(json.dumps([trial.id, trial.report.objective_to_minimize]) + chr(10))

    def evaluate(x, pipeline_directory):
        (pipeline_directory / "began").touch()
        time.sleep(seconds)
        return x

    neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=root, storage=url, worker_id=worker, seed=3,
             total_evaluations_to_spend=n, optimizer="random_search", observers=("summary", Told()))
"""


def told_by(folder: Path) -> dict[str, float]:
    lines = [json.loads(line) for path in folder.glob("told-*.jsonl") for line in path.read_text().splitlines()]
    return dict(lines)


def test_the_trial_of_a_killed_worker_is_taken_at_once(url, root, script, wait_for):
    script.write(WORKER)
    victim = script.start(root, url, "victim", 1, 60)
    wait_for(lambda: (root / "configs/config_1/began").exists())
    assert open_run(root, storage=url).locks.living_workers() == ["victim"]
    victim.kill()
    victim.wait()
    script.run(root, url, "heir", 1, 0)
    trial = open_run(root, storage=url).trials["1"]
    assert (trial.state, trial.metadata.evaluating_worker_id) == (State.SUCCESS, "heir")
    assert trial.metadata.starts == 2


def test_a_worker_that_is_told_to_leave_puts_its_trial_back(url, root, script, wait_for):
    script.write(WORKER)
    worker = script.start(root, url, "worker", 1, 60)
    wait_for(lambda: (root / "configs/config_1/began").exists())
    worker.terminate()
    worker.communicate(timeout=30)
    run = open_run(root, storage=url)
    assert (run.trials["1"].state, run.trials["1"].metadata.starts) == (State.PENDING, 0)
    assert not run.locks.living_workers()


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "mariadb", "postgres, restarted"])
def test_four_workers_that_are_killed_at_random(request, kind, root, script, wait_for, tmp_path):
    """Again and again one of them is killed, and another one takes its place."""
    n, kills, rng = (300, 15, random.Random(1)) if IS_FULL else (60, 4, random.Random(1))
    with ExitStack() as stack:
        server: databases.Server | None = None
        if kind == "sqlite":
            url = f"sqlite:///{tmp_path}/runs.db"
        else:
            is_own = kind == "postgres, restarted"
            server = stack.enter_context(databases.postgres()) if is_own else request.getfixturevalue(kind)
            url = f"{server.url}?run={uuid4().hex}"
        script.write(WORKER)
        workers = {i: script.start(root, url, f"worker{i}", n, 0.03) for i in range(4)}
        for i in range(kills):
            reached = root / f"configs/config_{(i + 1) * n // (kills + 2)}/began"
            wait_for(reached.exists, 120.0)
            victim = rng.choice(sorted(workers))
            workers.pop(victim).kill()
            workers[4 + i] = script.start(root, url, f"worker{4 + i}", n, 0.03)
            if server is not None and kind == "postgres, restarted" and i == kills // 2:
                server.stop(signal.SIGQUIT)
                server.start()
        for worker in workers.values():
            _, err = worker.communicate(timeout=120)
            assert worker.returncode == 0, err
            assert databases.PASSWORD not in err
        audit_journal(root, told_by(script.folder), url)
        audit_finished(root, n, storage=url)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_the_database_is_restarted_in_the_middle(number, root, script, wait_for):
    with databases.postgres() as server:
        url = f"{server.url}?run=a"
        script.write(WORKER)
        workers = [script.start(root, url, f"worker{i}", 60, 0.03) for i in range(2)]
        wait_for(lambda: (root / "configs/config_20/began").exists())
        server.stop(number)
        server.start()
        for worker in workers:
            _, err = worker.communicate(timeout=60)
            assert worker.returncode == 0, err
            assert "again" in err
            assert databases.PASSWORD not in err
        audit_journal(root, told_by(script.folder), url)
        audit_finished(root, 60, storage=url)


def end_connections(server: databases.Server) -> None:
    """As a broken network does."""
    engine = sqlalchemy.create_engine(server.url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        connection.execute(
            sqlalchemy.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )


class TestLostConnections:
    def test_a_lost_connection_is_made_again(self, postgres, server_url, root, caplog):
        def evaluate(x):
            end_connections(postgres)
            return x

        result = run(root, server_url, 4, function=evaluate)
        assert [t.metadata.starts for t in result.trials.values()] == [1] * 4
        audit_journal(root, {i: t.config["x"] for i, t in result.trials.items()}, server_url)
        assert "Connected" in caplog.text

    def test_a_lease_that_fell_ends_in_a_superseded_result(self, postgres, server_url, root, monkeypatch):
        from neps_plugins.storages.sql import server_locks

        monkeypatch.setattr(server_locks, "BEAT", 1000.0)

        def evaluate(x, pipeline_id):
            if pipeline_id == "1":
                end_connections(postgres)
                heir = neps.AskAndTell("auto", root_directory=root, storage=server_url)
                taken = heir.ask()
                assert taken.id == "1"
                heir.tell(taken, -1.0)
                heir.close()
            return x

        result = run(root, server_url, 2, function=evaluate)
        first = result.trials["1"]
        assert first.report.objective_to_minimize == -1.0
        assert [report.objective_to_minimize for report in first.superseded] == [first.config["x"]]
        assert result.trials["2"].state is State.SUCCESS

    def test_others_are_not_taken_for_dead_by_whoever_comes_back_first(self, postgres, server_url, root):
        run(root, server_url, 1)
        one, other = (open_storage(root, server_url) for _ in range(2))
        with one.locks.lease("w"):
            assert other.locks.is_alive("w")
            end_connections(postgres)
            assert other.locks.is_alive("w")

    def test_a_lease_is_taken_again(self, postgres, server_url, root, wait_for, monkeypatch):
        from neps_plugins.storages.sql import server_locks

        monkeypatch.setattr(server_locks, "BEAT", 0.05)
        run(root, server_url, 1)
        with open_storage(root, server_url).locks.lease("w"):
            end_connections(postgres)
            wait_for(lambda: open_storage(root, server_url).locks.living_workers() == ["w"])

    def test_a_lease_that_the_lost_connection_still_has_is_taken_later(
        self, postgres, server_url, root, wait_for, monkeypatch
    ):
        from neps_plugins.storages.sql import server_locks

        monkeypatch.setattr(server_locks, "BEAT", 0.05)
        run(root, server_url, 1)
        take, tries = server_locks.ServerLocks._take, []

        def refused(self, *arguments, **more):
            tries.append(arguments)
            return len(tries) > 3 and take(self, *arguments, **more)

        with open_storage(root, server_url).locks.lease("w"):
            monkeypatch.setattr(server_locks.ServerLocks, "_take", refused)
            end_connections(postgres)
            wait_for(lambda: open_storage(root, server_url).locks.living_workers() == ["w"])
        assert len(tries) == 4

    def test_what_was_found_out_under_a_lost_lock_is_not_written(self, postgres, server_url, root):
        run(root, server_url, 1)
        mine = open_run(root, storage=server_url)
        before = len(mine.journal.read(0)[0])
        with pytest.raises(LockLostError), mine.locked("sampling"):
            end_connections(postgres)
            mine.record(ev.Noted("1", "decided before", 1.0))
        assert len(open_storage(root, server_url).journal.read(0)[0]) == before
        mine.record(ev.Noted("1", "decided now", 1.0))
        assert open_run(root, storage=server_url).log.notes == {"1": "decided now"}

    @pytest.mark.parametrize("was_written", [True, False])
    def test_a_connection_that_is_lost_while_something_is_written(self, url, root, monkeypatch, was_written):
        from neps_plugins.storages.sql.journal import SqlJournal
        from neps_plugins.storages.sql.session import ConnectionLostError

        run(root, url, 1)
        mine = open_run(root, storage=url)
        before = len(mine.journal.read(0)[0])
        insert = SqlJournal._insert

        def lost(self, *arguments):
            monkeypatch.undo()
            if was_written:
                insert(self, *arguments)
            raise ConnectionLostError("gone")

        monkeypatch.setattr(SqlJournal, "_insert", lost)
        mine.record(ev.Noted("1", "once", 1.0))  # it looks, and (if nothing was written) does it again
        assert mine.log.notes == {"1": "once"}
        assert len(open_storage(root, url).journal.read(0)[0]) == before + 1

    @pytest.mark.parametrize("kind", ["postgres", "mariadb"])
    def test_a_forked_child_does_not_end_its_parents_connection(self, request, kind, root):
        url = f"{request.getfixturevalue(kind).url}?run={uuid4().hex}"

        def evaluate(x):
            others = open_storage(root, url)
            pid = os.fork()
            if pid == 0:
                try:
                    neps.status(root, storage=url)  # with a connection of its own
                finally:
                    sys.stdout.flush()
                    os._exit(0)
            os.waitpid(pid, 0)
            assert len(others.locks.living_workers()) == 1
            return x

        result = run(root, url, 2, function=evaluate)
        assert [t.state for t in result.trials.values()] == [State.SUCCESS] * 2


def test_a_position_is_a_number(sqlite, root):
    storage = open_storage(root, sqlite)
    storage.journal.create()
    assert storage.journal.read(0) == ([], 0)
    with storage.locks.lock("journal"):
        storage.journal.append([ev.Created(ev.FORMAT, 1, 1.0)])
        storage.journal.append([ev.Sampled("1", {}), ev.Finished("1", 1.0, State.SUCCESS, Report(1.0))])
    events, position = storage.journal.read(1)
    assert [type(event) for event in events] == [ev.Sampled, ev.Finished]
    assert position == 2


def test_a_damaged_record_is_told(sqlite, root):
    run(root, sqlite)
    engine = sqlalchemy.create_engine(sqlite)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE neps_events SET record = '[{' WHERE number = 3"))
    engine.dispose()
    with pytest.raises(StorageError, match="is damaged"):
        open_run(root, storage=sqlite)


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def test_a_relative_file_stays_where_it_is(tmp_path, root):
    (tmp_path / "elsewhere").mkdir()

    def evaluate(x):
        os.chdir(tmp_path / "elsewhere")
        return x

    with working_in(tmp_path):
        run(root, "sqlite:///runs.db", 2, function=evaluate)
    assert (tmp_path / "runs.db").exists()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_an_executors_processes_report_into_the_database(sqlite, root, script):
    """They open the run where it is kept, not in the folder."""
    script.write(
        """
        import sys, neps

        def evaluate(x):
            neps.report(x + 1, 1)
            neps.report(x, 2)
            return x

        if __name__ == "__main__":
            neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], storage=sys.argv[2], n_workers=2,
                     optimizer="random_search", evaluations_to_spend=4)
        """
    )
    script.run(root, sqlite)
    run = open_run(root, storage=sqlite)
    assert [len(trial.points) for trial in run.trials.values()] == [2, 2, 2, 2]
