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
