"""Small pictures, sounds and checkpoints that the tests of sources share."""

import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Paths of six pictures of different sizes and modes."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    paths = []
    for k, (width, height) in enumerate([(80, 60), (60, 80), (300, 200), (64, 64), (31, 97), (160, 160)]):
        array = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        picture = Image.fromarray(array).resize((width, height)).convert("L" if k == 3 else "RGB")
        paths.append(folder / f"{k}.png")
        picture.save(paths[-1])
    return paths


@pytest.fixture(scope="session")
def sounds():
    """Six (samples, rate) tuples of different lengths and rates."""
    rng = np.random.default_rng(0)
    return [
        (rng.normal(scale=0.1, size=n).astype(np.float32), rate)
        for n, rate in [(8000, 16000), (4000, 8000), (20000, 22050), (16000, 16000), (300, 8000), (8000, 16000)]
    ]


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    """A tiny timm checkpoint in our own format: FILE.safetensors with FILE.json beside it."""
    import timm
    import torch
    from safetensors.torch import save_file

    from headstart.io import file_digest

    folder = tmp_path_factory.mktemp("pair")
    torch.manual_seed(3)
    save_file(timm.create_model("test_resnet", num_classes=5).state_dict(), folder / "tiny.safetensors")
    facts = {
        "architecture": "test_resnet",
        "timm_kwargs": {},
        "num_classes": 5,
        "num_features": 96,
        "input_size": [3, 96, 96],
        "mean": [0.4, 0.5, 0.6],
        "std": [0.2, 0.25, 0.3],
        "interpolation": "bicubic (original training: bilinear)",
        "crop_pct": 0.875,
        "source": {"licence": "MIT"},
        "sha256": file_digest(folder / "tiny.safetensors"),
    }
    (folder / "tiny.json").write_text(json.dumps(facts))
    return folder / "tiny.safetensors"


@pytest.fixture
def words_only(tmp_path):
    """A tiny BERT checkpoint whose tokenizer is a vocab.txt."""
    import torch
    from transformers import BertConfig, BertModel

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "morning", "card", "##s", "is", "?", "cafe"]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40,
    )  # fmt: skip
    BertModel(config).save_pretrained(tmp_path / "words")
    (tmp_path / "words" / "vocab.txt").write_text("\n".join(words) + "\n")
    facts = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 32}
    (tmp_path / "words" / "tokenizer_config.json").write_text(json.dumps(facts))
    return tmp_path / "words"
