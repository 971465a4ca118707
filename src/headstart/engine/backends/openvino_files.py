"""Converted bodies as files: written, read, and read again with the first convolutions marked to stay in fp32."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from headstart.engine.backends.openvino import import_openvino

__all__ = ["CONVOLUTIONS", "read_again", "read_graph", "reread", "save_graph"]

XML = "body.xml"
LAYER = re.compile(r'<layer id="\d+" name="[^"]*" type="(\w+)"[^>]*>')
PRECISE = '<rt_info><attribute name="precise" version="0" /></rt_info>'  # the CPU plugin keeps such a layer in fp32
CONVOLUTIONS = ("Convolution", "GroupConvolution")


def save_graph(model: Any, folder: Path) -> None:
    """Write a converted body and its weights, in fp32.

    Args:
        model: the OpenVINO model.
        folder: an existing folder.

    Raises:
        OSError: if there is no room.

    Examples:
        >>> import tempfile
        >>> import numpy as np, torch
        >>> from headstart.engine.backends.openvino_graph import convert
        >>> x = np.ones((2, 3), np.float32)
        >>> model = convert(torch.nn.ReLU(), lambda module, x: [module(x)], x, lengths=False)
        >>> folder = Path(tempfile.mkdtemp())
        >>> save_graph(model, folder)
        >>> sorted(path.name for path in folder.iterdir())
        ['body.bin', 'body.xml']
    """
    try:
        import_openvino().save_model(model, folder / XML, compress_to_fp16=False)
    except RuntimeError as error:  # a full disk
        raise OSError(" ".join(str(error).split())[:200]) from error


def read_graph(folder: Path) -> Any:
    """The converted body, an OpenVINO model, that `save_graph` wrote.

    Args:
        folder: the folder of its files.

    Raises:
        RuntimeError: if it cannot be read.

    Examples:
        >>> read_graph(Path("nowhere"))     # doctest: +ELLIPSIS
        Traceback (most recent call last):
        RuntimeError: ...
    """
    return import_openvino().Core().read_model(folder / XML)


def read_again(model: Any, exact: int = 0) -> Any:
    """Save a converted body and read it again, which may change the last bits; every process then has the same model.

    Args:
        model: the OpenVINO model.
        exact: how many of the first convolutions, with all layers before them, stay in fp32 while the others run in
            bf16. A uniform background has the same rounding error everywhere, which no mean removes, and the errors of
            the first layers propagate through all others. (OpenVINO ignores this mark on products with constant
            weights.)

    Raises:
        OSError: if there is no room for temporary files.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart.engine.backends.openvino import OpenVino
        >>> from headstart.engine.backends.openvino_graph import convert
        >>> x = np.ones((2, 3), np.float32)
        >>> model = convert(torch.nn.ReLU(), lambda module, x: [module(x)], x, lengths=False)
        >>> OpenVino(read_again(model, 3), "fp32")(-x[:1])
        array([[0., 0., 0.]], dtype=float32)
    """
    return reread(partial(save_graph, model), exact)


def reread(save: Callable[[Path], None], exact: int = 0) -> Any:
    """What ``save`` writes into a temporary folder, as `save_graph` does, read as an OpenVINO model.

    Args:
        save: writes a converted body.
        exact: as in `read_again`.

    Raises:
        OSError: if there is no room for temporary files.

    Examples:
        >>> import numpy as np, torch
        >>> from headstart.engine.backends.openvino import OpenVino
        >>> from headstart.engine.backends.openvino_graph import convert
        >>> x = np.ones((2, 3), np.float32)
        >>> model = convert(torch.nn.ReLU(), lambda module, x: [module(x)], x, lengths=False)
        >>> OpenVino(reread(lambda folder: save_graph(model, folder)), "fp32")(-x[:1])
        array([[0., 0., 0.]], dtype=float32)
    """
    core = import_openvino().Core()
    core.set_property({"ENABLE_MMAP": False})  # the files are deleted right after reading
    with tempfile.TemporaryDirectory(prefix="headstart-body-") as name:
        path = Path(name) / XML
        save(path.parent)
        path.write_text(_with_exact(path.read_text(encoding="utf-8"), exact), encoding="utf-8")
        return core.read_model(path)


def _with_exact(xml: str, count: int) -> str:
    """The graph's text with its first layers, up to the ``count``-th convolution, marked to stay in fp32."""
    marked = [match for match in LAYER.finditer(xml) if match[1] in CONVOLUTIONS][:count]
    last = marked[-1].end() if marked else 0
    return LAYER.sub(lambda layer: layer[0] + (PRECISE if layer[1] != "Parameter" else ""), xml[:last]) + xml[last:]
