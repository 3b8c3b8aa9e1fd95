"""The states of the generators of random numbers that a training draws from, as tensors and plain data."""

from __future__ import annotations

import random
from typing import Any

import numpy as np


def states(torch: Any) -> dict[str, Any]:
    """The states of Python's generator, NumPy's and PyTorch's, on the CPU and on each GPU that is used."""
    version, words, gauss = random.getstate()
    of_numpy: Any = np.random.get_state(legacy=False)
    return {
        "python": [version, list(words), gauss],
        "numpy": {**of_numpy, "state": {**of_numpy["state"], "key": of_numpy["state"]["key"].tolist()}},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
    }


def restore(torch: Any, stored: dict[str, Any]) -> None:
    """Go on drawing where `states` was called. GPUs that aren't here are left out."""
    version, words, gauss = stored["python"]
    random.setstate((version, tuple(words), gauss))
    of_numpy = stored["numpy"]
    key = np.array(of_numpy["state"]["key"], dtype=np.uint32)
    np.random.set_state({**of_numpy, "state": {**of_numpy["state"], "key": key}})
    torch.set_rng_state(stored["torch"])
    for device, state in enumerate(stored["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, device)
