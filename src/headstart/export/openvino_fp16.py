"""OpenVINO with fp16 weights: as the format openvino, with ``model.bin`` half as large.

Weights are rounded to fp16 when they are written, and multiplied in fp32.

Reference: Intel, "OpenVINO toolkit", https://docs.openvino.ai.

Command: headstart export RUN --format openvino_fp16 -o DIR
"""

from __future__ import annotations

from headstart.export.openvino import OpenVinoFolder

__all__ = ["OPENVINO_FP16", "openvino_fp16"]


def openvino_fp16() -> OpenVinoFolder:
    """The format.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], verbose=False).model
        >>> found = model.export("openvino_fp16", Path(tempfile.mkdtemp()) / "left-or-right", check=rows)
        >>> found.parity.flips, found.parity.facts["weights"]
        (0, 'fp16')
    """
    return OpenVinoFolder(compressed=True, name="openvino_fp16", title="OpenVINO, weights in fp16")


OPENVINO_FP16 = openvino_fp16()
