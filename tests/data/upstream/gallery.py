"""Spaces that neural-pipeline-search and this framework can both express, written once for both.

Run with neural-pipeline-search 0.17 installed, this writes `configs.json` beside it: what it samples of each space, and
the arguments that it makes of that.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: How many configurations of each space are written.
SAMPLES = 4


class Layer:
    """Something that an operation builds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.shown = f"Layer({', '.join([*map(repr, args), *(f'{k}={v!r}' for k, v in kwargs.items())])})"

    def __repr__(self) -> str:
        return self.shown


def spaces(neps: Any) -> dict[str, Any]:
    """The spaces by name, in the words of the `neps` that is given."""
    Integer, Float, Categorical = neps.Integer, neps.Float, neps.Categorical
    Resample, ByName, Repeated = neps.Resample, neps.ByName, neps.Repeated

    def op(operator: Any, *args: Any, **kwargs: Any) -> Any:
        return neps.Operation(operator=operator, args=args or None, kwargs=kwargs or None)

    class Flat(neps.PipelineSpace):
        lr = Float(1e-4, 1e-1, log=True, prior=1e-2, prior_confidence="medium")
        layers = Integer(1, 5)
        kind = Categorical(("adam", "sgd", "rms"))
        momentum = Categorical((0.0, 0.9, 0.99))
        tiny = Float(-1e-12, 3)
        batch = 64

    class Fidelity(neps.PipelineSpace):
        x = Float(0, 1)
        epochs = neps.IntegerFidelity(1, 9)

    class Blocks(neps.PipelineSpace):
        _width = Integer(16, 512, log=True)
        kind = Categorical(("adam", "sgd"))
        conv = op("conv", _width, k=Categorical((3, 5)))
        dense = op("dense", _width, Integer(1, 3), conv)
        built = op(Layer, _width, a_b=Resample(_width))
        last = _width

    class Choices(neps.PipelineSpace):
        _act = Categorical(("relu", "gelu", "tanh"))
        decay = Categorical((0.0, Float(1e-6, 1e-2, log=True)))
        block = Categorical((op("conv", _act, k=Categorical((1, 3))), op("pool", size=Integer(2, 4)), "identity"))
        nested = Categorical((Categorical(("a", "b")), Categorical(("c", Integer(1, 5)))))
        again = Categorical((_act, op("f", _act, Resample(_act))))

    class Resampled(neps.PipelineSpace):
        _k = Integer(1, 100)
        _other = Resample(_k)
        _op = op("conv", _k, p=Float(0.25, 0.75))
        net = op("seq", _op, Resample(_op), Resample(_k), op("relu", Resample(_k), _k), _other, _other)
        width = Resample(_k)
        inner = Resample(op("conv", Resample(_k), p=Resample(Integer(1, 1000))))
        base = _k
        named = op("f", ByName("base"), ByName("later"), ByName("base").resample())
        later = Integer(1, 99)

    class Grammar(neps.PipelineSpace):
        _act = Categorical(("relu", "gelu"))
        _conv = op("conv", Resample(_act), k=Resample(Categorical((1, 3, 5))))
        _chain = op("chain", ByName("_cell").resample(), ByName("_cell").resample())
        _cell = Categorical((Resample(_conv), op("pool", size=Integer(1, 9)), "identity", Resample(_chain)))
        architecture = ByName("_cell")
        second = ByName("_cell").resample()

    class Counted(neps.PipelineSpace):
        _act = Categorical(("relu", "gelu"))
        _block = op("conv", _act, k=Categorical((1, 3, 5)), p=Resample(_act))
        each = neps.Operation(operator="net", args=Repeated(Integer(1, 4), Resample(_block)))
        same = neps.Operation(operator="net", args=Repeated(Integer(1, 3), _block))
        plain = op(Layer, Repeated(Categorical((2, 3)), Resample(_act)))

    class Derived(neps.PipelineSpace):
        _sizes = Categorical(((1, 3), (3, 5, 7)))
        size = Categorical(_sizes)
        _small = Integer(1, 4)
        upto = Integer(0, _small)
        rate = Float(0, 1, prior=Float(0.25, 0.75), prior_confidence=Categorical(("low", "high")))
        pair = Categorical(((Integer(1, 9), "x"), (Float(0, 1), Integer(10, 20))))
        called = neps.Operation(
            operator=Categorical(("conv", "dense")),
            args=Categorical(((Integer(1, 9),), (1, Integer(11, 19)))),
            kwargs=Categorical(({"a": 1}, {"b": 2})),
        )
        listed = [Integer(1, 9), "x", {"deep": (Integer(10, 19), 1)}]

    found = (Flat, Fidelity, Blocks, Choices, Resampled, Grammar, Counted, Derived)
    return {space.__name__.lower(): space for space in found}


def _write() -> None:
    import random

    import neps  # neural-pipeline-search
    from neps.space.neps_spaces.parameters import Repeated

    random.seed(17)
    neps.Repeated = Repeated  # type: ignore[misc]
    written: dict[str, list[dict[str, Any]]] = {}
    for name, kind in spaces(neps).items():
        space = kind()
        written[name] = []
        for _ in range(SAMPLES):
            config, _ = space.sample()
            arguments = neps.load_config(config=dict(config), pipeline_space=space)
            written[name].append({"config": dict(config), "arguments": arguments})
    text = json.dumps(written, indent=1, default=repr)
    Path(__file__).with_name("configs.json").write_text(text + "\n")


if __name__ == "__main__":
    _write()
