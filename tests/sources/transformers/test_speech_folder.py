"""Folders of speech bodies: other Whisper models keep their padding, and hostile folders are one sentence."""

import shutil

import pytest
import torch

from headstart.errors import HeadstartError, SourceError
from headstart.io import read_json, write_json
from headstart.sources import open_source
from headstart.sources.transformers.speech_folder import is_speech_folder, write_speech_folder
from headstart.sources.transformers.whisper import whisper_module

CONFIG = {
    "model_type": "whisper", "d_model": 16, "num_mel_bins": 80, "max_source_positions": 1500, "encoder_layers": 1,
    "encoder_ffn_dim": 24, "encoder_attention_heads": 4,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "MIT").write_text("MIT License")
    torch.manual_seed(0)
    write_speech_folder(tmp_path / "model", whisper_module({**CONFIG, "init_std": 0.1}), CONFIG, tmp_path / "MIT")
    return tmp_path / "model"


def test_it_opens_by_path(folder):
    source = open_source(f"local:{folder}")
    assert is_speech_folder(folder)
    assert [block.name for block in source.info.blocks] == ["embeddings", "layer.1"]
    assert source.info.input["most_seconds"] == 30.0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"d_model": 2**40}, "'d_model'.* must be a whole number from 8 to 4096"),
        ({"encoder_layers": 10**9}, "'encoder_layers'"),
        ({"encoder_layers": True}, "'encoder_layers'"),
        ({"encoder_attention_heads": 5}, "no multiple of its 5 attention heads"),
        ({"num_mel_bins": 128}, "'num_mel_bins'.* must be 80"),
        ({"encoder_ffn_dim": 32}, "do not fit its config.json"),
        ({"encoder_layers": 2}, "do not fit its config.json"),
    ],
)
def test_hostile_configurations_are_one_sentence(folder, changes, says):
    write_json(folder / "config.json", {**read_json(folder / "config.json"), **changes})
    with pytest.raises(SourceError, match=says) as caught:
        open_source(f"local:{folder}")
    assert "\n" not in str(caught.value)


def test_damaged_weights_are_one_sentence(folder, tmp_path):
    weights = (folder / "model.safetensors").read_bytes()
    for name, content in (("cut", weights[:-5]), ("huge", b"\xff" * 8 + weights[8:]), ("empty", b"")):
        place = shutil.copytree(folder, tmp_path / name)
        (place / "model.safetensors").write_bytes(content)
        with pytest.raises(HeadstartError, match=r"model\.safetensors' are damaged"):
            open_source(f"local:{place}")
