"""`TransferModel.export`: a method of the model whose work is done by a layer above it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headstart.registry import OPERATIONS

__all__ = ["export_model"]


def export_model(self: object, chosen: str, folder: str | Path, **options: Any) -> Any:
    """Write the model in another format, which runs without Headstart, and check it by running it.

    Args:
        self: the model.
        chosen: the format: a name in `headstart.export.FORMATS`, such as ``"onnx"``.
        folder: where to write; it must be new or empty.
        options: ``check``, ``tolerance`` and ``overwrite``, as in `headstart.export.export`.

    Returns:
        What was written and compared (`headstart.export.Exported`).

    Raises:
        UnknownNameError: for an unknown format.
        SourceError: if the format cannot hold the model.
        ParityError: if the exported model answers otherwise; nothing is left behind.

    Examples:
        >>> import tempfile
        >>> from headstart import fit
        >>> rows = [[0.0, 0.1], [0.1, 0.3], [0.2, 0.2], [2.0, 0.1], [2.1, 0.3], [2.2, 0.2]]
        >>> rows = [[a + k / 50, b] for k in range(4) for a, b in rows]
        >>> data = (rows, ["low", "low", "low", "high", "high", "high"] * 4)
        >>> model = fit(data, heads=["lda"], verbose=False).model
        >>> model.export("onnx", Path(tempfile.mkdtemp()) / "low-or-high", check=rows).parity.flips
        0
    """
    return OPERATIONS["export"](self, chosen, folder, **options)
