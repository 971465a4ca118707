"""Files of a source that vanish, after it was described or after it was opened: one sentence, for every format."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from yamnet_reference import random_tensors

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import HeadstartError
from headstart.io import file_digest
from headstart.sources import describe, open_source
from headstart.sources.spectrogram import Spectrogram

TORCH = Engine("torch", cache=False)
PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
SOUND = (np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32), 8000)


def timm_pair(place: Path) -> Path:
    import timm

    save_file(timm.create_model("test_resnet", num_classes=5).state_dict(), place / "tiny.safetensors")
    facts = {"architecture": "test_resnet", "num_classes": 5, "input_size": [3, 32, 32]}
    facts |= {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic"}
    (place / "tiny.json").write_text(json.dumps(facts))
    return place / "tiny.safetensors"


def timm_folder(place: Path) -> Path:
    moved = open_source(f"local:{timm_pair(place)}")
    moved.with_module(moved.trainable().module, "moved").save(place / "folder")
    return place / "folder"


def spectrogram_folder(place: Path) -> Path:
    Spectrogram(open_source(f"local:{timm_folder(place)}")).save(place / "pictures")
    return place / "pictures"


def yamnet_pair(place: Path) -> Path:
    file = place / "yamnet.safetensors"
    save_file({name: torch.from_numpy(np.abs(array)) for name, array in random_tensors().items()}, file)
    file.with_suffix(".json").write_text(json.dumps({"architecture": "YAMNet", "sha256": file_digest(file)}))
    return file


def keras_folder(place: Path) -> Path:
    from headstart.sources.keras_bodies.keras_source import KerasSource, KerasSpec, KerasWeights
    from headstart.types import SourceInfo

    convolution = {"class_name": "Conv2D", "config": {"filters": 4, "kernel_size": [3, 3]}}
    ends = [{"class_name": kind, "config": {}} for kind in ("InputLayer", "GlobalAveragePooling2D")]
    spec = KerasSpec({"class_name": "Sequential", "config": {"layers": [ends[0], convolution, ends[1]]}}, "tf", 8)
    KerasSource(spec, KerasWeights("none", None), SourceInfo("tiny", "image")).save(place / "keras")
    return place / "keras"


def bert_folder(place: Path) -> Path:
    from transformers import BertConfig, BertModel

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "morning"]
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=40, **sizes)).save_pretrained(place / "bert")
    (place / "bert" / "vocab.txt").write_text("\n".join(words) + "\n")
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 32}
    (place / "bert" / "tokenizer_config.json").write_text(json.dumps(settings))
    return place / "bert"


def keras_file(place: Path) -> Path:
    """A .keras file as Keras lays it out, without Keras."""
    import zipfile

    h5py = pytest.importorskip("h5py")
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 3], "name": "in"}},
        {"class_name": "Conv2D", "config": {"filters": 4, "kernel_size": [3, 3], "name": "conv2d"}},
        {"class_name": "GlobalAveragePooling2D", "config": {"name": "mean"}},
    ]
    with h5py.File(place / "weights.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.ones((3, 3, 3, 4), np.float32)
        file["layers/conv2d/vars/1"] = np.zeros(4, np.float32)
    with zipfile.ZipFile(place / "tiny.keras", "w") as archive:
        model = {"class_name": "Sequential", "config": {"name": "tiny", "layers": layers}}
        archive.writestr("config.json", json.dumps(model))
        archive.write(place / "weights.h5", "model.weights.h5")
    return place / "tiny.keras"


KINDS = {
    "timm file": (timm_pair, PICTURE),
    "timm folder": (timm_folder, PICTURE),
    "spectrogram": (spectrogram_folder, SOUND),
    "yamnet": (yamnet_pair, SOUND),
    "keras folder": (keras_folder, PICTURE),
    "keras file": (keras_file, PICTURE),
    "transformers": (bert_folder, "good morning"),
}


@pytest.fixture(params=KINDS)
def checkpoint(request, tmp_path):
    """The path of a checkpoint of each format, and an item."""
    make, item = KINDS[request.param]
    path = make(tmp_path)
    return path, item


def remove(path: Path, pattern: str) -> None:
    if path.is_file():
        path.unlink()
    elif pattern == "all":
        shutil.rmtree(path)
    else:
        for file in path.rglob(pattern):
            file.unlink()


def assert_sentence(error: BaseException) -> None:
    assert "\n" not in str(error)
    assert str(error).endswith(".")


@pytest.mark.parametrize("what", ["all", "*.safetensors"])
def test_between_describing_and_opening(checkpoint, what):
    path, _ = checkpoint
    describe(f"local:{path}")
    remove(path, what)
    with pytest.raises(HeadstartError) as caught:
        open_source(f"local:{path}")
    assert_sentence(caught.value)


def test_while_the_file_is_being_opened(checkpoint, monkeypatch):
    """The kind of a checkpoint is known, and then it is gone."""
    from headstart.sources import local

    path, _ = checkpoint
    kind = local._kind(path)
    remove(path, "all")
    monkeypatch.setattr(local, "_kind", lambda _: kind)
    with pytest.raises(HeadstartError) as caught:
        open_source(f"local:{path}")
    assert_sentence(caught.value)


def test_between_opening_and_encoding(checkpoint):
    path, item = checkpoint
    modality = "audio" if item is SOUND else None
    open_source(f"local:{path}", modality=modality)  # the facts that need the weights are cached from here on
    source = open_source(f"local:{path}", modality=modality)
    remove(path, "all")
    with pytest.raises(HeadstartError) as caught:
        extract(source, [item], engine=TORCH)
    assert_sentence(caught.value)


@pytest.mark.parametrize("what", ["all", "*.safetensors"])
def test_between_opening_and_saving(checkpoint, tmp_path, what):
    """An incomplete copy would be a model that cannot be opened."""
    path, _ = checkpoint
    open_source(f"local:{path}")  # the facts that need the weights are cached from here on
    source = open_source(f"local:{path}")
    remove(path, what)
    with pytest.raises(HeadstartError) as caught:
        source.save(tmp_path / "copy")
    assert_sentence(caught.value)


def test_a_repository_in_the_hub_cache(tmp_path, monkeypatch):
    snapshot = tmp_path / "hub" / "models--some--bert" / "snapshots" / "abc"
    snapshot.parent.mkdir(parents=True)
    shutil.move(bert_folder(tmp_path), snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert describe("hf:some/bert").modality == "text"
    open_source("hf:some/bert")
    source = open_source("hf:some/bert")
    shutil.rmtree(snapshot)
    for act in (lambda: extract(source, ["good morning"], engine=TORCH), lambda: open_source("hf:some/bert")):
        with pytest.raises(HeadstartError) as caught:
            act()
        assert_sentence(caught.value)
