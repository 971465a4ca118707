"""Libraries with threads are limited within the block, restored after it, and looked for only when some were loaded."""

from __future__ import annotations

import sys
from types import ModuleType

from threadpoolctl import threadpool_info

from headstart.heads.estimator import threads


def blas_threads():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_blas_has_one_thread_for_a_small_matrix_and_its_own_number_for_a_large_one():
    before = blas_threads()
    with threads.threads_for(10, 4):
        assert blas_threads() == {1}
    assert blas_threads() == before
    with threads.threads_for(30_000, 1_000):
        assert blas_threads() == before


def test_libraries_are_looked_for_again_only_when_modules_were_loaded(monkeypatch):
    """Kind: a scan of all libraries, milliseconds each, for every small solve."""
    scans = []
    found = threads.ThreadpoolController
    monkeypatch.setattr(threads, "ThreadpoolController", lambda: scans.append(1) or found())
    threads._controller.cache_clear()
    for _ in range(3):
        with threads.threads_for(10, 4):
            pass
    assert len(scans) == 1
    monkeypatch.setitem(sys.modules, "just_loaded", ModuleType("just_loaded"))
    with threads.threads_for(10, 4):
        pass
    assert len(scans) == 2
    threads._controller.cache_clear()
