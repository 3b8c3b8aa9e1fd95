"""A run as one page in one file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import neps
from neps_core import NePSError
from neps_core.cli import main
from neps_plugins.report import LARGEST, labels, write_report
from tests.plugins.dashboard.browser import open_page
from tests.plugins.dashboard.conftest import HOSTILE, Space, evaluate, make_run


def data_of(page: str) -> dict[str, Any]:
    """What is embedded."""
    found = re.search(r'<script type="application/json" id="documents">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


@pytest.fixture
def run_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_run(tmp_path / "run")


def test_one_file_with_all_that_the_page_asks_for(run_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run_root)]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == run_root / "summary" / "report.html"
    page = path.read_text(encoding="utf-8")
    (run,) = data_of(page)["runs"]
    views = {document["view"] for document in run["documents"]}
    assert {"overview", "anytime", "table", "importance", "slices", "workers", "errors", "trial"} <= views
    table = next(document["document"] for document in run["documents"] if document["view"] == "table")
    assert len(table["rows"]) == 12
    assert not re.search(r'<(?:script|link)[^>]*(?:src|href)="(?!data:)', page), "nothing is loaded"
    assert HOSTILE not in page, "what a run says ends no element"


def test_it_opens_from_a_file_and_asks_for_nothing(run_root: Path, tmp_path: Path) -> None:
    path = write_report(run_root, tmp_path / "report.html")
    with open_page(viewport={"width": 390, "height": 800}, color_scheme="dark") as (page, asked, complaints):
        page.goto(path.as_uri())
        page.wait_for_selector(".chart canvas")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.click("#theme")
        assert page.evaluate("document.documentElement.dataset.theme") == "light"
        for tab in page.locator("#tabs button").all():
            tab.click()
            page.wait_for_selector("#panel canvas, #panel table, #panel .problem")
            width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert width <= 0, f"{tab.inner_text()} is wider than a phone"
        page.click("#tab-Trials")
        page.fill("input[type=search]", "kind=plain")
        page.wait_for_function(f"() => !document.querySelector('#panel tbody').textContent.includes({HOSTILE!r})")
        assert page.locator("#panel tbody tr").count() > 0
        page.click("#panel thead button >> text=lr")
        page.click("#panel tbody tr >> nth=0")
        page.wait_for_selector("dialog[open] dl")
        assert complaints == []
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_several_runs_are_compared(run_root: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "other", 4)
    data = data_of(write_report([run_root, tmp_path / "other"], tmp_path / "both.html").read_text(encoding="utf-8"))
    assert [run["label"] for run in data["runs"]] == ["run", "other"]
    assert len(data["comparisons"][0]["document"]["runs"]) == 2


def test_the_observer_writes_it_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "run" / "summary" / "report.html"
    neps.run(
        evaluate,
        Space(),
        root_directory=tmp_path / "run",
        optimizer="random_search",
        evaluations_to_spend=4,
        ignore_errors=True,
        observers=["report"],
    )
    (run,) = data_of(path.read_text(encoding="utf-8"))["runs"]
    overview = next(document["document"] for document in run["documents"] if document["view"] == "overview")
    assert overview["n_trials"] == 4


def test_a_report_that_cannot_be_written_costs_no_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("neps_plugins.report.report_page", lambda *_: 1 / 0)
    result = neps.run(
        evaluate,
        Space(),
        root_directory=tmp_path / "run",
        optimizer="random_search",
        evaluations_to_spend=3,
        ignore_errors=True,
        observers=["report"],
    )
    assert len(result.trials) == 3


def test_a_run_without_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "run", 0)
    data = data_of(write_report(tmp_path / "run", tmp_path / "empty.html").read_text(encoding="utf-8"))
    assert data["runs"][0]["documents"][0]["document"]["n_trials"] == 0


def test_a_large_run_makes_no_large_report(run_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With less room than this run takes, less of it is shown."""
    full = write_report(run_root, tmp_path / "report.html").stat().st_size
    monkeypatch.setattr("neps_plugins.report.GENEROSITY", ((3000, 30, 30), (5, 0, 0)))
    monkeypatch.setattr("neps_plugins.report.LARGEST", full - 10)
    page = write_report(run_root, tmp_path / "report.html")
    assert page.stat().st_size < full
    (run,) = data_of(page.read_text(encoding="utf-8"))["runs"]
    table = next(document["document"] for document in run["documents"] if document["view"] == "table")
    assert 0 < len(table["rows"]) <= 5
    assert table["n"] == 12
    assert full < LARGEST


def test_labels_tell_runs_apart() -> None:
    assert labels(["/a/x", "/a/y"]) == ["x", "y"]
    assert labels(["/a/x/run", "/a/y/run"]) == ["x/run", "y/run"]


def test_wrong_calls_are_told(run_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NePSError, match="needs a run"):
        write_report([], tmp_path / "report.html")
    with pytest.raises(NePSError, match="named twice"):
        write_report([run_root, run_root / ".." / "run"], tmp_path / "report.html")
    with pytest.raises(NePSError, match="is a folder"):
        write_report(run_root, tmp_path)
    with pytest.raises(FileNotFoundError, match="no run"):
        write_report(tmp_path / "nothing", tmp_path / "report.html")
    with pytest.raises(SystemExit):
        main(["report", str(run_root), str(run_root)])
    assert "-o FILE.html" in capsys.readouterr().err


def test_choices_stand_where_they_are_chosen(tmp_path: Path) -> None:
    """Also those that are written alike, that are None, and in all pictures of parameters."""
    long = "z" * 50
    space = {"kind": neps.Categorical([1, "1", None, f"{long}1", f"{long}2"]), "other": neps.Integer(0, 1)}
    order = [1, "1", None, f"{long}1", f"{long}2"]
    neps.run(
        lambda kind, other: float(order.index(kind)) + other / 10,
        space,
        root_directory=tmp_path / "run",
        optimizer="grid_search",
        evaluations_to_spend=10,
    )
    path = write_report(tmp_path / "run", tmp_path / "report.html")
    with open_page() as (page, _, complaints):
        page.goto(path.as_uri())
        page.wait_for_selector(".chart canvas")
        drawn = """async ([view, options, name]) => {
            const document = await neps.source.get(0, view, options);
            return neps.charts[name](document, null, "objective").series.at(-1).data.map((each) => each.value ?? each);
        }"""
        xs, values = zip(*[(round(x), y) for x, y, _ in page.evaluate(drawn, ["slices", {"path": "kind"}, "slice"])])
        assert sorted(zip(xs, values)) == [(i, i + j / 10) for i in range(5) for j in (0, 1)]
        pair = {"x": "kind", "y": "other"}
        places = sorted((i, j) for i in range(5) for j in (0, 1))
        for view in ("rank", "contour"):
            points = page.evaluate(drawn, [view, pair, view])
            assert sorted((round(x), round(y)) for x, y, *_ in points) == places
        ends = page.evaluate(
            """async (pair) => {
                const { yAxis } = neps.charts.contour(await neps.source.get(0, "contour", pair), "objective");
                return [yAxis.min, yAxis.max];
            }""",
            pair,
        )
        assert ends == [0, 1], "what was evaluated at the ends is not cut off"
        lines = page.evaluate(drawn, ["parallel", {}, "parallel"])
        assert sorted((kind, other) for kind, other, _ in lines) == places
        assert complaints == []


@pytest.mark.parametrize("width", [375, 1200])
def test_long_names_leave_room_for_values(tmp_path: Path, width: int) -> None:
    space = {f"network_with_a_long_name_{i}_{'x' * 30}": neps.Float(0, 1) for i in range(3)}
    neps.run(
        lambda **values: sum(values.values()),
        space,
        root_directory=tmp_path / "run",
        optimizer="random_search",
        evaluations_to_spend=4,
    )
    path = write_report(tmp_path / "run", tmp_path / "report.html")
    with open_page(viewport={"width": width, "height": 800}) as (page, _, _):
        page.goto(path.as_uri())
        page.wait_for_selector(".chart canvas")
        widths = page.evaluate("[...document.querySelectorAll('dl.pairs dd')].map((each) => each.clientWidth)")
        assert min(widths) > 80
        for tab in page.locator("#tabs button").all():
            tab.click()
            page.wait_for_selector("#panel canvas, #panel table, #panel .problem")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_best_result_that_no_number_says_is_told(tmp_path: Path) -> None:
    space = {"x": neps.Float(0, 1)}
    root = tmp_path / "run"
    neps.run(lambda x: -float("inf"), space, root_directory=root, optimizer="random_search", evaluations_to_spend=2)
    path = write_report(root, tmp_path / "report.html")
    with open_page() as (page, _, complaints):
        page.goto(path.as_uri())
        page.wait_for_selector(".card")
        cards = page.inner_text("#cards").lower()
        assert re.search(r"best\s+not finite\s+trial 1", cards)
        assert complaints == []
