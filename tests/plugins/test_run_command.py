"""`neps run` and `neps init`: searches from files and from the command line."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import neps
from neps_core import NePSError
from neps_core.cli import main
from neps_plugins.search_file.located import SearchFileError, parse
from neps_plugins.search_file.settings import Search, checked
from neps_plugins.search_file.short import parse_parameter

SEARCH = """\
pipeline_space:
  lr: {lower: 1e-3, upper: 1, log: true}
  kind: [a, b]
  size: 32
command: [sh, -c, 'echo $1', sh, "{lr}"]
optimizer: random_search
evaluations_to_spend: 2
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a search in it, and in a folder below."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    for path in (tmp_path / "search.yaml", tmp_path / "below/search.yaml"):
        path.write_text(SEARCH)
    return tmp_path


@pytest.fixture
def problem(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that has to fail, and gives what it says."""

    def run(*words: str) -> str:
        before = {path for path in Path.cwd().rglob("*") if "__pycache__" not in path.parts}
        assert main(list(words)) == 1
        after = {path for path in Path.cwd().rglob("*") if "__pycache__" not in path.parts}
        assert after == before, "nothing is written"
        out, err = capsys.readouterr()
        assert not out and err.startswith("error: ") and err.count("\n") == 1, err
        return err.removeprefix("error: ").rstrip("\n")

    return run


def search(text: str) -> Search:
    return checked(parse(text, "search.yaml"))


# ---------------------------------------------------------------------- from a file


def test_a_file_is_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "search.yaml"]) == 0
    out = capsys.readouterr().out
    trials = neps.status(folder / "neps_results")[0]
    assert list(trials["state"]) == ["success", "success"]
    best = trials.loc[trials["objective_to_minimize"].idxmin()]
    assert best["objective_to_minimize"] == best["config.lr"]
    assert f"objective {best['config.lr']}\n" in out and f"lr: {best['config.lr']}\n" in out
    assert out.endswith("Run:     neps_results\n")


def test_paths_are_relative_to_the_file_and_options_to_the_current_folder(folder: Path) -> None:
    (folder / "below/train.py").write_text("import helper\ndef evaluate(lr, kind, size): return helper.LOSS\n")
    (folder / "below/helper.py").write_text("LOSS = 0.5\n")
    text = SEARCH.replace("command: [sh, -c, 'echo $1', sh, \"{lr}\"]", "evaluate_pipeline: train.py:evaluate")
    (folder / "below/search.yaml").write_text(text + "root_directory: results\n")
    assert main(["run", "below/search.yaml"]) == 0
    assert (folder / "below/results/configs/config_2").is_dir()
    assert main(["run", "below/search.yaml", "--root-directory", "here"]) == 0
    assert (folder / "here/configs/config_2").is_dir()
    assert Path.cwd() == folder
    for name in ("train", "helper"):
        sys.modules.pop(name, None)


def test_a_module_beside_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (folder / "module_of_a_search.py").write_text("def evaluate(x): return x\n")
    (folder / "search.yaml").write_text(
        "pipeline_space: {x: {lower: 1, upper: 9}}\nevaluate_pipeline: module_of_a_search:evaluate\n"
        "optimizer: {name: random_search, use_priors: false}\nevaluations_to_spend: 2\n"
    )
    assert main(["run", "search.yaml"]) == 0
    assert list(neps.status(folder / "neps_results")[0]["state"]) == ["success", "success"]


def test_a_run_goes_on_without_its_space(folder: Path) -> None:
    assert main(["run", "search.yaml"]) == 0
    (folder / "on.yaml").write_text("command: [sh, -c, 'echo 2', '{lr}']\nevaluations_to_spend: 1\n")
    assert main(["run", "on.yaml"]) == 0
    assert len(neps.status(folder / "neps_results")[0]) == 3


def test_options_and_sets_come_on_top(folder: Path) -> None:
    words = ["--evaluations_to_spend", "3", "--set", "pipeline_space.lr.upper=0.01", "--set", "optimizer=grid_search"]
    assert main(["run", "search.yaml", *words, "--set", "pipeline_space.more={lower: 1, upper: 2}"]) == 0
    trials = neps.status(folder / "neps_results")[0]
    assert len(trials) == 3 and trials["config.lr"].max() <= 0.01
    assert set(trials["config.more"]) <= {1, 2}
    assert neps.load_optimizer_info(folder / "neps_results")["name"] == "grid_search"


def test_everything_else_of_run(folder: Path) -> None:
    text = SEARCH + "seed: 3\nobservers: [summary, [tensorboard, {}]]\nstopping_rule: {name: patience}\n"
    text += "budgets: {wallclock: 100}\nn_workers: 2\nexecutor: [threads, {}]\nstorage: null\nscalarize: [1, 2]\n"
    made = checked(parse(text.replace("tensorboard", "progress"), "search.yaml"))
    assert made.arguments["executor"] == ["threads", {}] and "storage" not in made.arguments
    assert made.arguments["budgets"] == {"wallclock": 100}


def test_threads_evaluate_with_programs(folder: Path) -> None:
    assert main(["run", "search.yaml", "--executor", "threads", "--n_workers", "2"]) == 0
    assert list(neps.status(folder / "neps_results")[0]["state"]) == ["success", "success"]


def test_a_run_in_a_database(folder: Path) -> None:
    assert main(["run", "below/search.yaml", "--storage", "sqlite:///runs.db"]) == 0
    assert (folder / "runs.db").is_file() and not (folder / "below/runs.db").exists()
    assert main(["run", "below/search.yaml", "--set", "storage=sqlite:///runs.db", "--set", "root_directory=r"]) == 0
    assert (folder / "below/runs.db").is_file()


def test_dry_run_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "search.yaml", "--dry_run"]) == 0
    assert "as it should be" in capsys.readouterr().out
    assert not (folder / "neps_results").exists()


def test_a_program_that_fails_is_told_with_what_it_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "search.yaml").write_text(SEARCH.replace("echo $1", "echo one >&2; echo no data >&2; exit 3"))
    assert main(["run", "search.yaml"]) == 1
    first, second, *rest = capsys.readouterr().err.splitlines()
    assert first == "error: it ended with exit code 3: no data" and str(folder / "neps_results") in second
    assert rest[:2] == ["one", "no data"] and "--ignore_errors" in rest[2]
    assert main(["run", "search.yaml", "--ignore-errors"]) == 0
    assert len(neps.status(folder / "neps_results")[0]) == 3


def test_an_interrupted_search_goes_on(folder: Path, script: Any, wait_for: Any) -> None:
    (folder / "search.yaml").write_text(SEARCH.replace("echo $1", "touch begun; sleep 60"))
    script.write("import sys; from neps_core.cli import main; sys.exit(main(['run', 'search.yaml']))")
    worker = script.start()
    wait_for((folder / "begun").exists)
    worker.send_signal(signal.SIGINT)
    _, err = worker.communicate(timeout=30)
    assert worker.returncode == 130 and "Traceback" not in err and "goes on" in err
    assert list(neps.status(folder / "neps_results")[0]["state"]) == ["pending"]


# ---------------------------------------------------------------------- what can't be meant


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("optimizer:", "optimiser:", 6, "there is no key 'optimiser'. Did you mean 'optimizer'"),
        ("random_search", "random_serch", 6, "there is no optimizer 'random_serch'. Did you mean 'random_search'"),
        ("random_search", "[random_search, {eta: 3}]", 6, "eta"),
        ("_spend: 2", "_spend: two", 7, "evaluations_to_spend must be a whole number, not 'two'."),
        ("_spend: 2", "_spend: 2.5", 7, "evaluations_to_spend must be a whole number, not 2.5."),
        ("_spend: 2", "_spend: true", 7, "evaluations_to_spend must be a whole number, not True."),
        ("_spend: 2", "_spend: -2", 7, "evaluations_to_spend must be a number of at least 0"),
        ("_spend: 2", "_spend: 2\nbudgets: {wall: 3}", 8, "there is no budget 'wall'. Did you mean 'wallclock'?"),
        ("_spend: 2", "_spend: 2\nbudgets:\n  wallclock: x", 9, "budgets.wallclock"),
        ("_spend: 2", "_spend: 2\nbudgets: 3", 8, "budgets must be a mapping"),
        ("_spend: 2", "_spend: 2\nignore_errors: maybe", 8, "ignore_errors must be true or false, not 'maybe'."),
        ("_spend: 2", "_spend: 2\nstopping_rule: mediann", 8, "no stopping rule 'mediann'. Did you mean 'median'?"),
        ("_spend: 2", "_spend: 2\nobservers: [sumary]", 8, "Did you mean 'summary'?"),
        ("_spend: 2", "_spend: 2\nexecutor: thread", 8, "Did you mean 'threads'?"),
        ("_spend: 2", "_spend: 2\nn_workers: 0", 8, "n_workers"),
        ("_spend: 2", "_spend: 2\nseed: 1\nseed: 2", 9, "the key 'seed' is there twice; it is in line 8, too."),
        ("_spend: 2", "_spend: 2\nseed: 2024-01-01", 8, "is read as date; put it in quotes"),
        ("_spend: 2", "_spend: 2\n1: 2", 8, "the key 1 is int, not text"),
        ("_spend: 2", "_spend: 2\nignore_errors: yes", 8, "yes is true to YAML, and not to everybody. Write true"),
        ("kind: [a, b]", "kind: [010, 020]", 3, "010 is 8 to YAML"),
        ("kind: [a, b]", "on: [a, b]", 3, "on is true to YAML"),
        ("  kind: [a, b]", "\tkind: [a, b]", 3, "it is a tab; indent by spaces"),
        ("kind: [a, b]", "kind: [a, \udce4]", 3, "Save it as UTF-8."),
        ("_spend: 2", "_spend: 2\ntimeout: 0", 8, "timeout is a time in seconds"),
        ("_spend: 2", "_spend: 2\nworking_directory: nowhere", 8, "there is no folder"),
        ("_spend: 2", "_spend: 2\nenvironment: {LR: '{lrr}'}", 8, "asks for {lrr}, which is no parameter"),
        ("_spend: 2", "_spend: 2\nenvironment: {LR: [1]}", 8, "a variable is a name and a text or a number"),
        ("_spend: 2", "_spend: 2\nevaluate_pipeline: a:b", 5, "both evaluate_pipeline and command"),
        ("upper: 1,", "upper: 1e-4,", 2, "lr: lower (0.001) must not be greater than upper (0.0001)."),
        ("upper: 1,", "uper: 1,", 2, "lr: a parameter has no key 'uper'. Did you mean 'upper'"),
        ("log: true}", "log: true,\n    prio: 0.1}", 3, "lr: a parameter has no key 'prio'. Did you mean 'prior'?"),
        ("kind: [a, b]", "kind: [a, a]", 3, "kind"),
        ("kind: [a, b]", "kind: [a, b", 4, "it can't be read"),
        ("kind: [a, b]", "kind: {choices: [a, b], prior: c}", 3, "kind: the prior 'c' is none of the choices"),
        ("size", "pipeline_id", 4, "'pipeline_id' can't be the name of a parameter"),
        ('"{lr}"', '"{lrr}"', 5, "the word '{lrr}' of the command asks for {lrr}, which is no parameter"),
        ('"{lr}"', "{lr}", 5, 'Put braces in quotes: "{lr}".'),
        ("[sh, -c", "[no-such-program, -c", 5, "there is no program 'no-such-program' on PATH"),
        ("command: [sh", "command: []\n#", 5, "the command is empty"),
        ("command: [sh", 'command: "sh \'a"\n#', 5, "No closing quotation"),
        ("command: [sh", "evaluate_pipeline: no_such_module:f\n#", 5, "can't import 'no_such_module'"),
        ("command: [sh", "evaluate_pipeline: 3\n#", 5, "evaluate_pipeline must be text, not 3."),
        ("command: [sh", "evaluate_pipeline: &a os:getcwd\n#", 5, "refers to itself"),
        ("command: [sh", "evaluate_pipeline: !!python/name:os.getcwd\n#", 5, "it can't be read"),
    ],
)
def test_what_cannot_be_meant(
    old: str, new: str, line: int, message: str, folder: Path, problem: Callable[..., str]
) -> None:
    assert SEARCH.count(old) == 1
    (folder / "search.yaml").write_text(SEARCH.replace(old, new), errors="surrogateescape")
    said = problem("run", "search.yaml")
    assert said.startswith(f"search.yaml, line {line}: ") and message in said


def test_files_that_are_no_search(folder: Path, problem: Callable[..., str]) -> None:
    assert problem("run", "nothing.yaml") == "nothing.yaml can't be read: No such file or directory."
    for text, message in (
        ("", "search.yaml is empty, where a mapping is needed"),
        ("- 1", "search.yaml holds list"),
        ("optimizer: auto", "search.yaml: there is neither evaluate_pipeline"),
        ("command: ls", "search.yaml: pipeline_space is missing, and there is no run in neps_results to go on with."),
        ("a: 1\n\0", "search.yaml, line 2: it can't be read"),
    ):
        (folder / "search.yaml").write_text(text)
        assert problem("run", "search.yaml").startswith(message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--evaluations_to_spend", "x"], "--evaluations_to_spend x: evaluations_to_spend must be a whole number"),
        (["--set", "optimizer"], "--set optimizer: write KEY=VALUE"),
        (["--set", "seed={"], "--set seed={: "),
        (["--set", "seed.x=1", "--set", "seed=1", "--set", "seed.x=1"], "--set seed.x=1: seed is 1, in which nothing"),
        (["--set", "optimizr.eta=1"], "--set optimizr.eta=1: there is no key 'optimizr'."),
        (["--param", "lr=0..x"], "--param lr=0..x: '0..x' is no range of numbers"),
        (["--param", "lr=9..1"], "--param lr=9..1: lr: lower (9) must not be greater than upper (1)."),
    ],
)
def test_options_that_cannot_be_meant(
    words: list[str], message: str, folder: Path, problem: Callable[..., str]
) -> None:
    assert message in problem("run", "search.yaml", *words)


def test_an_error_of_a_function_is_its_own(folder: Path, problem: Callable[..., str]) -> None:
    (folder / "broken_target.py").write_text("import nothing_at_all\n")
    (folder / "search.yaml").write_text("pipeline_space: {x: [1, 2]}\nevaluate_pipeline: broken_target.py:f\n")
    said = problem("run", "search.yaml")
    assert said.startswith("search.yaml, line 2: ") and "nothing_at_all" in said


def test_numbers_and_texts_are_those_of_yaml() -> None:
    made = search(
        'pipeline_space: {a: 1e-3, b: "1e-3", c: true, d: null, x: [1, 2.5, text, true]}\ncommand: "ls  \'a b\'"'
    )
    assert made.arguments["pipeline_space"] == {
        "a": 0.001,
        "b": "1e-3",
        "c": True,
        "d": None,
        "x": [1, 2.5, "text", True],
    }
    assert made.target.words == ("ls", "a b")  # type: ignore[union-attr]


# ---------------------------------------------------------------------- programs, without a file


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("x=1..10", {"lower": 1, "upper": 10}),
        ("x=-1.5..1e3", {"lower": -1.5, "upper": 1000.0}),
        ("x=log:1e-4..1e-1", {"lower": 1e-4, "upper": 0.1, "log": True}),
        ("x=log:1e-4..1@1e-2", {"lower": 1e-4, "upper": 1, "log": True, "prior": 0.01}),
        ("x=fidelity:1..27", {"lower": 1, "upper": 27, "is_fidelity": True}),
        ("x=fidelity:log:1..27", {"lower": 1, "upper": 27, "log": True, "is_fidelity": True}),
        ("x=a, b,3", {"choices": ["a", "b", 3]}),
        ("x=a,b@b", {"choices": ["a", "b"], "prior": "b"}),
        ("x=true,false", {"choices": [True, False]}),
        ("x=32", 32),
        ("x=on,'1',red #1,#fff,010", {"choices": ["on", "1", "red #1", "#fff", "010"]}),
        ("x=a: b", "a: b"),
        ("x=me@home", "me@home"),
        ("x=[a, b]", ["a", "b"]),
        ("x={lower: 1, upper: 2}", {"lower": 1, "upper": 2}),
    ],
)
def test_short_parameters(text: str, parameter: Any) -> None:
    name, meant = parse_parameter(text)
    assert (name, meant) == ("x", parameter) and repr(meant) == repr(parameter)


@pytest.mark.parametrize(
    "text",
    ["x", "=1", "x=", "1x=3", "x=log:a..b", "x=1..", "x=log:3", "x=[a", "a b=1..2", "x=a,", "x=a,b@", "x='a,b',c"],
)
def test_short_parameters_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(SearchFileError, match="--param "):
        parse_parameter(text)


def test_a_program_behind_dashes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--param", "lr=log:1e-3..1", "--param", "kind=a,b", "--evaluations-to-spend", "2", "--seed", "1"]
    program = [
        "sh",
        "-c",
        'echo "$NEPS_CONFIG"; echo "$@" > seen; echo $2',
        "sh",
        "--lr",
        "{lr}",
        "--set",
        "{kind}",
        "--",
    ]
    assert main(["run", *words, "--root_directory", "r", "--", *program]) == 0
    trials = neps.status(folder / "r")[0]
    assert list(trials["objective_to_minimize"]) == list(trials["config.lr"])
    last = trials.iloc[-1]
    assert (folder / "seen").read_text() == f"--lr {float(last['config.lr'])!r} --set {last['config.kind']} --\n"


def test_a_space_from_a_file(folder: Path) -> None:
    (folder / "below/space.yaml").write_text("x: {lower: 0.0, upper: 1.0}\n")
    command = ["--evaluations_to_spend", "1", "--", "sh", "-c", "pwd; echo 1"]
    assert main(["run", "--space", "below/space.yaml", *command]) == 0
    assert (folder / "neps_results/configs/config_1/stdout.log").read_text() == f"{folder}\n1\n"
    assert main(["run", "--space", "search.yaml", "--root_directory", "other", *command]) == 0
    assert set(yaml.safe_load((folder / "other/configs/config_1/config.yaml").read_text())) >= {"lr", "kind"}


def test_errors_in_a_space_file_have_its_lines(folder: Path, problem: Callable[..., str]) -> None:
    (folder / "space.yaml").write_text("x: [1, 2]\ny: {lower: 2, upper: 1}\n")
    assert problem("run", "--space", "space.yaml", "--", "ls").startswith("space.yaml, line 2: y: lower (2)")
    assert "the command behind --: the word '{z}'" in problem("run", "--param", "x=1..2", "--", "echo", "{z}")


def test_a_file_with_another_program(folder: Path) -> None:
    assert main(["run", "below/search.yaml", "--root_directory", "r", "--", "sh", "-c", "pwd; echo 1"]) == 0
    assert (folder / "r/configs/config_1/stdout.log").read_text() == f"{folder}\n1\n"


def test_neither_a_file_nor_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["run", "--seed", "1"])
    assert left.value.code == 2 and "give FILE.yaml, or a program behind --" in capsys.readouterr().err


# ---------------------------------------------------------------------- neps init


def test_init_writes_a_search_that_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "first.yaml"]) == 0
    assert "neps run first.yaml" in capsys.readouterr().out
    text = (folder / "first.yaml").read_text()
    assert max(map(len, text.splitlines())) <= 120 and "{{" not in text
    assert main(["run", "first.yaml", "--optimizer", "random_search", "--set", "evaluations_to_spend=5"]) == 0
    trials = neps.status(folder / "first_results")[0]
    assert list(trials["state"]) == ["success"] * 5
    assert all(trials["objective_to_minimize"] >= (trials["config.layers"] - 3) ** 2)


def test_what_init_says_in_comments_can_be_meant(folder: Path) -> None:
    main(["init", "--force"])
    lines = (folder / "search.yaml").read_text().splitlines()
    without = lines.index("command:"), next(i for i, line in enumerate(lines) if line.startswith("# timeout"))
    lines[without[0] : without[1]] = ["command: [ls]"]
    changed = []
    for line in lines:
        bare = line.lstrip("# ")
        is_setting = bare.partition(":")[0].isidentifier() and line.lstrip().startswith("# ") and bare != line
        if is_setting and not bare.startswith(("evaluate_pipeline", "lr", "executor", "storage", "optimizer: auto")):
            changed.append(line.replace("# ", "", 1))
        else:
            changed.append(line)
    made = search("\n".join(changed).replace("tensorboard", "progress"))
    assert made.arguments["n_workers"] == 4 and made.arguments["cost_to_spend"] == 100
    assert made.arguments["optimizer"] == {"name": "hyperband", "eta": 3}
    assert made.arguments["pipeline_space"]["epochs"]["is_fidelity"] is True


def test_init_replaces_nothing_unless_told(folder: Path, problem: Callable[..., str]) -> None:
    assert problem("init") == "search.yaml is there already, and stays as it is; --force replaces it."
    assert (folder / "search.yaml").read_text() == SEARCH
    assert "can't be written" in problem("init", "nowhere/search.yaml")
    assert main(["init", "--force"]) == 0
    assert (folder / "search.yaml").read_text() != SEARCH


# ---------------------------------------------------------------------- help


def test_report_is_explained_in_one_text(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["report", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert (
        "neps report ROOT... [--storage URL] [-o FILE.html]" in text
        and "neps report VALUE... [--step N]" in text
        and "75" in text
    )


def test_report_outside_a_program(problem: Callable[..., str], folder: Path) -> None:
    assert "made by a program that `neps run` has started" in problem("report", "-1e-3")
    assert "there is no run" in problem("report", "nothing")
    with pytest.raises(SystemExit):
        main(["report", "nothing", "--step", "1"])


def test_errors_are_errors_of_the_framework() -> None:
    assert issubclass(SearchFileError, NePSError)
