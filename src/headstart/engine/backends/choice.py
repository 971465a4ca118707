"""Which backend runs a body: what may be tried here, in which order, and whether converting pays."""

from __future__ import annotations

from headstart.engine.backends.cuda import cuda_is_there
from headstart.engine.backends.machine import cpu_kind, gpu_hint, release
from headstart.engine.backends.mps import mps_is_there
from headstart.engine.body_cache import FORMAT
from headstart.engine.recipe import recipe_key
from headstart.errors import MissingExtraError, UsageError

__all__ = ["candidates", "check_possible", "converting_pays", "graph_name", "record_name"]

# Measured on 2 to 16 CPU cores. Of the time of the plain module, torch in its best form takes a quarter to a half and
# OpenVINO a thirteenth to a fifth; the difference was never less than this.
SAVED_OF_PLAIN = 0.1
CONVERT_SECONDS = 1.5  # trace, convert, compare and compile a small body
CONVERT_SECONDS_PER_GIGABYTE = 10.0  # of its weights
START_UP_SECONDS = 3.0  # importing torch and what builds the module, which a later process does without


def candidates(backend: str = "auto") -> list[str]:
    """The backends that may be tried here, the fastest first; none that is sure to be impossible.

    Args:
        backend: ``"auto"``, or the name of one.

    Examples:
        >>> candidates("torch"), candidates()[-1]
        (['torch'], 'torch')
    """
    if backend != "auto":
        return [backend]
    gpu = gpu_hint().split(" ")[0]
    return [*([gpu] if gpu else []), *(["openvino"] if release("openvino") else []), "torch"]


def check_possible(backend: str) -> UsageError | None:
    """What to raise because a backend cannot run here, or None; asks torch about GPUs.

    Args:
        backend: its name.

    Examples:
        >>> check_possible("torch") is None
        True
    """
    if backend == "openvino" and not release("openvino"):
        return MissingExtraError("The backend 'openvino'", "openvino")
    if (backend == "cuda" and not cuda_is_there()) or (backend == "mps" and not mps_is_there()):
        kind = "an Apple GPU" if backend == "mps" else "a GPU"
        return UsageError(f"The backend '{backend}' needs {kind} that torch can use. There is none; take 'auto'.")
    return None


def converting_pays(count: int, plain_seconds: float, weight_bytes: int, *, lasting: bool) -> bool:
    """Whether a conversion takes less time than it saves.

    It does if ``count * SAVED_OF_PLAIN * plain_seconds``, and where it lasts the start-up of a later process too, is
    more than ``CONVERT_SECONDS + CONVERT_SECONDS_PER_GIGABYTE * gigabytes``.

    Args:
        count: items to encode now.
        plain_seconds: how long the plain module takes for one.
        weight_bytes: the size of its weights.
        lasting: whether a later process can use the conversion.

    Examples:
        >>> converting_pays(1, 0.025, 14_000_000, lasting=True), converting_pays(1, 0.025, 14_000_000, lasting=False)
        (True, False)
        >>> converting_pays(1000, 0.025, 14_000_000, lasting=False)
        True
    """
    saved = count * SAVED_OF_PLAIN * plain_seconds + (START_UP_SECONDS if lasting else 0.0)
    return saved > CONVERT_SECONDS + CONVERT_SECONDS_PER_GIGABYTE * weight_bytes / 1e9


def record_name(backend: str) -> str:
    """The name under which a body's cache keeps how a backend runs it here.

    It holds the releases of the libraries and what of this machine decides the number format, read without importing
    them, so that a new release or another CPU is tried anew.

    Args:
        backend: its name.

    Examples:
        >>> record_name("torch") != record_name("openvino")
        True
    """
    machine = gpu_hint() if backend in ("cuda", "mps") else cpu_kind()
    return f"choice-{backend}-{recipe_key(FORMAT, release('torch'), _engine(backend), machine)[:16]}"


def graph_name(precision: str) -> str:
    """The name under which OpenVINO's form of a body is kept: for bf16, its kernels are rounded.

    Examples:
        >>> graph_name("bf16").startswith("openvino-bf16-")
        True
    """
    return f"openvino-{precision}-{recipe_key(FORMAT, release('torch'), release('openvino'))[:16]}"


def _engine(backend: str) -> str:
    return release("openvino") if backend == "openvino" else ""
