"""Out-of-memory errors of all libraries, raised as Python's `MemoryError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["memory_errors"]

# Messages of torch's allocators, the C++ standard library, OpenVINO and cuBLAS, in lower case.
SIGNS = ("out of memory", "not enough memory", "allocate memory", "failed to allocate", "bad_alloc", "alloc_failed")


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise `MemoryError` instead of a library's own out-of-memory error.

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
