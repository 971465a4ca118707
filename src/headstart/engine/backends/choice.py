"""Which backend runs a body: what may be tried here, in which order, and whether converting pays."""

from __future__ import annotations

from headstart.engine.backends.cuda import CUDA
from headstart.engine.backends.interface import BackendKind
from headstart.engine.backends.mps import MPS
from headstart.engine.backends.openvino_graph import OPENVINO
from headstart.engine.backends.torch_cpu import TORCH
from headstart.engine.body.machine import gpu_hint, native_bf16, package_version
from headstart.engine.body.recipe import recipe_key
from headstart.engine.cache.bodies import FORMAT
from headstart.errors import UsageError

__all__ = ["KINDS", "availability_error", "candidates", "converting_pays", "record_name"]

KINDS: dict[str, BackendKind] = {kind.name: kind for kind in (OPENVINO, TORCH, CUDA, MPS)}

# Measured on 2 to 16 CPU cores: torch in its best form takes a quarter to a half of the plain module's time, OpenVINO a
# thirteenth to a fifth. OpenVINO never saved less than this share over torch.
SAVED_OF_PLAIN = 0.1
# Without bf16 torch's best form is as slow as the plain module; OpenVINO took three quarters to a fifth of its time.
SAVED_WITHOUT_BF16 = 0.25
CONVERT_SECONDS = 1.5  # trace, convert, compare and compile a small body
CONVERT_SECONDS_PER_GIGABYTE = 10.0  # of its weights
START_UP_SECONDS = 3.0  # importing torch and building the module, which a later process need not do
LATER_PROCESSES = 10  # assumed for a body that they can open: a fit, an evaluation and a few predictions


def candidates(backend: str = "auto") -> list[str]:
    """The backends to try here, the fastest first, without those that certainly cannot run.

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
    """The error to raise if a backend cannot run here, else None; loads torch to look for a GPU.

    Args:
        backend: its name.

    Examples:
        >>> availability_error("torch") is None
        True
    """
    return KINDS[backend].problem()


def converting_pays(count: int, plain_seconds: float, weight_bytes: int, *, lasting: bool) -> bool:
    """Whether a conversion takes less time than it saves.

    It does if ``count * share * plain_seconds`` (``SAVED_OF_PLAIN``, or ``SAVED_WITHOUT_BF16`` on a CPU without bf16),
    plus the start-up time of ``LATER_PROCESSES`` if ``lasting``, exceeds ``CONVERT_SECONDS +
    CONVERT_SECONDS_PER_GIGABYTE * gigabytes``. A lasting body of up to 2.8 gigabytes is therefore converted for any
    count.

    Args:
        count: items to encode now.
        plain_seconds: seconds that the plain module takes per item.
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
    share = SAVED_OF_PLAIN if native_bf16() else SAVED_WITHOUT_BF16
    saved = count * share * plain_seconds + (LATER_PROCESSES * START_UP_SECONDS if lasting else 0.0)
    return saved > CONVERT_SECONDS + CONVERT_SECONDS_PER_GIGABYTE * weight_bytes / 1e9


def record_name(backend: str) -> str:
    """The name of the cache entry that records how a backend runs a body on this machine.

    It covers the versions of the libraries and the properties of the machine that decide the number format, read
    without importing the libraries. After an update or on another CPU, the backend is therefore tried again.

    Args:
        backend: its name.

    Examples:
        >>> record_name("torch") != record_name("openvino")
        True
    """
    return f"choice-{backend}-{recipe_key(FORMAT, package_version('torch'), *KINDS[backend].fingerprint())[:16]}"
