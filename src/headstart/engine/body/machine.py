"""What this machine can do, found without importing torch or OpenVINO.

The environment variable ``HEADSTART_BF16`` controls whether matrix products may run in bf16 if no number format is
named:

- ``auto``, or unset: if the CPU (or GPU) multiplies in bf16 natively;
- ``0``: never. Extraction, training and the cache work as on a machine without bf16;
- ``1``: as ``auto``, but a CPU without native bf16 is an error.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from headstart.errors import ParameterError

__all__ = ["bf16_setting", "cores", "cpu_kind", "gpu_hint", "native_bf16", "package_version", "without_bf16"]

BF16_SWITCH = "HEADSTART_BF16"
BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd", "/dev/nvmap")  # NVIDIA; WSL; AMD; Jetson


@cache
def package_version(package: str) -> str:
    """The installed version of a package, or an empty string.

    Examples:
        >>> package_version("no-such-package")
        ''
    """
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def cores() -> int:
    """CPU cores that this process may use; ``OMP_NUM_THREADS``, which Ray sets for its workers, may lower the number.

    Examples:
        >>> cores() >= 1
        True
    """
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(there, int(wanted)) if wanted.isdecimal() and int(wanted) > 0 else there


def bf16_setting() -> str:
    """The value of the environment variable ``HEADSTART_BF16``: ``"auto"`` (the default), ``"0"`` or ``"1"``.

    Raises:
        ParameterError: if it has another value.

    Examples:
        >>> bf16_setting() in ("auto", "0", "1")
        True
    """
    setting = os.environ.get(BF16_SWITCH, "").strip().lower() or "auto"
    if setting not in ("auto", "0", "1"):
        raise ParameterError(
            f"The environment variable {BF16_SWITCH} must be 'auto', '0' (never compute in bf16) or '1' (fail if the "
            f"CPU has no native bf16). Got {setting!r} instead."
        )
    return setting


@contextmanager
def without_bf16() -> Iterator[None]:
    """Compute in fp32 inside, as with ``HEADSTART_BF16=0``; what already runs is not changed.

    Examples:
        >>> with without_bf16():
        ...     native_bf16()
        False
    """
    before = os.environ.get(BF16_SWITCH)
    os.environ[BF16_SWITCH] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[BF16_SWITCH]
        else:
            os.environ[BF16_SWITCH] = before


def native_bf16() -> bool:
    """Whether this CPU multiplies in bf16 natively (AVX512-BF16 or AMX) and ``HEADSTART_BF16`` allows it.

    Emulated bf16 is slower than fp32. torch is imported only if the system does not list the CPU's features.

    Raises:
        ParameterError: if ``HEADSTART_BF16`` is ``1`` and the CPU has no native bf16, or if its value is not allowed.

    Examples:
        >>> native_bf16() in (True, False)
        True
    """
    setting = bf16_setting()
    if setting == "0":
        return False
    able = _cpu_multiplies_bf16()
    if setting == "1" and not able:
        raise ParameterError(
            f"The environment variable {BF16_SWITCH} is '1', but this CPU has no native bf16; use 'auto' or unset it."
        )
    return able


def _cpu_multiplies_bf16() -> bool:
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    flags = _cpu_flags()
    if flags is not None:
        return bool(flags & BF16_FLAGS)
    import torch

    get = getattr(torch.cpu, "get_capabilities", None)
    return get is not None and any(get().get(name, False) for name in BF16_FLAGS)


def cpu_kind() -> str:
    """The properties of the CPU that decide the number format: its architecture and, if allowed, its bf16 features.

    Examples:
        >>> len(cpu_kind()) > 0
        True
    """
    flags, allowed = _cpu_flags(), bf16_setting() != "0"
    if flags is None:
        able = f"{platform.processor()}{'' if allowed else ' without bf16'}"
    else:
        able = " ".join(sorted(flags & BF16_FLAGS)) if allowed else ""
    return f"{platform.machine()} {able}".strip()


@cache
def _cpu_flags() -> frozenset[str] | None:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return frozenset(text.split())  # the flags are among the words of the file


def gpu_hint() -> str:
    """A GPU that may be present, found without importing torch: ``"cuda ..."``, ``"mps"`` or an empty string.

    Examples:
        >>> gpu_hint().split(" ")[0] in ("", "cuda", "mps")
        True
    """
    if sys.platform == "darwin":
        return "mps" if platform.machine() == "arm64" else ""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown in ("", "-1") or not _has_driver() or not _torch_knows_gpus():
        return ""
    models = [_model(path) for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))]
    without = ["without bf16"] if bf16_setting() == "0" else []
    return " ".join(["cuda", *models, *([f"of {shown}"] if shown else []), *without])


def _has_driver() -> bool:
    if sys.platform == "win32":
        return Path(os.environ.get("SYSTEMROOT", "C:/Windows"), "System32", "nvcuda.dll").exists()
    return any(Path(path).exists() for path in DRIVERS)


def _model(path: Path) -> str:
    found = re.search(r"Model:\s*(.+)", path.read_text(encoding="utf-8", errors="replace"))
    return found[1].strip() if found else path.parent.name


def _torch_knows_gpus() -> bool:
    """Whether the installed torch was built for GPUs, from its version.py; True if that does not say."""
    spec = find_spec("torch")
    places = spec.submodule_search_locations if spec is not None else None
    try:
        text = Path((places or [""])[0], "version.py").read_text(encoding="utf-8")
    except OSError:
        return spec is not None
    built = re.findall(r"^(?:cuda|hip)\b[^=\n]*=\s*(.+)$", text, re.MULTILINE)
    return not built or any(value.strip() != "None" for value in built)
