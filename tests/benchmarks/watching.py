"""What watching a run costs: the dashboard beside Optuna's on the same trials, the report, and observers.

Run it by hand: `python tests/benchmarks/watching.py` (everything; half an hour), `--quick` (tiny sizes),
`--only pages report observers`, `--sizes 1000 10000`. It prints tables and never fails because of a figure.

A run has ten parameters, one objective, and 16 workers. Its trials are written by the storage's interface at once,
without the files for people; for Optuna the same ones by `study.add_trials`, kept in a journal file. Each server runs
in a process of its own; pages are opened by headless Chromium with an empty cache, and the time until a chart is
there is taken inside of the page, from the beginning of the navigation. A figure is a median of five; whatever takes
longer than two minutes in all is measured less often, and what takes longer at once is given up.
"""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import importlib.util
import itertools
import math
import multiprocessing
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# Before anything imports numpy: a server computes on one core.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[_variable] = "1"

SPAWN = multiprocessing.get_context("spawn")  # a fresh process each: nothing inherited, nothing imported

SIZES = (1_000, 10_000, 100_000)
REPETITIONS = 5
LIMIT = 120.0  # seconds, for one thing to happen, and for all repetitions of it
NEW = 100  # trials that are added to see a refresh
WORKERS = 16
BEGAN = 1_700_000_000.0  # when the first trial began, in Unix seconds

CHOICES = {"optimizer": ["adam", "sgd", "rmsprop", "lion"], "activation": ["relu", "gelu", "tanh"]}
#: Lower bound, upper bound, whether it is logarithmic, whether it is an integer.
RANGES = {
    "learning_rate": (1e-5, 1.0, True, False),
    "momentum": (0.0, 1.0, False, False),
    "weight_decay": (1e-6, 1e-1, True, False),
    "dropout": (0.0, 0.5, False, False),
    "label_smoothing": (0.0, 0.3, False, False),
    "layers": (1, 12, False, True),
    "width": (8, 1024, True, True),
    "batch_size": (16, 512, True, True),
}


class TookTooLong(Exception):
    """Something did not happen within `LIMIT`."""


# ---------------------------------------------------------------------- trials


def trials(first: int, n: int) -> Iterator[tuple[int, dict[str, Any], float, float, str]]:
    """Number, configuration, objective, begin in Unix seconds, and worker: always the same for a number."""
    import numpy as np

    rng = np.random.default_rng(first)
    columns: dict[str, list[Any]] = {}
    for name, (low, high, is_log, is_integer) in RANGES.items():
        unit = rng.random(n)
        column = low * (high / low) ** unit if is_log else low + (high - low) * unit
        columns[name] = (column.round().astype(int) if is_integer else column).tolist()
    for name, choices in CHOICES.items():
        columns[name] = [choices[i] for i in rng.integers(len(choices), size=n)]
    noise = rng.exponential(0.05, n).tolist()
    for i, values in enumerate(zip(*columns.values())):
        config = dict(zip(columns, values))
        loss = (math.log10(config["learning_rate"]) + 3) ** 2 + (config["momentum"] - 0.9) ** 2
        loss += config["dropout"] + 0.1 * abs(config["layers"] - 4) + (config["activation"] == "tanh") + noise[i]
        yield first + i, config, loss, BEGAN + (first + i) * 0.5, f"worker-{(first + i) % WORKERS}"


DURATION = 7.5  # seconds that an evaluation took


# ---------------------------------------------------------------------- peers


class Ours:
    """`neps dashboard` on a run.

    Args:
        folder: An empty folder for it.
    """

    name = "neps"
    #: Holds in the page once the chart of the best so far is drawn: only then there is a canvas.
    has_chart = "document.querySelector('section[aria-label=\"Best so far\"] .chart canvas')"

    def __init__(self, folder: Path) -> None:
        self._root = folder / "run"
        self.n = 0

    def begin(self) -> None:
        """Make the run, with no trials."""
        import neps
        from neps_core.events import OptimizerRecorded
        from neps_core.run import Run
        from neps_core.space_parsing import parse_space
        from neps_core.storage import open_storage

        space: dict[str, Any] = {name: neps.Categorical(choices) for name, choices in CHOICES.items()}
        for name, (low, high, is_log, is_integer) in RANGES.items():
            space[name] = (neps.Integer if is_integer else neps.Float)(low, high, log=is_log)
        self._run = Run(open_storage(self._root))
        with self._run.begun(parse_space(space), 1):
            pass
        self._run.journal.append([OptimizerRecorded("random_search", {})])

    def add(self, n: int) -> None:
        """Write that many further trials."""
        from neps_core import State
        from neps_core.events import Event, Finished, Sampled, Started
        from neps_core.trials import Report

        written: list[Event] = []
        for number, config, loss, began, worker in trials(self.n + 1, n):
            report = Report(objective_to_minimize=loss, evaluation_duration=DURATION)
            trial = str(number)
            written += [Sampled(trial, config, began, worker), Started(trial, began, worker)]
            written.append(Finished(trial, began + DURATION, State.SUCCESS, report))
        for at in range(0, len(written), 6000):
            self._run.journal.append(written[at : at + 6000], False)
        self.n += n

    def command(self, port: int) -> list[str]:
        return [sys.executable, "-m", "neps", "dashboard", str(self._root), "--no-browser", "--port", str(port)]

    path = "/"  # of the page

    def documents(self) -> list[str]:
        """What the first page asks for; the first one is the first answer of a new server."""
        views = ("overview", "anytime?objective=0", "distribution?objective=0")
        return ["/api/runs/0/overview", "/api/runs", *(f"/api/runs/0/{view}" for view in views[1:])]

    def refreshing(self, n_before: int) -> list[str]:
        """What it asks for when there are new trials."""
        return ["/api/runs", *(each for each in self.documents() if each != "/api/runs")]

    def shows(self, n: int) -> str:
        """Holds in the page once it shows that there are so many trials."""
        return f"parseInt(document.querySelector('#cards .value').textContent.replace(/\\D/g, '')) >= {n}"

    #: Seconds after which a server looks again at what is stored.
    pause = 1.0

    def write_report(self, target: Path) -> None:
        subprocess.run(
            [sys.executable, "-m", "neps", "report", str(self._root), "-o", str(target)],
            check=True,
            stdout=subprocess.DEVNULL,
        )


class Optunas:
    """`optuna-dashboard` on a study in a journal file.

    Args:
        folder: An empty folder for it.
    """

    name = "optuna"
    #: Each trial is a point of the plot of the history.
    has_chart = "document.querySelector('#plot-history .trace .point')"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "journal.log"
        self.n = 0

    def begin(self) -> None:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import BaseJournalBackend

        class Listed(BaseJournalBackend):
            """Keeps what is to be written, so that it is written, and synced, at once."""

            def __init__(self) -> None:
                self.logs: list[dict[str, Any]] = []

            def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
                return iter(self.logs[log_number_from:])

            def append_logs(self, logs: list[dict[str, Any]]) -> None:
                self.logs.extend(logs)

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._listed, self._written = Listed(), 0
        self._study = optuna.create_study(storage=JournalStorage(self._listed), study_name="watched")

    def add(self, n: int) -> None:
        import datetime

        from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
        from optuna.storages.journal import JournalFileBackend
        from optuna.trial import FrozenTrial, TrialState

        distributions: dict[str, BaseDistribution] = {
            name: (IntDistribution if is_integer else FloatDistribution)(low, high, log=is_log)
            for name, (low, high, is_log, is_integer) in RANGES.items()
        } | {name: CategoricalDistribution(choices) for name, choices in CHOICES.items()}
        at = datetime.datetime.fromtimestamp
        self._study.add_trials(
            FrozenTrial(
                number=number,
                trial_id=-1,
                state=TrialState.COMPLETE,
                value=loss,
                datetime_start=at(began),
                datetime_complete=at(began + DURATION),
                params=config,
                distributions=distributions,
                user_attrs={"worker": worker},
                system_attrs={},
                intermediate_values={},
            )
            for number, config, loss, began, worker in trials(self.n + 1, n)
        )
        JournalFileBackend(str(self._file)).append_logs(self._listed.logs[self._written :])
        self._written = len(self._listed.logs)
        self.n += n

    def command(self, port: int) -> list[str]:
        return [str(Path(sys.executable).with_name("optuna-dashboard")), str(self._file), "--port", str(port)]

    path = "/dashboard/studies/0"

    def documents(self) -> list[str]:
        return ["/api/studies/0?after=0", "/api/meta", "/api/studies/0/param_importances"]

    def refreshing(self, n_before: int) -> list[str]:
        return [f"/api/studies/0?after={n_before}"]

    def shows(self, n: int) -> str:
        return f"document.querySelectorAll('#plot-history .trace .point').length >= {n}"

    pause = 10.0


Peer = Ours | Optunas


class Server:
    """A peer's server, until it is stopped.

    Attributes:
        opened: Seconds from its start to the first answer that tells of trials.
    """

    def __init__(self, peer: Peer) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._peer, self._address = peer, f"http://127.0.0.1:{port}"
        began = time.perf_counter()
        self._process = subprocess.Popen(peer.command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                try:
                    self.get(peer.documents()[0])
                    break
                except ConnectionError:
                    if time.perf_counter() > began + LIMIT:
                        raise TookTooLong from None
                    time.sleep(0.01)
        except BaseException:
            self.stop()
            raise
        self.opened = time.perf_counter() - began

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def get(self, path: str) -> int:
        """Ask for something; how many bytes came, as they are sent to a browser."""
        request = urllib.request.Request(self._address + path, headers={"Accept-Encoding": "gzip"})
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return len(answer.read())
        except TimeoutError:
            raise TookTooLong from None
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError as error:
            raise ConnectionError(str(error)) from error

    def time_of(self, paths: Sequence[str]) -> float:
        """Seconds in which it answers, one question after the other."""
        began = time.perf_counter()
        for path in paths:
            self.get(path)
        return time.perf_counter() - began

    def memory(self) -> float:
        """What it has resident, in MB (10^6 bytes); NaN where the system doesn't tell."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return math.nan
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6

    @property
    def page(self) -> str:
        return self._address + self._peer.path


@contextmanager
def served(peer: Peer) -> Iterator[Server]:
    server = Server(peer)
    try:
        yield server
    finally:
        server.stop()


# ---------------------------------------------------------------------- in a browser

WATCH = """(() => {
    const look = () => { if (CONDITION) window.firstChart = performance.now(); else requestAnimationFrame(look); };
    look();
})()"""


@contextmanager
def browsing() -> Iterator[Any]:
    """Debian's Chromium, without a screen."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Any, server: Server, peer: Peer) -> Iterator[tuple[Any, float]]:
    """The page, opened with an empty cache, and the seconds until its first chart was there."""
    from playwright.sync_api import TimeoutError as GaveUp

    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        page = context.new_page()
        page.set_default_timeout(1000 * LIMIT)
        page.add_init_script(WATCH.replace("CONDITION", peer.has_chart))
        try:
            page.goto(server.page, wait_until="commit")
            page.wait_for_function("() => window.firstChart")
        except GaveUp:
            raise TookTooLong from None
        yield page, page.evaluate("window.firstChart") / 1000
    finally:
        context.close()


def first_chart(browser: Any, server: Server, peer: Peer) -> float:
    with page_of(browser, server, peer) as (_, seconds):
        return seconds


def shown_after(page: Any, peer: Peer) -> float:
    """Seconds from when new trials are stored until the page, which looks when it will, shows that they are."""
    from playwright.sync_api import TimeoutError as GaveUp

    peer.add(NEW)
    began = time.perf_counter()
    try:
        page.wait_for_function(f"() => {peer.shows(peer.n)}")
    except GaveUp:
        raise TookTooLong from None
    return time.perf_counter() - began


def redrawn(page: Any, peer: Peer) -> float:
    """Seconds in which our page shows new trials once it asks for them."""
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")  # it rests
    peer.add(NEW)
    time.sleep(peer.pause + 0.3)
    seconds = page.evaluate("""async () => {
        const began = performance.now();
        await neps.look();
        return (performance.now() - began) / 1000;
    }""")
    if not page.evaluate(f"() => {peer.shows(peer.n)}"):
        raise RuntimeError("the page was asked to look, and did not show the new trials")
    page.evaluate("delete document.hidden")
    return float(seconds)


# ---------------------------------------------------------------------- measuring


def repeated(measure: Callable[[], float], times: int) -> list[float]:
    """Several figures; fewer where they take long; none where one takes too long."""
    began, found = time.perf_counter(), list[float]()
    try:
        while len(found) < times and time.perf_counter() < began + LIMIT:
            found.append(measure())
    except TookTooLong:
        pass
    return found


Figures = dict[str, list[float]]


def figures_of_pages(peer: Peer, times: int, browser: Any, refreshes: bool = True) -> Figures:
    """All that is measured of a peer's page, by name, each several times; nothing of what took too long."""
    found: Figures = {}

    def opened() -> float:
        with served(peer) as server:
            return server.opened

    def refreshed() -> float:
        before = peer.n
        peer.add(NEW)
        time.sleep(peer.pause + 0.3)
        return server.time_of(peer.refreshing(before))

    with suppress(TookTooLong):
        found["server start to first answer, s"] = repeated(opened, times)
        with served(peer) as server:
            server.time_of(peer.documents())
            found["server time of the first page, s"] = repeated(lambda: server.time_of(peer.documents()), times)
            found["sent for it, MB"] = [sum(map(server.get, peer.documents())) / 1e6]
            found["first chart in Chromium, s"] = repeated(lambda: first_chart(browser, server, peer), times)
            found["memory of the server, MB"] = [server.memory()]
            if not refreshes:
                return found
            found[f"server time of {NEW} new trials, s"] = repeated(refreshed, times)
            with page_of(browser, server, peer) as (page, _):
                found[f"{NEW} new trials in the page, s"] = repeated(lambda: shown_after(page, peer), times)
                if isinstance(peer, Ours):
                    found["of that, once it asks, s"] = repeated(lambda: redrawn(page, peer), times)
    return found


def pages(folder: Path, sizes: Sequence[int], times: int, refreshes: bool = True) -> None:
    peers: list[type[Peer]] = [Ours]
    if importlib.util.find_spec("optuna_dashboard") is not None:
        peers.append(Optunas)
    for n in sizes:
        found: dict[str, Figures] = {}
        for kind in peers:
            own = folder / f"{kind.name}-{n}"
            own.mkdir(parents=True)
            peer = kind(own)
            peer.begin()
            peer.add(n)
            with browsing() as browser:
                found[kind.name] = figures_of_pages(peer, times, browser, refreshes)
        theirs = found.get("optuna", {})
        rows = []
        for name, values in found["neps"].items():
            # What theirs has no figures of came after what took too long, but for what is measured of ours alone.
            other = theirs.get(name, [] if "optuna" in found and not name.startswith("of that") else None)
            ratio = f"{statistics.median(other) / statistics.median(values):.1f}" if other and values else "-"
            rows.append([name, shown(values), shown(other), ratio])
        table(f"Pages: {n:,} trials ({load()})", ["", "neps", "optuna", "optuna / neps"], rows)
        for name, measured in found.items():
            tell_repetitions(name, measured, times)


def reports(folder: Path, sizes: Sequence[int], times: int) -> None:
    rows = []
    for n in sizes:
        own = folder / f"report-{n}"
        own.mkdir(parents=True)
        run, target = Ours(own), own / "report.html"
        run.begin()
        run.add(n)
        seconds = repeated(functools.partial(timed, lambda run=run, target=target: run.write_report(target)), times)
        with browsing() as browser:
            charts = repeated(functools.partial(first_chart_of_file, browser, target), times)
        rows.append([f"{n:,}", f"{target.stat().st_size / 1e6:.2f}", shown(seconds), shown(charts)])
    header = ["trials", "report, MB", "`neps report`, s", "first chart of the file, s"]
    table(f"Reports ({load()})", header, rows)


def first_chart_of_file(browser: Any, file: Path) -> float:
    page = browser.new_page()
    try:
        page.add_init_script(WATCH.replace("CONDITION", Ours.has_chart))
        page.goto(file.as_uri(), wait_until="commit")
        page.wait_for_function("() => window.firstChart")
        return float(page.evaluate("window.firstChart")) / 1000
    finally:
        page.close()


def timed(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


# ---------------------------------------------------------------------- observers


def searching(pipe: Connection, folder: Path, observers: list[Any], n: int) -> None:
    """A search of n trials by an empty function; sends the seconds of a trial in the loop, and in the whole call."""
    at_terminal()
    import neps

    times: list[float] = []

    def evaluate(**config: Any) -> float:
        times.append(time.perf_counter())
        return float(config["momentum"])

    space = {name: neps.Float(low, high, log=is_log) for name, (low, high, is_log, _) in RANGES.items()}
    began = time.perf_counter()
    neps.run(
        evaluate,
        space,
        root_directory=folder / "run",
        evaluations_to_spend=n,
        optimizer="random_search",
        observers=observers,
        seed=0,
    )
    whole = time.perf_counter() - began
    pipe.send(((times[-1] - times[0]) / (n - 1), whole / n))


def at_terminal() -> None:
    """Let this process's errors go to a terminal, which somebody reads: without one, `progress` is silent."""
    import pty

    reader, writer = pty.openpty()
    os.dup2(writer, 2)

    def read() -> None:
        while os.read(reader, 1 << 16):
            pass

    threading.Thread(target=read, daemon=True).start()


def observed(folder: Path, _: Sequence[int], times: int, n: int = 300) -> None:
    """What observers add to a trial, beside `summary` alone, paired: they take turns."""
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "MLFLOW_ALLOW_FILE_STORE": "true"}
    packages = {"progress": "neps", "report": "neps", "tensorboard": "tensorboardX", "mlflow": "mlflow"}
    packages["wandb"] = "wandb"
    there = [name for name, package in packages.items() if importlib.util.find_spec(package) is not None]
    loops: dict[str, list[float]] = {name: [] for name in ["summary", *there]}
    calls: dict[str, list[float]] = {name: [] for name in loops}
    for turn, name in itertools.product(range(times), loops):
        own = folder / f"{name}-{turn}"
        own.mkdir(parents=True)
        store = ("mlflow", {"tracking_uri": (own / "mlruns").as_uri(), "experiment": "watching"})
        further: list[Any] = [] if name == "summary" else [store if name == "mlflow" else name]
        receiver, sender = SPAWN.Pipe()
        process = SPAWN.Process(target=searching, args=(sender, own, ["summary", *further], n))
        process.start()
        sender.close()
        loop, call = receiver.recv()
        process.join()
        loops[name].append(1000 * loop)
        calls[name].append(1000 * call)
    rows = []
    for name in ["summary", *packages]:
        if name not in loops:
            rows.append([name, "-", "-", "-", "-"])
            continue
        more = [statistics.median(a - b for a, b in zip(of[name], of["summary"])) for of in (loops, calls)]
        added = ["", ""] if name == "summary" else [f"{each:+.2f}" for each in more]
        rows.append([name, shown(loops[name]), added[0], shown(calls[name]), added[1]])
    header = ["observer", "in the loop, ms", "added", "with beginning and end, ms", "added"]
    table(f"Observers: a trial of an empty function, of {n}, median of {times} ({load()})", header, rows)


# ---------------------------------------------------------------------- showing


def shown(values: list[float] | None) -> str:
    """The median; why there is none, else."""
    if values is None:
        return "-"
    if not values:
        return f"not within {LIMIT:.0f} s"
    median = statistics.median(values)
    return f"{median:.0f}" if median >= 100 else f"{median:.3g}"


def tell_repetitions(name: str, found: Figures, times: int) -> None:
    fewer = {what: len(values) for what, values in found.items() if times > 1 and 0 < len(values) < times}
    seldom = [f"{what} ({n})" for what, n in fewer.items() if "MB" not in what]
    if seldom:
        print(f"\n{name}, measured less often than {times} times: {', '.join(seldom)}.", flush=True)


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def table(title: str, header: list[str], rows: list[list[str]]) -> None:
    """A Markdown table, aligned."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print(f"\n### {title}\n")
    for cells in [header, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |", flush=True)


PARTS: dict[str, Callable[[Path, Sequence[int], int], None]] = {
    "pages": pages,
    "openings": functools.partial(pages, refreshes=False),
    "report": reports,
    "observers": observed,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PARTS,
        default=[part for part in PARTS if part != "openings"],
        help="which parts to run; `openings`: `pages` without refreshes, which are mostly waiting",
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), metavar="N", help="numbers of trials")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: to see that it works, not for figures")
    arguments = parser.parse_args()
    names = ("neps-framework", "starlette", "uvicorn", "optuna", "optuna-dashboard", "numpy", "playwright")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names if is_installed(name))
    print(f"Python {platform.python_version()} on {platform.system()}, {load()} at the start; {versions}", flush=True)
    sizes, times = ([50, 200], 2) if arguments.quick else (arguments.sizes, REPETITIONS)
    with tempfile.TemporaryDirectory(prefix="neps-watching-") as name:
        for part in arguments.only:
            PARTS[part](Path(name, part), sizes, times)


def is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
