"""Every library's way to say that memory ran out, as Python's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["memory_errors"]

# Of torch's allocators, of the C++ standard library, of OpenVINO and of cuBLAS, in lower case.
SIGNS = ("out of memory", "not enough memory", "allocate memory", "failed to allocate", "bad_alloc", "alloc_failed")


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise `MemoryError` in the place of a library's own error for it.

    Examples:
        >>> with memory_errors():
        ...     raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        Traceback (most recent call last):
        MemoryError: DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes
    """
    try:
        yield
    except RuntimeError as error:
        if any(sign in str(error).lower() for sign in SIGNS):
            raise MemoryError(" ".join(str(error).split())[:300]) from error
        raise
