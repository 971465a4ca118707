"""What goes into the graph of a source, and its body in torch from there to the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from headstart.errors import SourceError
from headstart.export.graph.pictures import refuse_transform
from headstart.export.graph.speech import speech_graph
from headstart.export.graph.tokens import token_embeddings
from headstart.sources.bodies.trainable import TrainableSource
from headstart.sources.preprocessing.picture_transform import PictureTransform
from headstart.sources.preprocessing.picture_view import HasPictureTransform
from headstart.sources.quantized import QuantizedSource
from headstart.sources.spectrogram import Spectrogram
from headstart.sources.transformers.clip import ClipSource
from headstart.sources.transformers.speech_body import SpeechBody
from headstart.sources.transformers.text_body import TextBody
from headstart.sources.transformers.tokenizing import open_tokenizer
from headstart.sources.vector import VectorSource
from headstart.types import Source

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["BodyGraph", "Kind", "TextPart", "body_graph", "text_part"]

Kind = Literal["image", "text", "sound", "spectrogram", "rows"]


@dataclass(frozen=True, eq=False)
class BodyGraph:
    """The graph of a source.

    Attributes:
        kind: which reader its items need.
        module: what the rows are computed with.
        rows: a function of (module, inputs) that returns the rows (n, d).
        examples: an example of each input, by name, at least two items.
        dynamic: for each input, the names of its axes that may have any length.
        settings: the preprocessing that is left to the reader, as plain JSON values.
        transform: what is done to a picture of any size before the first input; None for other items.
        write: writes the files that the reader needs beside the graph.
    """

    kind: Kind
    module: nn.Module
    rows: Callable[[nn.Module, Mapping[str, Tensor]], Tensor]
    examples: Mapping[str, Tensor]
    dynamic: Mapping[str, Mapping[int, str]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    transform: PictureTransform | None = None
    write: Callable[[Path], None] | None = None


def body_graph(source: Source, num_inputs: int, name: str) -> BodyGraph:
    """The graph of a source.

    Args:
        source: of a model.
        num_inputs: the number of columns of its rows.
        name: of the format, for messages.

    Raises:
        SourceError: if the format cannot hold it.

    Examples:
        >>> from headstart.sources import open_source
        >>> graph = body_graph(open_source("headstart:image"), 1136, "onnx")
        >>> graph.kind, graph.dynamic
        ('image', {'pixels': {0: 'n'}})
    """
    if isinstance(source, QuantizedSource):
        raise SourceError(
            f"The format '{name}' holds bodies in fp32, but this model was fitted on the rows of one in int8; use "
            "the format 'openvino_int8', or fit again with --int8 never."
        )
    bare = source.body if isinstance(source, ClipSource) else source
    if isinstance(bare, VectorSource):
        return _vector(num_inputs)
    if isinstance(bare, SpeechBody):
        return _speech(bare)
    if isinstance(bare, Spectrogram) and isinstance(bare.image_source, TrainableSource):
        return _spectrogram(bare, bare.image_source)
    if isinstance(bare, TextBody):
        return _text(bare)
    if isinstance(bare, TrainableSource) and isinstance(bare, HasPictureTransform) and bare.picture_transform:
        return _pictures(bare, bare.picture_transform, name)
    raise SourceError(
        f"The format '{name}' does not hold the source '{source.info.name}': it holds bodies of pictures with a plain "
        "resize and crop, of texts, headstart:speech, spectrograms and rows of numbers; fit again with one of these."
    )


def _joined(blocks: Any) -> Tensor:
    import torch

    found: Tensor = torch.cat([block.float() for block in blocks], dim=1)
    return found


def _pictures(source: TrainableSource, transform: PictureTransform, name: str) -> BodyGraph:
    import torch

    refuse_transform(transform, name)
    body = source.trainable()
    example = torch.zeros(2, *transform.size, 3, dtype=torch.uint8)
    example[1] = 200
    return BodyGraph(
        "image",
        body.module,
        lambda module, inputs: _joined(body.forward(module, inputs["pixels"])),
        {"pixels": example},
        {"pixels": {0: "n"}},
        {**asdict(transform), "decode_at_least": list(transform.decode_size) if transform.decode_size else None},
        transform,
    )


@dataclass(frozen=True, eq=False)
class TextPart:
    """A text body in a graph.

    Attributes:
        module: what its blocks are computed with.
        blocks: a function of (module, inputs) that returns its blocks; inputs are ``input_ids`` and ``attention_mask``.
        examples: an example of each input, two texts.
        write: writes the tokenizer.

    Examples:
        >>> from headstart.sources import open_source
        >>> part = text_part(open_source("headstart:text").with_layers(["layer.1"], positions=True))
        >>> [tuple(block.shape) for block in part.blocks(part.module, part.examples)]
        [(2, 12, 384)]
    """

    module: nn.Module
    blocks: Callable[[nn.Module, Mapping[str, Tensor]], Sequence[Tensor]]
    examples: Mapping[str, Tensor]
    write: Callable[[Path], None]


def text_part(source: TextBody) -> TextPart:
    """The body of a text source, with the token embeddings that it may have outside.

    Args:
        source: of texts; its blocks are pooled, or given for each token, as it was opened.

    Examples:
        >>> from headstart.sources import open_source
        >>> sorted(text_part(open_source("headstart:text")).examples)
        ['attention_mask', 'input_ids']
    """
    import torch

    body, spec = source.trainable(), source.parts.tokenizer
    embedded = token_embeddings(body.module) if source.parts.words is not None else None
    length = min(12, spec.max_length)
    ids = torch.arange(2 * length).reshape(2, length) % 7 + 1
    mask = torch.ones_like(ids)
    mask[1, length - length // 3 :] = 0

    def blocks(module: Any, inputs: Mapping[str, Tensor]) -> Sequence[Tensor]:
        if embedded is None:
            return body.forward(module, dict(inputs))
        words = module["words"](inputs["input_ids"])
        batch = {"inputs_embeds": words, "attention_mask": inputs["attention_mask"]}
        return body.forward(module["body"], batch)

    def write(folder: Path) -> None:
        tokenizer = open_tokenizer(spec)
        tokenizer.enable_padding(pad_id=spec.pad)
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)

    module = body.module if embedded is None else torch.nn.ModuleDict({"body": body.module, "words": embedded})
    return TextPart(module, blocks, {"input_ids": ids, "attention_mask": mask}, write)


def _text(source: TextBody) -> BodyGraph:
    part, spec, axes = text_part(source), source.parts.tokenizer, {0: "n", 1: "tokens"}
    return BodyGraph(
        "text",
        part.module,
        lambda module, inputs: _joined(part.blocks(module, inputs)),
        part.examples,
        {"input_ids": axes, "attention_mask": axes},
        {"max_length": spec.max_length, "padding": spec.pad, "pooling": source.parts.pooling},
        write=part.write,
    )


def _speech(source: SpeechBody) -> BodyGraph:
    body = source.trainable()
    graph = speech_graph()
    return BodyGraph(
        "sound",
        body.module,
        lambda module, inputs: graph.rows(lambda batch: _joined(body.forward(module, batch)), inputs),
        graph.examples,
        graph.dynamic,
        graph.settings,
    )


def _spectrogram(source: Spectrogram, image_source: TrainableSource) -> BodyGraph:
    import torch

    body = image_source.trainable()
    if body.kind != "picture":
        raise SourceError(
            f"Only a spectrogram that is read as a picture of bytes can be exported, which '{source.info.name}' does "
            "not; fit again with headstart:speech."
        )
    side = source.prepare((np.linspace(0, 1, 800, dtype=np.float32), source.settings.sample_rate))[0].shape[0]
    pictures = torch.zeros(3, side, side, 3, dtype=torch.uint8)
    pictures[1:] = 90
    rate = source.settings.sample_rate
    return BodyGraph(
        "spectrogram",
        body.module,
        lambda module, inputs: inputs["share"] @ _joined(body.forward(module, inputs["pictures"])),
        {"pictures": pictures, "share": torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])},
        {"pictures": {0: "parts"}, "share": {0: "n", 1: "parts"}},
        {**asdict(source.settings), "side": side, "range_hertz": [source.settings.fmin, rate / 2]},
    )


def _vector(num_inputs: int) -> BodyGraph:
    import torch

    return BodyGraph(
        "rows",
        torch.nn.Identity(),
        lambda module, inputs: module(inputs["rows"]),
        {"rows": torch.zeros(2, num_inputs)},
        {"rows": {0: "n"}},
    )
