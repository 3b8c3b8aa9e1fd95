"""`neps.tblogger`: logs for TensorBoard, read back with TensorBoard's own reader."""

from __future__ import annotations

import sys
from itertools import pairwise

import pytest

import neps
from neps_core import NePSError, NotInTrialError, TrialError
from neps_core.cleaning import clean
from neps_plugins.compat import tblogger

pytest.importorskip("tensorboardX")
accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

SPACE = {"x": neps.Float(0, 1)}
CURVE = "Summary/Incumbent_graph"


def read(folder):
    found = accumulator.EventAccumulator(str(folder))
    found.Reload()
    return found


def scalars(folder, tag):
    return [(event.step, pytest.approx(event.value)) for event in read(folder).Scalars(tag)]


def incumbents(root):
    return scalars(root / "summary_tb", CURVE)


def lines_of_hparams(root):
    """The page HPARAMS, as TensorBoard makes it: hyperparameters and results by log."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.hparams import api_pb2, list_session_groups
    from tensorboard.plugins.hparams.backend_context import Context

    logs = EventMultiplexer().AddRunsFromDirectory(str(root)).Reload()
    context = Context(TBContext(data_provider=MultiplexerDataProvider(logs, str(root))))
    request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=100, allowed_statuses=[0, 1, 2, 3])
    answer = list_session_groups.Handler(RequestContext(), context, "", request).run()
    return {
        group.name: (
            {key: value.number_value or value.string_value for key, value in group.hparams.items()},
            {value.name.tag: value.value for value in group.metric_values},
        )
        for group in answer.session_groups
    }


class Staged(neps.PipelineSpace):
    lr = neps.Float(1e-3, 1e-1, log=True)
    optim = neps.Categorical(["adam", "sgd"])
    epochs = neps.IntegerFidelity(1, 4)


def test_logs_of_trials_and_of_those_that_continue_them(root):
    def train(lr, optim, epochs, previous_pipeline_directory):
        writer = tblogger.ConfigWriter(write_summary_incumbent=True)
        for epoch in range(2 if previous_pipeline_directory else 0, epochs):
            writer.add_scalar(tag="loss", scalar_value=lr / (epoch + 1), global_step=epoch)
        writer.add_hparams(hparam_dict={"lr": lr, "optim": optim}, metric_dict={"loss_val": lr / epochs})
        writer.close()
        return lr / epochs

    optimizer = ("successive_halving", {"eta": 2, "early_stopping_rate": 1})
    result = neps.run(train, Staged(), root_directory=root, evaluations_to_spend=6, optimizer=optimizer, seed=1)
    continued = {t.metadata.previous_trial_id: t for t in result.trials.values() if t.metadata.previous_trial_id}
    assert continued
    lines = lines_of_hparams(root)
    for trial in result.trials.values():
        log = root / f"configs/config_{trial.id}/tbevents"
        if trial in continued.values():
            assert not log.exists()
            continue
        lr, epochs = trial.config["lr"], 4 if trial.id in continued else 2
        assert scalars(log, "loss") == [(epoch, lr / (epoch + 1)) for epoch in range(epochs)]
        assert lines.pop(str(log.relative_to(root))) == (
            {"lr": lr, "optim": trial.config["optim"]},
            {"loss_val": pytest.approx(lr / epochs)},
        )
    assert not lines
    values = [trial.report.objective_to_minimize for trial in result.trials.values()]
    assert incumbents(root) == [(step, min(values[: step + 1])) for step in range(6)]


def test_what_was_not_closed_is_written_and_what_was_is_not_lost(root):
    writers = []

    def forgetful(x):
        writer = tblogger.ConfigWriter(write_summary_incumbent=False, flush_secs=1000)
        writer.add_scalar("a", x, 0)
        writer.close()
        writer.add_scalar("a", x, 1)  # within a second, after which tensorboardX would name files anew
        tblogger.ConfigWriter(write_summary_incumbent=False).add_scalar("a", x, 2)
        writers.append(writer)
        assert writer.log_dir.endswith("tbevents")
        return x

    result = neps.run(forgetful, SPACE, root_directory=root, evaluations_to_spend=2, optimizer="random_search")
    for trial in result.trials.values():
        log = root / f"configs/config_{trial.id}/tbevents"
        assert sorted(scalars(log, "a")) == [(step, trial.config["x"]) for step in range(3)]
    assert all(writer.file_writer is None for writer in writers)
    assert not (root / "summary_tb").exists()
    clean(root, ["1"])
    assert not (root / "configs/config_1").exists()


def test_a_failure_and_a_writer_of_a_failed_trial(root):
    values = iter([0.5, None, 0.7, 0.2])

    def fails(x):
        tblogger.WriteIncumbent()
        tblogger.ConfigWriter().add_scalar("a", 1.0, 0)
        if (value := next(values)) is None:
            raise ValueError("no")
        return value

    neps.run(fails, SPACE, root_directory=root, evaluations_to_spend=4, ignore_errors=True, optimizer="random_search")
    assert incumbents(root) == [(0, 0.5), (1, 0.5), (2, 0.2)]  # its steps are the results
    assert scalars(root / "configs/config_2/tbevents", "a") == [(0, 1.0)]


def test_a_trial_that_is_interrupted_keeps_its_log(root):
    def train(x):
        tblogger.ConfigWriter(flush_secs=1000).add_scalar("a", 2.0, 4)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        neps.run(train, SPACE, root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    assert scalars(root / "configs/config_1/tbevents", "a") == [(4, 2.0)]


def test_a_running_trial_can_be_watched(root, wait_for):
    def train(x, pipeline_directory):
        tblogger.ConfigWriter(flush_secs=0).add_scalar("a", 2.0, 4)
        wait_for(lambda: read(pipeline_directory / "tbevents").Tags()["scalars"] == ["a"])
        return x

    result = neps.run(train, SPACE, root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    assert result.best is not None


class TestTheIncumbentOfAFolder:
    def test_is_a_step_function_with_few_points(self, root):
        values = [1.0] * 125 + [0.5] * 125
        values[215] = 0.25
        neps.import_trials([({"x": i / 250}, value) for i, value in enumerate(values)], root, SPACE)
        tblogger.WriteIncumbent(root)
        points = incumbents(root)
        assert points[:102] == [(step, 1.0) for step in [*range(100), 100, 110]]
        shown = dict(points)
        assert (shown[124], shown[125], shown[214], shown[215]) == (1.0, 0.5, 0.5, 0.25)
        assert all(b[0] - a[0] <= 10 for a, b in pairwise(points))
        assert points[-1] == (240, 0.25)
        assert len(points) == 100 + 15 + 4

    def test_is_mended_and_goes_on_in_the_same_file(self, root):
        neps.import_trials([({"x": 0.5}, value) for value in (3.0, 2.0)], root, SPACE)
        tblogger.WriteIncumbent(root)
        (file,) = (root / "summary_tb").iterdir()
        whole, inode = file.read_bytes(), file.stat().st_ino
        for rest in (whole[:-7], whole):  # a worker died in the middle of writing; nothing to do
            file.write_bytes(rest)
            tblogger.WriteIncumbent(root)
            assert file.read_bytes() == whole
        neps.import_trials([({"x": 0.5}, 1.0)], root)
        tblogger.WriteIncumbent(root)
        assert file.stat().st_ino == inode
        assert incumbents(root) == [(0, 3.0), (1, 2.0), (2, 1.0)]
        clean(root, ["2"])
        tblogger.WriteIncumbent(root)
        assert incumbents(root) == [(0, 3.0), (1, 1.0)]

    def test_is_none_with_several_objectives(self, root):
        neps.import_trials([({"x": 0.5}, [1.0, 2.0])], root, SPACE)
        tblogger.WriteIncumbent(root)
        assert not (root / "summary_tb").exists()

    def test_is_not_written_through_a_link(self, root, tmp_path):
        neps.import_trials([({"x": 0.5}, 1.0)], root, SPACE)
        (tmp_path / "elsewhere").mkdir()
        (root / "summary_tb").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(NePSError, match="symbolic link"):
            tblogger.WriteIncumbent(root)
        assert not list((tmp_path / "elsewhere").iterdir())


def test_workers_share_the_curve_and_children_write_logs_of_their_own(root, script):
    script.write(
        """
        import multiprocessing, sys, neps
        from neps_plugins.compat import tblogger

        def child(writer):
            for step in range(10, 15):
                writer.add_scalar("a", 1.0, step)
            writer.close()

        def train(x):
            writer = tblogger.ConfigWriter(flush_secs=1000)
            writer.add_scalar("a", 1.0, 0)
            process = multiprocessing.get_context("fork").Process(target=child, args=(writer,))
            process.start()
            process.join()
            writer.add_scalar("a", 1.0, 1)
            return x

        neps.run(train, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], total_evaluations_to_spend=12,
                 optimizer="random_search")
        """
    )
    workers = [script.start(root) for _ in range(2)]
    for worker in workers:
        _, error = worker.communicate(timeout=60)
        assert worker.returncode == 0, error
    trials = neps.run(lambda x: x, root_directory=root, total_evaluations_to_spend=12).trials
    by_end = sorted(trials.values(), key=lambda trial: trial.metadata.time_end)
    values = [trial.report.objective_to_minimize for trial in by_end]
    assert incumbents(root) == [(step, min(values[: step + 1])) for step in range(12)]
    for trial_id in trials:
        log = root / f"configs/config_{trial_id}/tbevents"
        assert sorted(event.step for event in read(log).Scalars("a")) == [0, 1, *range(10, 15)]


def test_a_job_that_hands_in_its_result_later(root):
    neps.run(lambda x: None, SPACE, root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    with tblogger.ConfigWriter(pipeline_directory=root / "configs/config_1") as writer:
        writer.add_scalar("a", 3.0, 7)
    assert scalars(root / "configs/config_1/tbevents", "a") == [(7, 3.0)]
    neps.save_pipeline_results(2.0, "1", root)
    tblogger.WriteIncumbent(root)
    assert incumbents(root) == [(0, 2.0)]
    with pytest.raises(TrialError, match="no trial '9'"):
        tblogger.ConfigWriter(pipeline_directory=root / "configs/config_9")


def test_the_folder_of_the_running_trial_may_be_given(root):
    def train(x, pipeline_directory, root_directory, previous_pipeline_directory):
        writer = tblogger.ConfigWriter(
            write_summary_incumbent=False,
            root_directory=root_directory,
            pipeline_directory=pipeline_directory,
            previous_pipeline_directory=previous_pipeline_directory,
        )
        writer.add_scalar("a", x, 0)
        return x

    neps.run(train, SPACE, root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    # It was closed with the trial.
    assert len(scalars(root / "configs/config_1/tbevents", "a")) == 1


@pytest.mark.parametrize(
    ("function", "argument"),
    [(tblogger.ConfigWriter, "pipeline_directory="), (tblogger.WriteIncumbent, "root_directory=")],
)
def test_outside_of_a_trial(function, argument):
    with pytest.raises(NotInTrialError, match=rf"{function.__name__}\(\) was called .* give it {argument}"):
        function()


def test_hyperparameters_that_are_no_plain_values(root):
    import numpy as np

    def train(x):
        given = {"n": np.int64(3), "layers": [1, 2], "none": None}
        tblogger.ConfigWriter().add_hparams(given, {"loss": 1.0}, global_step=5)
        return x

    neps.run(train, SPACE, root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    log = "configs/config_1/tbevents"
    assert lines_of_hparams(root) == {log: ({"n": 3.0, "layers": "[1, 2]"}, {"loss": 1.0})}
    assert scalars(root / log, "loss") == [(5, 1.0)]


def test_without_tensorboardx(root, monkeypatch):
    neps.import_trials([({"x": 0.5}, 1.0)], root, SPACE)
    for name in list(sys.modules):
        if name in ("neps_plugins.tensorboard.trial_writer", "neps_plugins.tensorboard.incumbent_graph"):
            monkeypatch.delitem(sys.modules, name)
        elif name.partition(".")[0] == "tensorboardX":
            monkeypatch.setitem(sys.modules, name, None)
    for call in (tblogger.ConfigWriter, lambda: tblogger.WriteIncumbent(root)):
        with pytest.raises(NePSError, match=r"pip install 'neps-framework\[tensorboard\]'"):
            call()
