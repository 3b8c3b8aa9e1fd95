"""Small spaces, one for each thing that the language can say."""

from __future__ import annotations

from typing import Any

from neps_plugins.spaces.pipeline.categorical import Categorical
from neps_plugins.spaces.pipeline.operations import Operation, Repeated
from neps_plugins.spaces.pipeline.parameters import Float, FloatFidelity, Integer, IntegerFidelity
from neps_plugins.spaces.pipeline.references import ByName, Resample
from neps_plugins.spaces.pipeline.space import PipelineSpace


class _Hierarchical(PipelineSpace):
    _width = Integer(8, 64, log=True)
    _layer = Operation("linear", args=(Resample(_width),), kwargs={"act": Categorical(["relu", "tanh"])})
    model = Operation("sequential", args=Repeated(Integer(1, 3), Resample(_layer)))
    classifier = Categorical([Operation("svm", kwargs={"c": Float(0.1, 10, log=True)}), "tree"])


class _Recursive(PipelineSpace):
    _block = Categorical(
        [
            Operation("seq", args=(ByName("_block"), ByName("_block"))),
            Operation("conv", args=(Resample(Integer(1, 7)),)),
            "id",
        ]
    )
    model = _block


def example_spaces() -> dict[str, Any]:
    """The spaces, by what is special about them."""
    return {
        "flat": {"x": Float(0, 1), "y": Float(-1, 1)},
        "mixed": {"x": Float(0, 1), "n": Integer(1, 5), "c": Categorical(["a", "b", None, 3]), "k": 7},
        "log": {"rate": Float(1e-6, 1, log=True), "units": Integer(1, 1024, log=True)},
        "constant": {"k": 3},
        "single choice": {"x": Float(0, 1), "c": Categorical(["only"])},
        "priors": {"x": Float(0, 1, prior=0.2, prior_confidence="high"), "c": Categorical(["a", "b"], prior=1)},
        "fidelity": {"x": Float(0, 1), "epochs": IntegerFidelity(1, 9)},
        "real fidelity and priors": {"x": Float(0, 1, prior=0.9), "share": FloatFidelity(0.1, 1, log=True)},
        "hierarchical": _Hierarchical(),
        "recursive": _Recursive(),
    }
