"""One thread for linear algebra.

The matrices of a proposal are small. On a machine that is busy, as those are that evaluate, the threads of a BLAS wait
for each other far longer than they compute: fits with 60 observations take twelve times as long as with one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

import numpy  # noqa: F401  (each brings a BLAS of its own, and only those that are loaded are found)
import scipy.linalg  # noqa: F401
from threadpoolctl import ThreadpoolController

P = ParamSpec("P")
R = TypeVar("R")

_controller = cache(ThreadpoolController)


def with_one_blas_thread(function: Callable[P, R]) -> Callable[P, R]:
    """A function during whose calls each BLAS of this process has one thread."""

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited
