"""Pictures of every kind, of ordinary runs and of odd ones."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

import neps
from neps_core import NePSError
from neps_core import events as ev
from neps_core.cli import main
from neps_plugins.analysis import Analysis
from neps_plugins.figures import draw
from neps_plugins.pictures import KINDS
from tests.plugins.analysis.made import evaluated, made, many
from tests.plugins.analysis.odd import FLAT, RUNS

PLANE = {"lr": neps.Float(1e-4, 1, log=True), "act": neps.Categorical(["relu", "$tanh_$"]), "n": neps.Integer(1, 9)}


def plane(values):
    """Trials with these results, whose parameters differ."""
    each = (
        evaluated(
            str(i + 1), {"lr": 10.0 ** -(i % 4), "act": ("relu", "$tanh_$")[i % 2], "n": 1 + i * 5 % 9}, v, at=10.0 + i
        )
        for i, v in enumerate(values)
    )
    return [event for events in each for event in events]


def drawn(kind, *runs, **options):
    figure = Figure(layout="constrained")
    draw(figure, kind, [Analysis(run) for run in runs], **options)
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("name", RUNS)
def test_every_kind_is_drawn_or_says_why_not(name):
    for kind in KINDS:
        try:
            figure = drawn(kind, RUNS[name])
        except NePSError as reason:
            assert str(reason).endswith("."), kind
        else:
            assert figure.axes and (kind == "parallel" or any(axes.get_xlabel() for axes in figure.axes)), kind


def test_the_best_so_far_over_orders_of_magnitude():
    figure = drawn("anytime", made(FLAT, many([100.0, 1.0, 5.0, 1e-9])))
    axes = figure.axes[0]
    assert axes.get_yscale() == "log" and axes.get_xlabel() == "evaluations"
    assert axes.lines[0].get_ydata().tolist() == [100.0, 1.0, 1e-9, 1e-9]  # the last one holds until the end
    assert drawn("anytime", made(FLAT, many([3.0, 2.0]))).axes[0].get_yscale() == "linear"


def test_seeds_of_one_optimizer_are_a_band():
    seeds = [made(FLAT, many([4.0 + k, 2.0 + k, 1.0 + k])) for k in range(3)]
    other = made(FLAT, many([9.0, 0.5, 7.0]), optimizer="tpe")
    (axes,) = drawn("anytime", *seeds, other).axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["random_search (median of 3, quartiles)", "tpe"]
    assert axes.lines[0].get_ydata().tolist() == [5.0, 3.0, 2.0]
    with pytest.raises(NePSError, match="'importance' is of one run, and 2 were given"):
        drawn("importance", *seeds[:2])


def test_effects_have_a_panel_for_each_parameter_and_the_most_important_one_first():
    run = made(PLANE, plane([float(i % 4) for i in range(24)]))
    figure = drawn("effects", run)
    names = [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]
    assert names[0] == "lr" and set(names) == {"lr", "act", "n"}
    assert figure.axes[0].get_xscale() == "log"
    act = next(axes for axes in figure.axes if axes.get_xlabel() == "act")
    assert [text.get_text() for text in act.get_xticklabels()] == ["relu", r"\$tanh_\$"]
    assert [axes.get_xlabel() for axes in drawn("effects", run, parameters=["n"]).axes] == ["n"]


@pytest.mark.parametrize("kind", ["contour", "rank"])
def test_two_parameters(kind):
    run = made(PLANE, plane([float(i % 4) for i in range(24)]))
    figure = drawn(kind, run, parameters=["act", "n"])
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("act", "n")
    with pytest.raises(NePSError, match="'lrr'.*lr"):
        drawn(kind, run, parameters=["lrr", "n"])
    with pytest.raises(NePSError, match="needs two parameters"):
        drawn(kind, run, parameters=["lr"])


def test_what_workers_did():
    run = made(FLAT, [*many([1.0, 2.0]), ev.Sampled("9", {"x": 0.1}, 12.0, "w2"), ev.Started("9", 12.0, "w2")])
    (axes,) = drawn("timeline", run).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["w1", "w2"]
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"success", "evaluating"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("figures") / "run"
    neps.run(
        lambda lr, n, **_: lr * n,
        PLANE,
        root_directory=root,
        evaluations_to_spend=12,
        optimizer="random_search",
        seed=0,
    )
    return root


def test_all_kinds_of_which_there_is_something(finished):
    paths = neps.plot(finished, kind="all", dpi=40)
    assert [path.stem for path in paths] == [
        "anytime",
        "importance",
        "effects",
        "contour",
        "rank",
        "parallel",
        "distribution",
        "timeline",
    ]
    assert all(path.stat().st_size > 1000 for path in paths)


def test_what_cannot_be_meant(finished):
    with pytest.raises(NePSError, match="no kind of picture 'importanc'.*'importance'"):
        neps.plot(finished, kind="importanc")
    with pytest.raises(NePSError, match="no picture of kind 'rungs' of .*no fidelity"):
        neps.plot(finished, kind="rungs")
    with pytest.raises(NePSError, match="parameters='lr' must be a list"):
        neps.plot(finished, kind="effects", parameters="lr")
    with pytest.raises(NePSError, match="names no run"):
        neps.plot([])


def test_command(finished, capsys):
    assert main(["plot", str(finished), "--kind", "rank", "--parameters", "lr", "n", "--filename", "mine"]) == 0
    assert capsys.readouterr().out == f"{finished / 'summary/mine.png'}\n"
    assert main(["plot", str(finished), str(finished), "--filename", "both"]) == 0
    assert (finished / "summary/both.png").exists()
