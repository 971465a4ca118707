"""A model with its body in int8 and its head solved again on the rows that this body gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.backends.interface import Refused
from headstart.engine.capabilities import reads_positions
from headstart.engine.variants.int8_body import calibrate
from headstart.errors import SourceError
from headstart.heads import HEADS, SpectralHead
from headstart.model import TransferModel
from headstart.model.updating.solved_again import moments_of_items, solved_head
from headstart.sources.quantized import Quantizable, QuantizedSource

__all__ = ["in_int8", "refuse_int8"]

CALIBRATING = 128  # items whose activations give the ranges
BATCH = 32
SAME = 1e-6  # of the weights, in units of the largest: what a closed form of the same moments gives again


def refuse_int8(model: TransferModel, name: str) -> None:
    """Raise unless the body of a model can run in int8 and its head can be solved again.

    Args:
        model: with a body in fp32.
        name: of the format.

    Raises:
        SourceError: says why not, and what to do.

    Examples:
        >>> from headstart import zero_shot
        >>> refuse_int8(zero_shot(["parcel", "refund"], source="toy", verbose=False), "openvino_int8")
        Traceback (most recent call last):
        headstart.errors.SourceError: The format 'openvino_int8' holds bodies of convolutions, which the source...
    """
    if not isinstance(model.source, Quantizable) or reads_positions(model.source):
        raise SourceError(
            f"The format '{name}' holds bodies of convolutions, which the source '{model.source.info.name}' has not; "
            "use the format 'openvino' or 'openvino_fp16'."
        )
    kind = HEADS[model.head.head]
    again = model.moments is not None and isinstance(kind, SpectralHead) and _same_head(model)
    if not again:
        raise SourceError(
            f"The format '{name}' solves the head of a model in fp32 again on rows in int8, which needs a head 'ridge' "
            f"or 'lda' that its training items alone determine; this one is '{model.head.head}': fit again with --int8 "
            "always."
        )


def _same_head(model: TransferModel) -> bool:
    """Whether the moments of the training items give the head again, without anything else such as a prior."""
    assert model.moments is not None  # noqa: S101 (the caller looked)
    found = solved_head(model.head, model.task, model.moments)[0]
    largest = max(float(np.abs(model.head.weight).max()), 1e-12)
    return bool(np.abs(found.weight - model.head.weight).max() <= SAME * largest)


def in_int8(model: TransferModel, items: Sequence[Any], y: NDArray[Any]) -> TransferModel:
    """The model in int8: ranges of the activations from some training items, and the head solved on all of them.

    Features, λ and calibration stay those of the fit.

    Args:
        model: that `refuse_int8` let pass.
        items: its n training items.
        y: their labels as in `Dataset`.

    Raises:
        SourceError: if the body cannot run in int8.
        ItemError: on an item that cannot be encoded.

    Examples:
        >>> import headstart                                                          # doctest: +SKIP
        >>> model = headstart.load("runs/photos")                                     # doctest: +SKIP
        >>> str(in_int8(model, pictures, y).source.runtime)                           # doctest: +SKIP
        'openvino int8'
    """
    source = model.source
    assert isinstance(source, Quantizable)  # noqa: S101 (the caller looked)
    places = np.unique(np.linspace(0, len(items) - 1, min(len(items), CALIBRATING)).round().astype(int))
    prepared = [source.prepare(items[k]) for k in places]
    try:
        batches = [np.stack(prepared[k : k + BATCH]) for k in range(0, len(prepared), BATCH)]
        quick = QuantizedSource(source, calibrate(source.body.full, batches).ranges)
    except Refused as refused:
        raise SourceError(f"The body cannot run in int8: {refused}; use the format 'openvino'.") from refused
    moments = moments_of_items(quick, model.head, model.task, items, y, engine=model.engine)
    head, _ = solved_head(model.head, model.task, moments)
    return replace(model, source=quick, head=head, moments=moments, certainty=None)
