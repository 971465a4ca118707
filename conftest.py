"""A private cache folder for every test, the doctests in ``src`` included, and the number format of the run."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile

import pytest

FOLDER = pytest.StashKey[str]()

# HEADSTART_BF16=0 runs the tests as on a CPU without bf16. The libraries then take the kernels of such a CPU too,
# whatever this one can; each reads its variable when it is loaded, which is after this file.
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",  # torch's own kernels
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # torch's matrix products and convolutions
    "OV_CPU_MAX_ISA": "AVX2",  # OpenVINO
    "OPENBLAS_CORETYPE": "Haswell",  # numpy and scipy
}
if os.environ.get("HEADSTART_BF16") == "0" and platform.machine() in ("x86_64", "AMD64"):
    for name, value in AVX2.items():
        os.environ.setdefault(name, value)


def pytest_report_header() -> str:
    """Which number format this run tests."""
    from headstart.engine.body.machine import bf16_setting, native_bf16

    return f"products in {'bf16' if native_bf16() else 'fp32'} by default (HEADSTART_BF16={bf16_setting()})"


def pytest_configure(config: pytest.Config) -> None:
    """No test reads or fills the cache of the person who runs it, or depends on their terminal."""
    config.stash[FOLDER] = tempfile.mkdtemp(prefix="headstart-cache-")
    for name in ("HEADSTART_CACHE_LIMIT", "COLUMNS", "FORCE_COLOR", "CLICOLOR_FORCE"):
        os.environ.pop(name, None)
    os.environ["HEADSTART_CACHE"] = config.stash[FOLDER]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Set it again before each test: a doctest may have changed it to show what it does."""
    os.environ["HEADSTART_CACHE"] = item.config.stash[FOLDER]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    shutil.rmtree(config.stash[FOLDER], ignore_errors=True)
