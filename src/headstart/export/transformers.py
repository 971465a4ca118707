"""transformers: a checkpoint folder for image or text classification, with the names of the labels (``id2label``).

``AutoModelForImageClassification`` loads the bodies of timm (as ``TimmWrapperForImageClassification``, which needs timm
beside transformers) and picture bodies of transformers whose classifier reads the mean of the last layer, as those of
ConvNeXt, ResNet and Swin do and that of ViT does not. ``AutoModelForSequenceClassification`` loads BERT and RoBERTa
bodies whose texts are read at their first token. There the stock class has a layer and a tanh in front of its
classifier: the layer is the identity times 2^-13, where the tanh changes nothing that 32 bits hold, and the classifier
makes up for it. Bodies that average tokens have no stock class; the format ``sentence-transformers`` holds them. Fit
with ``--layers standardised``.

Reference: Wolf et al. 2020, "Transformers: State-of-the-Art Natural Language Processing".

Command: headstart export RUN --format transformers -o DIR
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
from headstart.export.folders.picture_body import refuse_picture_body, write_picture_model
from headstart.export.folders.text_body import text_source, write_body
from headstart.export.readers.places import copy_reader
from headstart.export.registry import Written
from headstart.export.timm import LIMITS, crops, write_checkpoint
from headstart.io import read_json, write_json
from headstart.model import TransferModel
from headstart.sources.timm import TimmSource
from headstart.sources.transformers.media_body import MediaBody

if TYPE_CHECKING:
    from torch import nn

__all__ = ["TRANSFORMERS", "Transformers"]

SMALL = 2.0**-13  # tanh(x) = x to 24 bits for x = 2^-13 times what a normalised layer holds
PICTURE = """
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

model = AutoModelForImageClassification.from_pretrained(".").eval()  # the path of this folder
processor = AutoImageProcessor.from_pretrained(".")
logits = model(**processor(Image.open("picture.jpg").convert("RGB"), return_tensors="pt")).logits
print(model.config.id2label[int(logits.argmax())], logits.{call})
"""
TEXT = """
from transformers import AutoModelForSequenceClassification, AutoTokenizer

model = AutoModelForSequenceClassification.from_pretrained(".").eval()  # the path of this folder
tokenizer = AutoTokenizer.from_pretrained(".")
logits = model(**tokenizer("Where is my parcel?", truncation=True, return_tensors="pt")).logits
print(model.config.id2label[int(logits.argmax())], logits.{call})
"""
CALLS = {"softmax": "softmax(1)", "sigmoid": "sigmoid()", "identity": "tolist()"}
PICTURE_LIMITS = f"transformers runs timm's body and timm's transform, so timm must be installed. {LIMITS}"
OWN_LIMITS = (
    "On the same crop the logits are the same to 1e-4. The processor of transformers rounds a resized picture "
    "otherwise than Headstart, so probabilities may differ by some thousandths. It does not turn a picture upright by "
    "its EXIF tag and has no white behind transparent parts; `model.py` does both."
)
TEXT_LIMITS = (
    "The logits are the same to 1e-4. Of a text the first {length} tokens are read. Headstart first brings a text to "
    "one Unicode form, and so does `model.py`; transformers alone does not. The layer in front of the classifier is "
    "the identity times 2^-13, where tanh changes nothing; train it again before you fine-tune the model."
)
HEADS = {"bert": "pooler", "roberta": "dense", "xlm-roberta": "dense", "camembert": "dense"}


@dataclass(frozen=True)
class Transformers:
    """A checkpoint folder of transformers.

    Attributes:
        name: ``"transformers"``.
        title: what it is.
        banned: Headstart.

    Examples:
        >>> import tempfile
        >>> from headstart import fit
        >>> from headstart.sources.bodies.seeded import example_pictures
        >>> data = (example_pictures(12), ["a", "b"] * 6)
        >>> model = fit(data, source="headstart:image", layers="standardised", verbose=False).model
        >>> folder = Path(tempfile.mkdtemp())
        >>> Transformers().write(model, folder).packages
        ('transformers', 'timm', 'torch', 'pillow', 'numpy')
        >>> sorted(path.name for path in folder.iterdir())
        ['README.md', 'config.json', 'model.py', 'model.safetensors']
    """

    name: str = "transformers"
    title: str = "checkpoint folder of transformers"
    banned: tuple[str, ...] = ("headstart",)

    def write(self, model: TransferModel, folder: Path) -> Written:
        """Write the checkpoint, model.py and README.md."""
        source = model.source
        if isinstance(source, MediaBody) and source.info.modality == "image":
            return self._own_pictures(model, source, folder)
        return self._pictures(model, folder) if isinstance(source, TimmSource) else self._texts(model, folder)

    def _own_pictures(self, model: TransferModel, source: MediaBody, folder: Path) -> Written:
        refuse_picture_body(source, self.name)
        layer = linear_layer(model, self.name)
        refuse_unit_norm(layer, self.name)
        write_picture_model(source, folder, model, layer, self.name)
        code, limits = PICTURE.format(call=CALLS[layer.activation]), OWN_LIMITS + chance_note(layer)
        needs = "pip install transformers torchvision pillow"
        write_page(model, folder, "A checkpoint of transformers", code, limits=limits, needs=needs)
        packages = ("transformers", "torch", "torchvision", "pillow", "numpy")
        return Written(copy_reader("transformers_picture", folder / "model.py"), packages, prepared=crops(source))

    def _pictures(self, model: TransferModel, folder: Path) -> Written:
        source, layer = write_checkpoint(model, folder, self.name)
        code, limits = PICTURE.format(call=CALLS[layer.activation]), PICTURE_LIMITS + chance_note(layer)
        write_page(
            model, folder, "A checkpoint of transformers", code, limits=limits,
            needs="pip install transformers timm pillow",
        )  # fmt: skip
        packages = ("transformers", "timm", "torch", "pillow", "numpy")
        return Written(copy_reader("transformers_image", folder / "model.py"), packages, prepared=crops(source))

    def _texts(self, model: TransferModel, folder: Path) -> Written:
        source, layer = text_source(model, self.name), linear_layer(model, self.name)
        kind, pooling = source.info.architecture, source.parts.pooling
        if kind not in HEADS or pooling != "cls":
            raise SourceError(
                f"No stock class of transformers computes '{source.info.name}' ({kind}, pooling '{pooling}') with one "
                "linear head: the format 'transformers' holds bodies of timm, and BERT and RoBERTa bodies read at the "
                "first token; use 'sentence-transformers' or 'onnx'."
            )
        refuse_unit_norm(layer, self.name)
        write_body(source, folder, model, layer)
        with_head(folder, layer, kind)
        write_licence(model, folder)
        limits = TEXT_LIMITS.format(length=source.parts.tokenizer.max_length) + chance_note(layer)
        code, needs = TEXT.format(call=CALLS[layer.activation]), "pip install transformers torch"
        write_page(model, folder, "A checkpoint of transformers", code, limits=limits, needs=needs)
        reader, packages = copy_reader("transformers_text", folder / "model.py"), ("transformers", "torch", "numpy")
        return Written(reader, packages, prepared=_same)


def _same(items: Sequence[Any], folder: Path) -> list[Any]:  # noqa: ARG001 (one contract)
    return list(items)


def with_head(folder: Path, layer: LinearLayer, kind: str) -> None:
    """Turn the folder of a body into one of its class for sequence classification, in place.

    Args:
        folder: a checkpoint of the body alone.
        layer: the head.
        kind: the body's ``model_type``.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    answer = read_json(folder / "config.json")["answer"]
    body: Any = AutoModelForSequenceClassification.from_pretrained(folder)
    first: nn.Linear = body.bert.pooler.dense if HEADS[kind] == "pooler" else body.classifier.dense
    last: nn.Linear = body.classifier if HEADS[kind] == "pooler" else body.classifier.out_proj
    with torch.no_grad():
        first.weight.copy_(SMALL * torch.eye(len(first.weight)))
        first.bias.zero_()
        last.weight.copy_(torch.from_numpy((layer.weight.T / SMALL).astype(np.float32)))
        last.bias.copy_(torch.from_numpy(layer.bias.astype(np.float32)))
    for name in ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json"):
        (folder / name).unlink(missing_ok=True)
    if (folder / "1_Pooling").is_dir():
        (folder / "1_Pooling").rmdir()
    body.save_pretrained(folder)
    write_json(folder / "config.json", {**read_json(folder / "config.json"), "answer": answer})


TRANSFORMERS = Transformers()
