"""Which backend runs a body: what may be tried here, in which order, and whether converting pays."""

from __future__ import annotations

from headstart.engine.backends.cuda import CUDA
from headstart.engine.backends.interface import BackendKind
from headstart.engine.backends.mps import MPS
from headstart.engine.backends.openvino_graph import OPENVINO
from headstart.engine.backends.torch_cpu import TORCH
from headstart.engine.body.machine import gpu_hint, package_version
from headstart.engine.body.recipe import recipe_key
from headstart.engine.cache.bodies import FORMAT
from headstart.errors import UsageError

__all__ = ["KINDS", "availability_error", "candidates", "converting_pays", "record_name"]

KINDS: dict[str, BackendKind] = {kind.name: kind for kind in (OPENVINO, TORCH, CUDA, MPS)}

# Measured on 2 to 16 CPU cores. Of the time of the plain module, torch in its best form takes a quarter to a half and
# OpenVINO a thirteenth to a fifth; the difference was never less than this.
SAVED_OF_PLAIN = 0.1
CONVERT_SECONDS = 1.5  # trace, convert, compare and compile a small body
CONVERT_SECONDS_PER_GIGABYTE = 10.0  # of its weights
START_UP_SECONDS = 3.0  # importing torch and what builds the module, which a later process does without
LATER_PROCESSES = 10  # assumed of a body that lasts: a fit, an evaluation and a few predictions


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
    return [*([gpu] if gpu else []), *(["openvino"] if package_version("openvino") else []), "torch"]


def availability_error(backend: str) -> UsageError | None:
    """What to raise because a backend cannot run here, or None; asks torch about GPUs.

    Args:
        backend: its name.

    Examples:
        >>> availability_error("torch") is None
        True
    """
    return KINDS[backend].problem()


def converting_pays(count: int, plain_seconds: float, weight_bytes: int, *, lasting: bool) -> bool:
    """Whether a conversion takes less time than it saves.

    It does if ``count * SAVED_OF_PLAIN * plain_seconds``, and where it lasts the start-up of ``LATER_PROCESSES`` too,
    is more than ``CONVERT_SECONDS + CONVERT_SECONDS_PER_GIGABYTE * gigabytes``. So a body that lasts is converted
    whatever the count up to 2.8 gigabytes.

    Args:
        count: items to encode now.
        plain_seconds: how long the plain module takes for one.
        weight_bytes: the size of its weights.
        lasting: whether later processes can use the conversion.

    Examples:
        >>> converting_pays(1, 0.025, 14_000_000, lasting=True), converting_pays(1, 0.025, 14_000_000, lasting=False)
        (True, False)
        >>> converting_pays(1000, 0.025, 14_000_000, lasting=False)
        True
        >>> converting_pays(1, 0.2, 2_800_000_000, lasting=True), converting_pays(1, 0.2, 2_900_000_000, lasting=True)
        (True, False)
    """
    saved = count * SAVED_OF_PLAIN * plain_seconds + (LATER_PROCESSES * START_UP_SECONDS if lasting else 0.0)
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
    return f"choice-{backend}-{recipe_key(FORMAT, package_version('torch'), *KINDS[backend].fingerprint())[:16]}"
