"""What PyPI and those who cite us are told."""

from __future__ import annotations

from importlib.metadata import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    ours = metadata("neps-framework")
    assert str(citation["version"]) == ours["Version"]
    assert citation["license"] == ours["License-Expression"] == "Apache-2.0"
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["title"].startswith("neps-framework")


def test_pypi_is_told_what_it_shows() -> None:
    ours = metadata("neps-framework")
    for key in ("Summary", "Keywords", "Requires-Python", "Description-Content-Type", "Project-URL", "License-File"):
        assert ours[key], key
    assert any(ours[key] for key in ("Author", "Author-email"))
    assert "neps.run" in str(ours.get_payload() or ours["Description"])
    classifiers = ours.get_all("Classifier") or []
    assert not any(classifier.startswith("License ::") for classifier in classifiers)  # PEP 639: the expression says it
    known = pytest.importorskip("trove_classifiers").classifiers
    assert set(classifiers) <= known
