"""How results, trials and spaces show themselves: `_repr_html_`, and what `repr` says."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import neps
from neps_core import Report, State, Trial, hookimpl
from neps_core.run import open_run
from neps_core.run_result import RunResult
from neps_core.trials import Point, TrialsById
from neps_plugins.html import Html, curve, dots, element, escaped

BAD = "<script>alert(1)</script>"


class Parsed(HTMLParser):
    """The tags and the text of HTML, in which everything that is opened must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(thing: Any) -> Parsed:
    """What a notebook shows, which runs nothing, loads nothing, and brings no colours of its own."""
    html = thing._repr_html_()
    assert isinstance(html, str)
    parsed = Parsed(html)
    for tag, attributes in parsed.tags:
        assert tag in {
            "b",
            "circle",
            "details",
            "div",
            "i",
            "polyline",
            "span",
            "summary",
            "svg",
            "table",
            "td",
            "th",
        } | {
            "title",
            "tr",
        }
        assert not any(name.startswith("on") or name in ("href", "src") for name in attributes)
        assert "color" not in (attributes.get("style") or "")
    return parsed


def trial(number: int, *objectives: float, **config: Any) -> Trial:
    values = list(objectives) if len(objectives) > 1 else objectives[0]
    return Trial(str(number), config or {"x": number}, State.SUCCESS, report=Report(values))  # type: ignore[arg-type]


def result_of(*trials: Trial) -> RunResult:
    from neps_core.pareto import Front

    front = Front(trials)
    return RunResult(front.best, front.feasible, TrialsById({t.id: t for t in trials}), "enough", Path("root"))


def test_a_run(tmp_path: Path) -> None:
    result = neps.run(
        lambda x: x, {"x": neps.Float(0, 1)}, root_directory=tmp_path, optimizer="random_search", evaluations_to_spend=5
    )
    parsed = shown(result)
    assert result.best is not None
    assert "5 trials (5 success)" in parsed.text and f"best: trial {result.best.id}" in parsed.text
    assert f"{result.best.config['x']:.6g}" in parsed.text and "the best objective so far" in parsed.text
    assert "polyline" in dict(parsed.tags)
    assert "5 trials" in shown(result.trials).text and "5 trials" in shown(open_run(tmp_path).trials).text
    assert repr(result.trials) == "<5 trials>" and "<5 trials>" in repr(result)
    assert pickle.loads(pickle.dumps(result.trials)) == result.trials


def test_the_front() -> None:
    parsed = shown(result_of(*(trial(i, float(i), 20.0 - i) for i in range(15))))
    assert "Pareto front: 15 trials" in parsed.text and "5 more trials" in parsed.text
    assert sum(tag == "circle" for tag, _ in parsed.tags) == 15


def test_the_best_are_shown_first() -> None:
    parsed = shown(TrialsById({str(i): trial(i, float(-i)) for i in range(30)}))
    ids = [str(i) for i in range(29, 19, -1)]
    assert all(f"{number}success" in parsed.text for number in ids) and "19success" not in parsed.text


def test_a_trial_with_its_curve_and_one_with_its_error() -> None:
    points = [Point(step, 1 / step) for step in range(1, 6)]
    parsed = shown(Trial("7", {"x": 1}, State.EVALUATING, points=points))
    assert "Trial 7: evaluating" in parsed.text and "from 1 to 0.2" in parsed.text
    failed = shown(Trial("8", {"x": 1}, State.FAILED, report=Report(err="ValueError: no", reported_as="failed")))
    assert "ValueError: no" in failed.text


def test_nothing_yet() -> None:
    assert "0 trials" in shown(TrialsById()).text
    assert "0 trials" in shown(RunResult(None, [], {}, "there was nothing to do", Path("root"))).text
    assert "Trial 1: pending" in shown(Trial("1", {})).text


def test_whatever_users_write_is_text() -> None:
    report = Report([1.0, 2.0], objective_names=[BAD, "b"], err=BAD, constraints=-1.0, constraint_names=[BAD])
    bad = Trial("1", {BAD: BAD, "x": "\x00\x1b[31m&<"}, State.SUCCESS, report=report)
    for thing in (bad, TrialsById({"1": bad}), RunResult(bad, [bad], {"1": bad}, BAD, Path(BAD))):
        assert BAD in shown(thing).text
    space = {"x": neps.Categorical([BAD, "b"]), "y": neps.Operation(BAD, kwargs={"z": neps.Float(0, 1)})}
    assert BAD in shown(neps.SearchSpace(space)).text


def test_ten_thousand_trials_are_as_short_as_ten() -> None:
    many = [trial(i, math.sin(i), **{f"parameter_{k}": "v" * 500 for k in range(30)}) for i in range(10_000)]
    for thing in (TrialsById({each.id: each for each in many}), result_of(*many)):
        html = thing._repr_html_()
        assert html is not None and len(html) < 40_000
    wide = Trial("1", {f"p{k}": k for k in range(10_000)})
    assert len(wide._repr_html_() or "") < 10_000 and "more" in shown(wide).text
    space = neps.SearchSpace({f"p{k}": neps.Categorical([neps.Float(0, 1), "a"]) for k in range(5000)})
    assert len(space._repr_html_()) < 60_000 and "more" in shown(space).text


class Network(neps.PipelineSpace):
    """Of every part of the language, one."""

    _width = neps.Integer(16, 512, log=True)
    rate = neps.Float(1e-5, 1e-1, log=True, prior=1e-3, prior_confidence="high")
    kind = neps.Categorical(["relu", neps.Operation("leaky", kwargs={"slope": neps.Float(0, 1)})])
    plain = neps.Categorical(["a", "b"], prior=0)
    cell = neps.Operation("net", args=(_width,), kwargs={"blocks": neps.Repeated(2, neps.Resample(_width))})
    again = neps.ByName("kind")
    loop = neps.Categorical(["end", neps.Operation("chain", args=(neps.ByName("loop"), neps.Resample("loop")))])
    lazy = neps.Lazy(neps.Integer(1, 2))
    both = [_width, neps.Resample(_width)]
    epochs = neps.IntegerFidelity(1, 9)
    constant = 64


def test_a_space_is_a_tree() -> None:
    parsed = shown(Network())
    for told in (
        "Network",
        "rate Float(lower=1e-05, upper=0.1, log=True, prior=0.001, prior_confidence='high')",
        "kind one of:",
        "leaky",
        "slope Float(lower=0, upper=1)",
        "plain Categorical(choices=('a', 'b'), prior=0)",
        "cell net",
        "content anew:_width",
        "again kind",
        "chainloopanew: loop",
        "lazy Integer(lower=1, upper=2)",
        "epochs IntegerFidelity(lower=1, upper=9)",
        "constant 64",
    ):
        assert told in parsed.text, (told, parsed.text)


def test_the_text_is_what_one_would_write() -> None:
    lines = repr(Network()).splitlines()
    assert lines[:2] == ["Network:", "    _width = Integer(lower=16, upper=512, log=True)"]
    assert "    epochs = IntegerFidelity(lower=1, upper=9)" in lines
    assert (
        repr(trial(3, 0.5)) == "Trial(id='3', config={'x': 3}, state=success, report=Report(objective_to_minimize=0.5))"
    )
    long = Trial("1", {"x": "v" * 10_000}, State.FAILED, report=Report(tb="t" * 10_000))
    assert len(repr(long)) < 1000


def test_loops(tmp_path: Path) -> None:
    loop = neps.AskAndTell(neps.algorithms.random_search({"x": neps.Float(0, 1)}))
    loop.tell(loop.ask(), 1.0)
    assert repr(loop) == "<ask and tell: random_search, 1 trials>" and "1 trials (1 success)" in shown(loop).text


def test_an_optimizer_says_what_it_is_and_what_it_searches() -> None:
    space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}
    parsed = shown(neps.algorithms.hyperband(space, eta=4))
    assert "optimizer hyperband" in parsed.text and "eta4" in parsed.text and "searches x, epochs" in parsed.text
    names = ("random_search", "grid_search", "bayesian_optimization", "tpe", "regularized_evolution", "nsga2")
    for name in names:
        assert f"optimizer {name}" in shown(getattr(neps.algorithms, name)({"x": neps.Float(0, 1)})).text


def test_what_is_not_finite_is_not_drawn() -> None:
    assert curve([math.inf, 1.0, math.nan], "what") == "" == dots([(1.0, math.nan), (1.0, 2.0)], "what")
    for values in ([1.0, 1.0], [-1e308, 1e308], [math.inf, 1.0, 2.0], [5e-324, 0.0]):
        assert "nan" not in curve(values, "what") and "inf" not in curve(values, "what")
    assert curve(range(100_000), "what").count(",") <= 201


def test_html_is_escaped_once() -> None:
    assert escaped(Html("<b>")) == "<b>" and escaped("<b>") == "&lt;b&gt;"
    assert element("b", "<", title='"<') == '<b title="&quot;&lt;">&lt;</b>'


def test_a_view_that_fails_is_shown_as_text() -> None:
    class Broken:
        @hookimpl
        def neps_as_html(self, thing: Any) -> str | None:
            if isinstance(thing, Trial):
                raise ValueError("no")
            return None

    from neps_core import plugins

    broken = Broken()
    plugins.register(broken)
    try:
        with pytest.warns(neps.NePSWarning, match="Another plugin has answered"):
            assert Trial("1", {})._repr_html_() is not None
    finally:
        plugins.unregister(broken)


def test_importing_neps_makes_no_html() -> None:
    code = "import neps, sys; neps.run, neps.PipelineSpace, neps.Trial; assert 'neps_plugins.html' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
