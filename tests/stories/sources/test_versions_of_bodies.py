"""Bodies in the cache: raising the version of any code that makes a body or reads its weights gives it another key."""

import importlib

import numpy as np
import pytest

from headstart.sources import open_source
from headstart.sources.audio_bodies.yamnet_source import YamnetSource, random_yamnet
from headstart.sources.embedded import BUILT_IN
from headstart.sources.keras_bodies.keras_source import KerasSource, KerasSpec, KerasWeights
from headstart.types import SourceInfo

LAYERS = [{"class_name": kind, "config": {}} for kind in ("InputLayer", "GlobalAveragePooling2D")]
KERAS = KerasSpec({"class_name": "Sequential", "config": {"layers": LAYERS}}, "tf", 8)
OTHERS = {
    "yamnet": lambda: YamnetSource(random_yamnet(0), SourceInfo("yamnet", "audio")),
    "keras": lambda: KerasSource(KERAS, KerasWeights("none", None), SourceInfo("means", "image")),
}
TEXT, SPEECH = "transformers.text_body.LAYOUT", "transformers.speech_body.LAYOUT"
VERSIONS = {
    "image": ["timm.VERSION"],
    "photo": ["timm.VERSION", "weight_files.torch_checkpoint.VERSION"],
    "speech": [SPEECH, "transformers.whisper.VERSION", "transformers.whisper_weights.VERSION"],
    "text": [TEXT, "transformers.bert.VERSION"],
    "multilingual": [
        TEXT, "transformers.bert.VERSION", "transformers.bert_direct.VERSION", "weight_files.packed_bert.READING",
    ],
    "yamnet": ["audio_bodies.yamnet_source.VERSION"],
    "keras": ["keras_bodies.keras_source.VERSION"],
}  # fmt: skip


def opened(name):
    return OTHERS[name]() if name in OTHERS else open_source(f"headstart:{name}")


def test_every_source_of_the_install_is_here():
    assert {*BUILT_IN, *OTHERS} == VERSIONS.keys()


@pytest.mark.parametrize("name", VERSIONS)
def test_another_version_of_the_code_is_another_body(name, monkeypatch):
    if name in BUILT_IN and not BUILT_IN[name].is_installed:
        pytest.skip(f"the extra {name} is not installed")
    before = opened(name)
    keys = [before.body_key]
    assert opened(name).body_key == keys[0]
    for place in VERSIONS[name]:
        module, _, constant = place.rpartition(".")
        owner = importlib.import_module(f"headstart.sources.{module}")
        with monkeypatch.context() as patch:
            patch.setattr(owner, constant, vars(owner)[constant] + 1)
            keys.append(opened(name).body_key)
    assert len(np.unique(keys)) == len(keys)
    assert opened(name).info == before.info
