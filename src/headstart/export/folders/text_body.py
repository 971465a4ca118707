"""A text body as a checkpoint folder of transformers, with the names of the labels."""

from __future__ import annotations

from pathlib import Path

from headstart.errors import SourceError
from headstart.export.folders.linear_layer import LinearLayer
from headstart.io import read_json, write_json
from headstart.model import TransferModel
from headstart.sources.transformers.text_body import TextBody

__all__ = ["text_source", "write_body"]


def text_source(model: TransferModel, name: str) -> TextBody:
    """The source of a model, if it is a text body whose last layer the head reads.

    Args:
        model: the model.
        name: of the format.

    Raises:
        SourceError: for other sources.

    Examples:
        >>> from headstart import zero_shot
        >>> text_source(zero_shot(["a", "b"], source="toy", verbose=False), "transformers")
        Traceback (most recent call last):
        headstart.errors.SourceError: The format 'transformers' holds text bodies of transformers: headstart:text, ...
    """
    source = model.source
    if not isinstance(source, TextBody):
        raise SourceError(
            f"The format '{name}' holds text bodies of transformers: headstart:text, headstart:multilingual, hf:NAME "
            f"and their local folders. Got '{source.info.name}'; use the format 'onnx', or for pictures 'timm'."
        )
    if source.parts.structure:
        raise SourceError(
            f"The body '{source.info.name}' has adapters, which the format '{name}' cannot hold; use the format 'onnx'."
        )
    last = source.with_layers("last").info.blocks[-1].name
    if source.info.blocks[-1].name != last:
        raise SourceError(
            f"The format '{name}' has one head, which reads the last layer of the body ('{last}'), but the head of "
            f"this model reads '{source.info.blocks[-1].name}'; fit again with --layers last, or use 'onnx'."
        )
    return source


def write_body(source: TextBody, folder: Path, model: TransferModel, layer: LinearLayer) -> None:
    """Write the checkpoint of a body and the names of the labels.

    Args:
        source: the body.
        folder: where to write.
        model: the model.
        layer: its head.

    Examples:
        >>> import headstart, tempfile
        >>> from headstart.export.folders.linear_layer import linear_layer            # doctest: +SKIP
        >>> model = headstart.load("runs/support")                                    # doctest: +SKIP
        >>> place = Path(tempfile.mkdtemp())
        >>> write_body(model.source, place, model, linear_layer(model, "transformers"))  # doctest: +SKIP
        >>> read_json(place / "config.json")["id2label"]["0"]                         # doctest: +SKIP
        'parcel'
    """
    source.write_checkpoint(folder)
    if (folder / "README.md").is_file():  # the page of the body's publisher
        (folder / "README.md").rename(folder / "BODY.md")
    labels = list(model.task.labels)
    kinds = {"softmax": "single_label_classification", "sigmoid": "multi_label_classification"}
    facts = {
        "labels": labels,
        "activation": layer.activation,
        "chance": layer.chance,
        "source": source.info.name,
        "max_length": source.parts.tokenizer.max_length,
    }
    config = {
        **read_json(folder / "config.json"),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: k for k, label in enumerate(labels)},
        "problem_type": kinds.get(layer.activation, "regression"),
        "answer": facts,
    }
    write_json(folder / "config.json", config)
