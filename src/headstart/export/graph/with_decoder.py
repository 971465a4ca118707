"""A second ONNX file: a graph with the decoder of its pictures or the tokenizer of its texts inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from headstart.errors import SourceError
from headstart.export.graph.bodies import BodyGraph
from headstart.export.graph.encoded_pictures import encoded_picture_front
from headstart.export.graph.operators import EXTENSIONS, TEXT_EXTENSIONS, Operators
from headstart.export.graph.raw_texts import raw_text_front, refuse_tokenizer
from headstart.sources.transformers.text_body import TextBody
from headstart.types import Source

__all__ = ["refuse_decoder", "write_with_decoder"]

READ = {"image": "the bytes of JPEG and PNG files", "text": "raw texts"}


def refuse_decoder(source: Source, kind: str) -> None:
    """Raise if no decoder of onnxruntime-extensions reads the items of a source as the source does.

    Args:
        source: of the model.
        kind: of its graph.

    Raises:
        SourceError: says why.

    Examples:
        >>> from headstart.sources import open_source
        >>> refuse_decoder(open_source("headstart:speech"), "sound")
        Traceback (most recent call last):
        headstart.errors.SourceError: A second file with the decoder inside is written for pictures and texts, not fo...
    """
    if isinstance(source, TextBody):
        refuse_tokenizer(source.parts.tokenizer, source.info.name)
    elif kind != "image":
        items = "rows of numbers" if kind == "rows" else "sounds"
        raise SourceError(
            f"A second file with the decoder inside is written for pictures and texts, not for {items}; leave out "
            "--with-decoder."
        )


def write_with_decoder(source: Source, graph: BodyGraph, file: Path, out: Path) -> None:
    """Write the graph of ``file`` with a decoder or a tokenizer in front, which onnxruntime-extensions runs.

    Its input is ``encoded`` (bytes,) uint8, one JPEG or PNG file, or ``text`` (1,); its output is that of the graph,
    (1, k), and NaN for an item that it does not read as the model does.

    Args:
        source: of the model, which `refuse_decoder` let pass.
        graph: of the model.
        file: the ONNX file of the graph.
        out: where to write.

    Examples:
        >>> import tempfile
        >>> from headstart import zero_shot
        >>> from headstart.export.graph.onnx_file import model_graph, write_onnx
        >>> model = zero_shot(["parcel", "refund"], source="headstart:text", verbose=False)
        >>> graph, place = model_graph(model, "onnx"), Path(tempfile.mkdtemp())
        >>> write_onnx(model, graph, place / "model.onnx")                                       # doctest: +SKIP
        >>> write_with_decoder(model.source, graph, place / "model.onnx", place / "second.onnx") # doctest: +SKIP
        >>> import onnx                                                                          # doctest: +SKIP
        >>> [one.name for one in onnx.load(place / "second.onnx").graph.input]                   # doctest: +SKIP
        ['text']
    """
    import onnx
    from onnx import TensorProto, helper

    proto = onnx.load(str(file))
    if graph.kind == "image":
        ops, known = encoded_picture_front("pixels")
        given, domain = helper.make_tensor_value_info("encoded", TensorProto.UINT8, ["bytes"]), EXTENSIONS
    else:
        assert isinstance(source, TextBody)  # noqa: S101 (only its graph is one of texts)
        ops, known = raw_text_front(source.parts.tokenizer, "input_ids", "attention_mask")
        given, domain = helper.make_tensor_value_info("text", TensorProto.STRING, [1]), TEXT_EXTENSIONS
    _put_before(proto, ops, known, given)
    proto.opset_import.append(helper.make_opsetid(domain, 1))
    big = proto.ByteSize() > 2**31 - 2**24
    onnx.save(proto, str(out), save_as_external_data=big, location=f"{out.name}.data" if big else None)


def _put_before(proto: Any, ops: Operators, known: str, given: Any) -> None:
    from onnx import numpy_helper

    answer = proto.graph.output[0].name
    for node in proto.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = "of_every_item" if name == answer else name
    nothing = numpy_helper.from_array(np.full(1, np.nan, np.float32), "no_answer")
    rest = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*ops.nodes, *rest])
    ops.op("Where", known, "of_every_item", nothing.name, output=answer)
    proto.graph.node.append(ops.nodes[-1])
    proto.graph.initializer.extend([*ops.constants, nothing])
    del proto.graph.input[:]
    proto.graph.input.append(given)
