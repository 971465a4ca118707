"""A single thread for small problems, where synchronising threads takes longer than the computation.

Measured on two busy cores: boosting on 30 rows took 46 seconds with two threads and 0.14 with one; logistic regression
on 1,500 x 384 rows took 41 and 1.7; a fit of two sources on 200 texts took 69 and 20.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # it has no types

__all__ = ["threads_for"]

FEW_ROWS = 20_000  # for OpenMP, used by scikit-learn's trees, k-means and boosting
FEW_NUMBERS = 20_000_000  # entries of a matrix; solvers take thousands of steps of a few milliseconds on it


@contextmanager
def threads_for(rows: int, columns: int, few: int = FEW_NUMBERS) -> Iterator[None]:
    """Limit OpenMP (for few rows) and BLAS (for small matrices) to one thread within the block.

    Args:
        rows: number of training rows.
        columns: number of training columns.
        few: number of matrix entries from which BLAS keeps all its threads.

    Examples:
        >>> with threads_for(10, 4):
        ...     pass
    """
    limits = {"openmp": rows < FEW_ROWS, "blas": rows * columns < few}
    with _controller(len(sys.modules)).limit(limits={kind: 1 for kind, small in limits.items() if small}):
        yield


@lru_cache(maxsize=1)
def _controller(modules: int) -> ThreadpoolController:  # noqa: ARG001 (libraries are loaded by modules)
    """The libraries that have threads; looked for again, which takes milliseconds, only when modules were loaded."""
    return ThreadpoolController()
