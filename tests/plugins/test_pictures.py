"""`neps.plot` and its options."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

import neps
from neps_core.cli import main


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Three trials at the fidelity 1, and one of them gone on with at 3."""
    root = tmp_path_factory.mktemp("pictures") / "run"
    neps.run(
        lambda x, epochs: {"objective_to_minimize": 1 + x / epochs, "info_dict": {"gpu": 2.0, "note": "a"}},
        {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 3)},
        root_directory=root,
        evaluations_to_spend=4,
        optimizer="successive_halving",
    )
    return root


@pytest.fixture
def drawn(monkeypatch):
    """The axes of what is drawn, instead of a file."""
    found = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **how: found.append((self.axes[0], how)))
    return found


def test_scales_range_and_file(finished, drawn):
    (path,) = neps.plot(finished, filename="mine", extension="pdf", dpi=70, x_range=(0.5, 9), log_x=True)
    assert path == finished / "summary/mine.pdf"
    neps.plot(finished, log_y=False, log_x=True, x_range=(0, 9))
    (axes, how), (plain, _) = drawn
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (plain.get_xscale(), plain.get_yscale()) == ("linear", "linear")
    assert axes.get_xlim()[1] == 9
    assert how == {"format": "pdf", "dpi": 70}


def test_no_logarithm_of_what_is_not_positive(root, drawn):
    space = {"x": neps.Float(1, 2)}
    neps.run(lambda x: -x, space, root_directory=root, evaluations_to_spend=2, optimizer="random_search")
    neps.plot(root)
    assert drawn[0][0].get_yscale() == "linear"


@pytest.mark.parametrize(
    ("key", "continued", "total"),
    [("gpu", False, 8.0), ("epochs", False, 6.0), ("epochs", True, 5.0)],
)
def test_what_it_is_drawn_over(finished, drawn, key, continued, total):
    neps.plot(finished, key_to_extract=key, consider_continuations=continued, n_workers=3)
    axes = drawn[0][0]
    assert axes.get_xlabel() == key
    assert axes.lines[0].get_xdata()[-1] == total


def test_the_command_takes_underscores_and_dashes(finished, capsys):
    assert main(["plot", str(finished), "--key-to-extract", "gpu", "--log_x", "--no-log-y", "--filename", "it"]) == 0
    assert capsys.readouterr().out.strip() == str(finished / "summary/it.png")
    assert main(["plot", str(finished), "--scientific_mode", "--benchmarks", "a"]) == 1
    assert "draws one run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"filename": "../elsewhere"}, "without a folder"),
        ({"extension": "docx"}, "none of png, pdf, svg"),
        ({"dpi": 0}, "from 1 to 2400"),
        ({"x_range": (9, 1)}, "the lower one first"),
        ({"key_to_extract": "note"}, "has one under .*gpu"),
        ({"algorithms": ["a"]}, "Call it for each run"),
    ],
)
def test_what_cannot_be_meant(finished, arguments, says):
    with pytest.raises(neps.NePSError, match=says):
        neps.plot(finished, **arguments)


@pytest.fixture
def front(root):
    """Four results of which the first is infeasible and the third is dominated, by name."""
    values = iter([(1, 1, 1), (4, 2, -1), (5, 3, 0), (2, 4, 0)])

    def evaluate(**_):
        error, size, memory = next(values)
        return {
            "objective_to_minimize": {"error": error, "$size$": size},
            "constraints": {"memory": memory},
            "cost": 2,
            "info_dict": {"gpu": 3},
        }

    space = {"x": neps.Float(0, 1), "kind": neps.Categorical(["a", "b"]), "c": 1}
    neps.run(evaluate, space, root_directory=root, evaluations_to_spend=4, optimizer="random_search", seed=0)
    return root


def test_two_objectives_and_a_constraint(front, drawn):
    paths = neps.plot(front, log_y=False)
    assert [path.name for path in paths] == ["pareto_front.png", "hypervolume.png", "parallel_coordinates.png"]
    (scatter, _), (volume, _), (parallel, _) = drawn
    assert (scatter.get_xlabel(), scatter.get_ylabel()) == ("error", r"\$size\$")
    results, infeasible = scatter.collections
    assert results.get_offsets().tolist() == [[4, 2], [5, 3], [2, 4]]
    assert infeasible.get_offsets().tolist() == [[1, 1]]
    assert scatter.lines[0].get_xydata().tolist() == [[2, 4], [4, 2]]
    # The reference point is (5.3, 4.2): a tenth of the range beyond the worst.
    assert volume.lines[0].get_ydata() == pytest.approx([0, 1.3 * 2.2, 1.3 * 2.2, 1.3 * 2.2 + 2 * 0.2])
    assert [axes.get_xlabel() for axes in volume.figure.axes] == ["evaluations", "cost"]
    assert volume.figure.axes[1].lines[0].get_xdata().tolist() == [2, 4, 6, 8]
    labels = [label.get_text() for label in parallel.get_xticklabels()]
    assert labels[0] == "x" and labels[-2:] == ["error", r"\$size\$"]
    lines = [line.get_ydata()[-2:].tolist() for line in parallel.lines if len(line.get_xdata()) == len(labels)]
    assert lines == [[0, 1], [1, 0]]


def test_the_hypervolume_over_something_else(front, drawn):
    paths = neps.plot(front, key_to_extract="gpu", filename="mine", extension="svg")
    assert [path.name for path in paths] == ["mine.svg", "mine_hypervolume.svg", "mine_parallel_coordinates.svg"]
    (axes,) = drawn[1][0].figure.axes
    assert axes.get_xlabel() == "gpu" and axes.lines[0].get_xdata().tolist() == [3, 6, 9, 12]


@pytest.mark.parametrize(
    ("n", "panels", "names"),
    [(3, 3, {"pareto_front", "hypervolume", "parallel_coordinates"}), (5, 6, {"pareto_front", "parallel_coordinates"})],
)
def test_more_objectives(root, drawn, n, panels, names):
    neps.run(
        lambda x, a: [x, 1 - x, *[a] * (n - 2)],
        {"x": neps.Float(0, 1), "a": neps.Integer(1, 3)},
        root_directory=root,
        evaluations_to_spend=3,
        optimizer="random_search",
    )
    assert {path.stem for path in neps.plot(root)} == names
    figure = drawn[0][0].figure
    assert len(figure.axes) == panels
    assert (figure.axes[1].get_xlabel(), figure.axes[1].get_ylabel()) == ("objective 1", "objective 3")


def test_nothing_feasible(root, drawn):
    space = {"x": neps.Float(0, 1)}
    neps.run(
        lambda x: {"objective_to_minimize": {"error": x}, "constraints": 1},
        space,
        root_directory=root,
        evaluations_to_spend=2,
        optimizer="random_search",
    )
    neps.plot(root)
    axes = drawn[0][0]
    assert axes.get_ylabel() == "error"
    assert [len(points.get_offsets()) for points in axes.collections] == [0, 2]
    assert len(axes.lines[0].get_xdata()) == 0


def test_what_is_too_large_to_draw_is_left_out(root, drawn):
    values = iter([[1e308, -1e308], [1, 2], [2, 1]])
    space = {"x": neps.Float(0, 1)}
    neps.run(lambda x: next(values), space, root_directory=root, evaluations_to_spend=3, optimizer="random_search")
    neps.plot(root)
    assert [len(points.get_offsets()) for points in drawn[0][0].collections] == [2]


def lines_of(drawn, i=0):
    return [line.get_xydata().tolist() for line in drawn[i][0].lines]


def test_the_best_so_far_stays_so_until_the_last_result(root, drawn):
    results = iter([2.0, 1.0, 3.0, 3.0])
    neps.run(
        lambda x: next(results),
        {"x": neps.Float(0, 1)},
        root_directory=root,
        evaluations_to_spend=4,
        optimizer="random_search",
    )
    neps.plot(root, kind=["anytime", "distribution"])
    assert lines_of(drawn)[0] == [[1, 2], [2, 1], [4, 1]]
    assert lines_of(drawn, 1)[0] == [[1, 0], [1, 0.25], [2, 0.5], [3, 1]]


@pytest.mark.parametrize("n", [2, 3])
def test_stairs_are_drawn_of_two_objectives_only(root, drawn, n):
    results = iter([[1.0, 3.0, 3.0], [2.0, 2.0, 1.0], [3.0, 4.0, 0.0]])
    neps.run(
        lambda x: next(results)[:n],
        {"x": neps.Float(0, 1)},
        root_directory=root,
        evaluations_to_spend=3,
        optimizer="random_search",
    )
    neps.plot(root, kind="front")
    assert len(drawn[0][0].lines) == (n == 2)
    assert len(drawn[0][0].collections[-1].get_offsets()) == n


def test_parallel_coordinates_can_be_read_and_are_of_one_objective(root, drawn):
    space = {f"p{i:02}": neps.Float(0, 1) for i in range(30)}
    neps.run(
        lambda **values: {"objective_to_minimize": {"loss": values["p29"], "size": values["p28"]}},
        space,
        root_directory=root,
        evaluations_to_spend=5,
        optimizer="random_search",
    )
    neps.plot(root, kind="parallel", objective=1)
    neps.plot(root, kind="parallel", parameters=["p20", "p01"])
    named = [[label.get_text() for label in axes.get_xticklabels()] for axes, _ in drawn]
    assert len(named[0]) == 13
    assert named[0][-1] == "size"
    assert named[1] == ["p01", "p20", "loss"]


def test_wrong_arguments_are_told_also_where_all_pictures_are_asked_for(finished):
    with pytest.raises(neps.NePSError, match="objective=3"):
        neps.plot(finished, kind="all", objective=3)
    with pytest.raises(neps.NePSError, match="a parameter 'y'"):
        neps.plot(finished, kind="all", parameters=["y"])


def test_letters_that_the_font_has_not_warn_nobody(root):
    space = {"x": neps.Categorical(["\u6587\n", "\u4e2d", "z" * 100_000])}
    neps.run(lambda x: len(x), space, root_directory=root, evaluations_to_spend=6, optimizer="random_search")
    assert neps.plot(root, kind="effects", dpi=30)


def test_a_picture_that_cannot_be_written_is_told(root):
    neps.run(
        lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=1, optimizer="random_search"
    )
    (root / "summary" / "objective.png").mkdir()
    with pytest.raises(neps.NePSError, match=r"could not be written to .*objective\.png: Is a directory"):
        neps.plot(root, dpi=30)
