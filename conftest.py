"""A private folder for all that the tests write, a cache in it for every test, and the number format of the run."""

from __future__ import annotations

import gc
import os
import platform
import tempfile
from pathlib import Path

import pytest
from onnx_registry import keep_registry
from private_folder import PrivateFolder, remove_abandoned, use_for_temporary_files
from shared_bodies import share_bodies

FOLDER = pytest.StashKey[PrivateFolder]()
CACHE = pytest.StashKey[str]()
STAYS = pytest.StashKey[str]()
KEPT = "failed"  # folder of the tests' own folders, of which those of failed tests stay until the next run

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


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """No test reads or fills the cache of the person who runs it, depends on their terminal, or leaves files behind."""
    if not hasattr(config, "workerinput"):  # the processes of xdist inherit the folder
        parent = Path(tempfile.gettempdir())
        remove_abandoned(parent)
        config.stash[FOLDER] = PrivateFolder(parent)
        use_for_temporary_files(config.stash[FOLDER].path)
        config.option.basetemp = config.option.basetemp or str(config.stash[FOLDER].path / KEPT)
    # No test cuts the power. Waiting for the disk takes a fifth of a run, and as long again to remove what is on it.
    os.fsync = lambda _: None
    config.stash[CACHE] = str(share_bodies(Path(tempfile.mkdtemp(prefix="cache-"))))
    for name in ("HEADSTART_CACHE_LIMIT", "COLUMNS", "FORCE_COLOR", "CLICOLOR_FORCE"):
        os.environ.pop(name, None)
    os.environ["HEADSTART_CACHE"] = config.stash[CACHE]


def pytest_collection_finish() -> None:
    """The collector of garbage passes over what is there for the whole run: modules, tests, the libraries' own objects.

    Going through them again and again takes a twentieth of the run.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Set it again before each test: a doctest may have changed it to show what it does."""
    os.environ["HEADSTART_CACHE"] = item.config.stash[CACHE]
    keep_registry()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Which of the tests' own folders stay."""
    session.config.stash[STAYS] = KEPT if exitstatus == pytest.ExitCode.TESTS_FAILED else ""


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind but what failed tests wrote."""
    if FOLDER in config.stash:
        config.stash[FOLDER].remove(but=config.stash.get(STAYS, ""))
