"""timm: a checkpoint folder of the timm library, whose classifier is the head.

``config.json`` has the architecture, the number of classes, their names and the preprocessing; ``model.safetensors``
the body and the classifier. ``timm.create_model("local-dir:DIR", pretrained=True)`` loads it, and so does
``AutoModelForImageClassification`` of transformers.

timm's classifier is one linear layer on the pooled last layer, so the head must be one: fit with ``--layers
standardised``. Standardisation and calibration are folded into the layer. Heads on rows of unit norm, the default, and
on several layers are no linear map of what timm's classifier reads; the format ``onnx`` holds them.

Reference: Wightman, "PyTorch Image Models", 2019.

Command: headstart export RUN --format timm -o DIR
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headstart.errors import SourceError
from headstart.export.folders.linear_layer import LinearLayer, linear_layer, refuse_unit_norm
from headstart.export.folders.page import chance_note, write_licence, write_page
from headstart.export.readers.places import copy_reader
from headstart.export.registry import Written
from headstart.io import follow_umask, write_json
from headstart.model import TransferModel
from headstart.sources.timm import TimmSource
from headstart.types import Source

if TYPE_CHECKING:
    from torch import nn

__all__ = ["TIMM", "Timm"]

CODE = """
import timm, torch
from PIL import Image

model = timm.create_model("local-dir:.", pretrained=True).eval()     # the path of this folder
config = timm.data.resolve_model_data_config(model)
transform = timm.data.create_transform(**config, is_training=False)
with torch.inference_mode():
    logits = model(transform(Image.open("picture.jpg").convert("RGB"))[None])
print(model.pretrained_cfg["label_names"][logits.argmax()], logits.{activation})
"""
LIMITS = (
    "On the same crop the logits are the same to 1e-4. timm decodes a large JPEG at full size, where its crop is that "
    "of Headstart to 1 of 255, but Headstart and `model.py` decode it at half the size or less, where that is enough: "
    "with timm's own transform the crop then differs by up to 17 of 255, and probabilities by some hundredths (on 244 "
    "photographs of 64 pixels by at most 0.026, and one label differed). timm does not turn a picture upright by its "
    "EXIF tag and has no white behind transparent parts; `model.py` does both."
)
CALLS = {"softmax": "softmax(1)", "sigmoid": "sigmoid()", "identity": "tolist()"}


@dataclass(frozen=True)
class Timm:
    """A checkpoint folder of timm.

    Attributes:
        name: ``"timm"``.
        title: what it is.
        banned: Headstart.

    Examples:
        >>> import tempfile
        >>> from headstart import fit
        >>> from headstart.sources.bodies.seeded import example_pictures
        >>> data = (example_pictures(12), ["a", "b"] * 6)
        >>> model = fit(data, source="headstart:image", layers="standardised", verbose=False).model
        >>> folder = Path(tempfile.mkdtemp()) / "shop"
        >>> model.export("timm", folder).parity.flips
        0
        >>> sorted(path.name for path in folder.iterdir())
        ['README.md', 'config.json', 'model.py', 'model.safetensors', 'parity.json']
    """

    name: str = "timm"
    title: str = "checkpoint folder of timm"
    banned: tuple[str, ...] = ("headstart",)

    def write(self, model: TransferModel, folder: Path) -> Written:
        """Write config.json, model.safetensors, model.py and README.md."""
        source, layer = write_checkpoint(model, folder, self.name)
        code, limits = CODE.format(activation=CALLS[layer.activation]), LIMITS + chance_note(layer)
        write_page(model, folder, "A timm checkpoint", code, limits=limits, needs="pip install timm pillow")
        packages = ("timm", "torch", "pillow", "numpy")
        return Written(copy_reader("timm_image", folder / "model.py"), packages, prepared=crops(source))


def write_checkpoint(model: TransferModel, folder: Path, name: str) -> tuple[TimmSource, LinearLayer]:
    """Write config.json, model.safetensors and the licence of a body of timm with a head as its classifier.

    Args:
        model: the model.
        folder: where to write.
        name: of the format, for messages.

    Returns:
        The source of the model and its head.

    Raises:
        SourceError: if timm cannot hold the body or the head.
    """
    source, layer = _source(model, name), linear_layer(model, name)
    refuse_unit_norm(layer, name)
    module = with_classifier(source.trainable().module, layer, name)
    _save(module, folder / "model.safetensors")
    write_json(folder / "config.json", _config(model, source, layer))
    write_licence(model, folder)
    return source, layer


def _source(model: TransferModel, name: str) -> TimmSource:
    source = model.source
    if not isinstance(source, TimmSource):
        raise SourceError(
            f"The format '{name}' holds bodies of timm: headstart:image, headstart:photo, timm:NAME and their local "
            f"folders. Got '{source.info.name}'; use the format 'onnx', or for texts 'sentence-transformers'."
        )
    if source.spec.structure:
        raise SourceError(f"The body '{source.info.name}' has adapters, which timm cannot load; use the format 'onnx'.")
    if source.info.blocks[-1].name != "last":
        raise SourceError(
            f"The format '{name}' has one classifier, which reads the last layer of the body, but the head of this "
            f"model reads '{source.info.blocks[-1].name}'; fit again with --layers standardised, or use the format "
            "'onnx'."
        )
    return source


def with_classifier(module: nn.Module, layer: LinearLayer, name: str) -> nn.Module:
    """A body of timm with a head as its classifier, in place.

    Args:
        module: the body.
        layer: the head.
        name: of the format.

    Raises:
        SourceError: if the classifier of the architecture is no linear layer on as many features.

    Examples:
        >>> import torch
        >>> from headstart.sources.timm_bodies.module import TimmSpec, build
        >>> layer = LinearLayer(np.ones((96, 2)), np.array([0.0, 1.0]), False, "softmax", 0.0)
        >>> body = with_classifier(build(TimmSpec("test_resnet")).eval(), layer, "timm")
        >>> body(torch.zeros(1, 3, 64, 64)).diff().round(decimals=4).tolist()
        [[1.0]]
    """
    import torch

    body: Any = module
    body.reset_classifier(len(layer.bias))
    found = body.get_classifier()
    weight = torch.from_numpy(layer.weight.T.astype(np.float32))
    bias = torch.from_numpy(layer.bias.astype(np.float32))
    for one in found if isinstance(found, tuple | list) else [found]:
        plain = isinstance(one, torch.nn.Linear) or (isinstance(one, torch.nn.Conv2d) and one.kernel_size == (1, 1))
        if not plain or one.bias is None or one.weight.shape[:2] != weight.shape:
            raise SourceError(
                f"The classifier of timm's '{type(module).__name__}' is no linear layer on its pooled last layer, so "
                f"the format '{name}' cannot hold the head; use the format 'onnx'."
            )
        with torch.no_grad():
            one.weight.copy_(weight.reshape(one.weight.shape))
            one.bias.copy_(bias)
    return module


def _save(module: nn.Module, file: Path) -> None:
    from safetensors.torch import save_file

    tensors = {key: value.detach().clone().contiguous() for key, value in module.state_dict().items()}
    save_file(tensors, file, metadata={"format": "pt"})
    follow_umask(file)


def _config(model: TransferModel, source: TimmSource, layer: LinearLayer) -> dict[str, Any]:
    """What timm reads, and under ``answer`` what `model.py` reads besides."""
    info, spec, labels = source.info, source.spec, list(model.task.labels)
    transform = source.picture_transform
    small = transform.fit == "shortest"  # the only resizing for which the reader decodes a JPEG at a smaller scale
    kept = {key: value for key, value in spec.pretrained_cfg.items() if key in ("license", "origin_url", "paper_name")}
    pretrained = {**kept, **info.input, "num_classes": len(labels)}
    return {
        "architecture": spec.architecture,
        "num_classes": len(labels),
        "num_features": info.num_features,
        "label_names": labels,
        "model_args": {key: value for key, value in spec.model_args.items() if key != "num_classes"},
        "pretrained_cfg": pretrained,
        "answer": {
            "labels": labels,
            "activation": layer.activation,
            "chance": layer.chance,
            "decode_at_least": list(transform.decode_size) if small and transform.decode_size else None,
            "filter": transform.interpolation.upper(),
            "source": info.name,
        },
    }


def crops(source: Source) -> Any:
    """A function that writes the crops of pictures to .npy files, (height, width, 3) uint8.

    Args:
        source: a source of pictures.
    """

    def write(items: Sequence[Any], folder: Path) -> list[str]:
        found = []
        for k, item in enumerate(items):
            file = folder / f"crop-{k}.npy"
            np.save(file, source.prepare(item), allow_pickle=False)
            found.append(str(file))
        return found

    return write


TIMM = Timm()
