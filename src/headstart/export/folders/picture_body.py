"""A picture body of transformers as a checkpoint folder of its class for image classification."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.errors import SourceError
from headstart.export.folders.linear_layer import LinearLayer
from headstart.io import read_json, write_json
from headstart.model import TransferModel
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.transformers.media_body import MediaBody

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["refuse_picture_body", "write_picture_model"]

SAME = 1e-4  # of the rows, relative to the largest number in them
KINDS = {"softmax": "single_label_classification", "sigmoid": "multi_label_classification"}


def refuse_picture_body(source: MediaBody, name: str) -> None:
    """Raise unless a body reads a plain crop of a picture and has no adapters, and the head reads its last layer.

    Args:
        source: of the model.
        name: of the format.

    Raises:
        SourceError: says why not.

    Examples:
        >>> from transformers import ViTConfig, ViTImageProcessor, ViTModel
        >>> from headstart.sources.transformers.media_body import MediaParts
        >>> from headstart.sources.transformers.media_fronts import ProcessorFront
        >>> from headstart.types import SourceInfo
        >>> config = ViTConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8)
        >>> front = ProcessorFront(ViTImageProcessor)
        >>> parts = MediaParts(
        ...     key="tiny", build=lambda seed: ViTModel(config), front=front, settings={}, copy=None, write=None
        ... )
        >>> refuse_picture_body(MediaBody(parts, SourceInfo("tiny", "image"), seed=0), "transformers")
        Traceback (most recent call last):
        headstart.errors.SourceError: The format 'transformers' holds bodies of pictures with a plain resize and ...
    """
    if source.picture_transform is None:
        raise SourceError(
            f"The format '{name}' holds bodies of pictures with a plain resize and crop, which '{source.info.name}' is "
            "not; use the format 'mlflow'."
        )
    if source.parts.structure:
        raise SourceError(
            f"The body '{source.info.name}' has adapters, which the format '{name}' cannot hold; use the format 'onnx'."
        )
    if source.info.blocks[-1].name != "last":
        raise SourceError(
            f"The format '{name}' has one classifier, which reads the last layer of the body, but the head of this "
            f"model reads '{source.info.blocks[-1].name}'; fit again with --layers standardised, or use 'onnx'."
        )


def write_picture_model(source: MediaBody, folder: Path, model: TransferModel, layer: LinearLayer, name: str) -> None:
    """Write the checkpoint with the head as its classifier, its processor, and the names of the labels.

    Args:
        source: that `refuse_picture_body` let pass.
        folder: where to write.
        model: the model.
        layer: its head, on rows without unit norm.
        name: of the format.

    Raises:
        SourceError: if transformers has no class for it, or its classifier reads something else than the head.

    Examples:
        >>> import headstart, tempfile
        >>> from headstart.export.folders.linear_layer import linear_layer               # doctest: +SKIP
        >>> model = headstart.load("runs/shop")     # of hf:microsoft/resnet-18          # doctest: +SKIP
        >>> place, layer = Path(tempfile.mkdtemp()), linear_layer(model, "transformers") # doctest: +SKIP
        >>> write_picture_model(model.source, place, model, layer, "transformers")       # doctest: +SKIP
        >>> read_json(place / "config.json")["architectures"]                            # doctest: +SKIP
        ['ResNetForImageClassification']
    """
    source.write_checkpoint(folder)
    labels, transform = list(model.task.labels), source.picture_transform
    assert transform is not None  # noqa: S101 (the caller looked)
    body = _classifying(source, folder, len(labels), name)
    classifier = _classifier(body, source, layer, name)
    _set(classifier, layer)
    facts = {
        "labels": labels, "activation": layer.activation, "chance": layer.chance, "source": source.info.name,
        "mean": list(transform.mean), "std": list(transform.std),
        "decode_at_least": list(transform.decode_size) if transform.decode_size else None,
    }  # fmt: skip
    body.save_pretrained(folder)
    config = {
        **read_json(folder / "config.json"),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: k for k, label in enumerate(labels)},
        "problem_type": KINDS.get(layer.activation, "regression"),
        "answer": facts,
    }
    write_json(folder / "config.json", config)


def _classifying(source: MediaBody, folder: Path, count: int, name: str) -> Any:
    from transformers import AutoModelForImageClassification
    from transformers.utils import logging as module

    logging: Any = module  # not annotated
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # it warns that the classifier is new
    try:
        return AutoModelForImageClassification.from_pretrained(folder, num_labels=count, local_files_only=True).eval()
    except ValueError as error:  # no such class
        raise SourceError(
            f"transformers has no class for image classification with the body of '{source.info.name}' "
            f"({source.info.architecture}), so the format '{name}' cannot hold the head; use the format 'onnx'."
        ) from error
    finally:
        logging.set_verbosity(level)


def _classifier(body: Any, source: MediaBody, layer: LinearLayer, name: str) -> nn.Linear:
    """The linear layer that gives the logits, if what it reads are the rows of the source."""
    import torch

    width, count = layer.weight.shape
    linear = [module for module in body.modules() if isinstance(module, torch.nn.Linear)]
    found = [module for module in linear if module.out_features == count]
    if found and found[-1].in_features == width and _reads_rows(body, found[-1], source):
        return found[-1]
    raise SourceError(
        f"The classifier of {type(body).__name__} does not read what the head of this model reads, the mean of the "
        f"last layer of '{source.info.name}' (such as its first token instead), so the format '{name}' cannot hold the "
        "head; use the format 'onnx'."
    )


def _reads_rows(body: Any, classifier: nn.Linear, source: MediaBody) -> bool:
    import torch

    read: list[Tensor] = []
    hook = classifier.register_forward_pre_hook(lambda _module, given: read.append(given[0]))
    trainable = source.trainable()
    batch = trainable.collate([source.prepare(picture) for picture in example_pictures(2)])
    try:
        with torch.no_grad():
            rows = trainable.forward(trainable.module, batch)[-1]
            body(**source.parts.front.inputs(batch))
    finally:
        hook.remove()
    if len(read) != 1 or read[0].shape != rows.shape:
        return False
    return bool((read[0] - rows).abs().max() <= SAME * max(1.0, float(rows.abs().max())))


def _set(classifier: nn.Linear, layer: LinearLayer) -> None:
    import torch

    with torch.no_grad():
        classifier.weight.copy_(torch.from_numpy(layer.weight.T.astype(np.float32)))
        classifier.bias.copy_(torch.from_numpy(layer.bias.astype(np.float32)))
