"""sentence-transformers: a folder whose last module is the head.

Transformer, pooling, for rows of unit norm a normalisation, and a dense layer with the head, so ``encode`` returns
logits. ``config.json`` names the labels (``id2label``). The tokenizer is in the folder. The head must read the last
layer: fit with ``--layers last``, or ``standardised``.

Reference: Reimers & Gurevych 2019, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks".

Command: headstart export RUN --format sentence-transformers -o DIR
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headstart.export.folders.linear_layer import LinearLayer, linear_layer
from headstart.export.folders.page import chance_note, write_licence, write_page
from headstart.export.folders.text_body import text_source, write_body
from headstart.export.readers.places import copy_reader
from headstart.export.registry import Written
from headstart.io import follow_umask, write_json
from headstart.model import TransferModel

__all__ = ["SENTENCE_TRANSFORMERS", "SentenceTransformers"]

CODE = """
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(".")                     # the path of this folder
labels = model[0].auto_model.config.id2label
logits = model.encode(["Where is my parcel?"], convert_to_tensor=True)
print(labels[int(logits.argmax())], logits.{call})
"""
CALLS = {"softmax": "softmax(1)", "sigmoid": "sigmoid()", "identity": "tolist()"}
LIMITS = (
    "The logits are the same to 1e-4. Texts are read as they are: without a prefix, and of a text only the first "
    "{length} tokens. Headstart first brings a text to one Unicode form (composed accents; full-width, half-width and "
    "Arabic presentation letters made plain), and so does `model.py`; sentence-transformers alone does not, so such a "
    "text may get other logits there."
)


@dataclass(frozen=True)
class SentenceTransformers:
    """A folder of sentence-transformers.

    Attributes:
        name: ``"sentence-transformers"``.
        title: what it is.
        banned: Headstart.

    Examples:
        >>> import tempfile
        >>> from headstart import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="headstart:text", verbose=False)
        >>> folder = Path(tempfile.mkdtemp())
        >>> SentenceTransformers().write(model, folder).reader
        'model.py'
        >>> [one["type"].rpartition(".")[2] for one in json.loads((folder / "modules.json").read_text())]
        ['Transformer', 'Pooling', 'Normalize', 'Dense']
    """

    name: str = "sentence-transformers"
    title: str = "folder of sentence-transformers"
    banned: tuple[str, ...] = ("headstart",)

    def write(self, model: TransferModel, folder: Path) -> Written:
        """Write the checkpoint, the modules, model.py and README.md."""
        source, layer = text_source(model, self.name), linear_layer(model, self.name)
        write_body(source, folder, model, layer)
        _add_modules(folder, layer)
        write_licence(model, folder)
        limits = LIMITS.format(length=source.parts.tokenizer.max_length) + chance_note(layer)
        code, needs = CODE.format(call=CALLS[layer.activation]), "pip install sentence-transformers"
        write_page(model, folder, "A model of sentence-transformers", code, limits=limits, needs=needs)
        reader = copy_reader("sentence_text", folder / "model.py")
        packages = ("sentence-transformers", "transformers", "torch", "numpy")
        return Written(reader, packages, prepared=lambda items, _: list(items))


def _add_modules(folder: Path, layer: LinearLayer) -> None:
    import torch
    from safetensors.torch import save_file

    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    for kind in (["Normalize"] if layer.unit_norm else []) + ["Dense"]:
        place = f"{len(modules)}_{kind}"
        (folder / place).mkdir()
        path = {"idx": len(modules), "name": str(len(modules)), "path": place}
        modules.append({**path, "type": f"sentence_transformers.models.{kind}"})
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n", encoding="utf-8")
    width, count = layer.weight.shape
    settings = {
        "in_features": width, "out_features": count, "bias": True,
        "activation_function": "torch.nn.modules.linear.Identity",
    }  # fmt: skip
    dense = folder / modules[-1]["path"]
    write_json(dense / "config.json", settings)
    weight = np.ascontiguousarray(layer.weight.T, np.float32)
    tensors = {"weight": torch.from_numpy(weight), "bias": torch.from_numpy(layer.bias.astype(np.float32))}
    save_file({f"linear.{name}": value for name, value in tensors.items()}, dense / "model.safetensors")
    follow_umask(dense / "model.safetensors")
    write_json(folder / "config_sentence_transformers.json", {"prompts": {}, "default_prompt_name": None})


SENTENCE_TRANSFORMERS = SentenceTransformers()
