"""Everything that is checked, as `nox` sessions; `nox -l` lists them, `nox -s lint` runs one.

Each session has a virtual environment of its own with one of the extras of pyproject.toml.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint", "types", "docs"]
nox.options.reuse_existing_virtualenvs = True

BENCHMARKS = Path("tests/benchmarks")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; what stands behind `--` goes to pytest."""
    session.install("-e", ".[dev]")
    session.run("python", "-m", "pytest", *(session.posargs or ["-n", "2"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, and which package may import which."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-logo")


@nox.session
def types(session: nox.Session) -> None:
    """Check the type hints."""
    session.install("-e", ".[dev]")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into site/; a warning is an error."""
    session.install("-e", ".[docs]")
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session
def publishable(session: nox.Session) -> None:
    """Build what is put on PyPI, and check it and the citation; nothing is uploaded."""
    session.install("build", "twine", "cffconvert")
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--outdir", folder)
        session.run("twine", "check", "--strict", *map(str, Path(folder).iterdir()))
    session.run("cffconvert", "--validate")


@nox.session
def quickstart(session: nox.Session) -> None:
    """Run the first example in a folder of its own."""
    session.install("-e", ".[examples]")
    script = Path("docs/examples/quickstart.py").absolute()
    with tempfile.TemporaryDirectory() as folder, session.chdir(folder):
        session.run("python", str(script), *session.posargs)


@nox.session
def benchmark(session: nox.Session) -> None:
    """Run the scripts in tests/benchmarks, or the one named first behind `--`; the rest goes to the script."""
    session.install("-e", ".[benchmark,analysis,examples]")
    arguments = list(session.posargs)
    scripts = sorted(BENCHMARKS.glob("*.py"))
    if arguments and not arguments[0].startswith("-"):
        name = Path(arguments.pop(0)).stem
        scripts = [script for script in scripts if script.stem == name]
        if not scripts:
            session.error(f"there is no {name}.py in {BENCHMARKS}")
    for script in scripts:
        if not script.stem.startswith("_"):
            session.run("python", str(script), *arguments)
