"""Settings of feature extraction, all with defaults."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.errors import ParameterError
from headstart.params import check_choice, check_number

__all__ = ["BACKENDS", "Engine", "refuse_int8"]

BACKENDS = ("openvino", "torch", "cuda", "mps")


@dataclass(frozen=True)
class Engine:
    """How items are encoded.

    Attributes:
        backend: ``"auto"`` (the fastest for this body on this machine) or one of ``"openvino"``, ``"torch"`` (on the
            CPU), ``"cuda"`` and ``"mps"``.
        cache: whether rows are looked up in the feature store and stored there.
        batch_size: items per batch; None for the default of the modality.
        ray: None for this machine only; ``"auto"`` for a running Ray cluster, or one that is started here; else the
            cluster's address.
        workers: worker processes on Ray; None for one per CPU.
        int8: whether a fit may run a body of convolutions in int8: ``"auto"`` (if this is measured to be faster, saves
            more time than it costs, and does not raise the leave-one-out loss), ``"always"`` or ``"never"``. Only
            `headstart.fit` with a frozen body chooses it: fine-tuning, estimators, ranking and zero-shot models run the
            usual format and refuse ``"always"``. A saved model keeps the number format that it was fitted in.

    Raises:
        ParameterError: for a value that is not allowed, or ``workers`` without ``ray``.

    Examples:
        >>> Engine(backend="torch").cache
        True
        >>> Engine(backend="tpu")
        Traceback (most recent call last):
        headstart.errors.ParameterError: The 'backend' parameter of Engine must be one of 'auto', 'openvino', ...
    """

    backend: str = "auto"
    cache: bool = True
    batch_size: int | None = None
    ray: str | None = None
    workers: int | None = None
    int8: str = "auto"

    def __post_init__(self) -> None:
        check_choice(self.backend, "backend", "Engine", ("auto", *BACKENDS))
        check_choice(self.int8, "int8", "Engine", ("auto", "always", "never"))
        for name in ("batch_size", "workers"):
            if getattr(self, name) is not None:
                check_number(getattr(self, name), name, "Engine", low=1, integer=True)
        if self.workers is not None and self.ray is None:
            raise ParameterError(
                "The 'workers' parameter of Engine sets how many processes work on a Ray cluster. Got "
                f"workers={self.workers} without 'ray' instead; give ray='auto' or an address with it, or leave it out."
            )


def refuse_int8(engine: Engine, where: str) -> None:
    """Raise if ``int8="always"`` was asked for where nothing runs in int8, so that it is not ignored.

    Args:
        engine: the user's settings.
        where: what was asked for, such as ``"the strategy 'full'"``.

    Raises:
        ParameterError: names both, and what to do.

    Examples:
        >>> refuse_int8(Engine(), "rank")
        >>> refuse_int8(Engine(int8="always"), "rank")
        Traceback (most recent call last):
        headstart.errors.ParameterError: int8='always' is for a fit whose body stays frozen. Got it with rank; leave ...
    """
    if engine.int8 == "always":
        raise ParameterError(
            f"int8='always' is for a fit whose body stays frozen. Got it with {where}; leave int8 out."
        )
