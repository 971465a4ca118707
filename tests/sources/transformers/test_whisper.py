"""Whisper's encoder in plain torch, against transformers."""

import numpy as np
import pytest
import torch

from headstart.sources.transformers.whisper import whisper_hidden, whisper_module

CONFIG = {
    "d_model": 16, "num_mel_bins": 80, "max_source_positions": 60, "encoder_layers": 3, "encoder_ffn_dim": 24,
    "encoder_attention_heads": 4, "init_std": 0.3,
}  # fmt: skip


@pytest.fixture(scope="module")
def encoder():
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    torch.manual_seed(0)
    return WhisperEncoder(WhisperConfig(**CONFIG)).eval()


@pytest.fixture(scope="module")
def module(encoder):
    return whisper_module(CONFIG, encoder.state_dict())


def bands(frames, seed=0):
    return torch.randn(1, frames, 160, generator=torch.Generator().manual_seed(seed))


def test_each_layer_is_that_of_transformers(encoder, module):
    given = bands(60)
    with torch.no_grad():
        ours = whisper_hidden(module, given, torch.ones(1, 60), heads=4)
        theirs = encoder(given.view(1, 120, 80).transpose(1, 2), output_hidden_states=True)
    wanted = [*theirs.hidden_states[:-1], theirs.last_hidden_state]
    assert len(ours) == len(wanted) == 4
    for found, exact in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(found, exact, rtol=0, atol=2e-5)


def test_padding_changes_nothing(module):
    given, mask = torch.zeros(2, 40, 160), torch.zeros(2, 40)
    given[0, :23], mask[0, :23] = bands(23)[0], 1
    given[1], mask[1] = bands(40, seed=1)[0], 1
    with torch.no_grad():
        together = whisper_hidden(module, given, mask, heads=4)
        alone = whisper_hidden(module, bands(23), torch.ones(1, 23), heads=4)
    for padded, exact in zip(together, alone, strict=True):
        np.testing.assert_allclose(padded[0, :23], exact[0], rtol=0, atol=2e-5)


def test_random_weights_are_as_in_transformers(encoder):
    drawn = whisper_module(CONFIG)
    assert {name: value.shape for name, value in drawn.state_dict().items()} == {
        name: value.shape for name, value in encoder.state_dict().items()
    }
    np.testing.assert_allclose(
        drawn.state_dict()["embed_positions.weight"], encoder.embed_positions.weight.detach(), atol=1e-4
    )
    assert drawn.state_dict()["layers.0.fc1.weight"].std().item() == pytest.approx(0.3, rel=0.2)


def test_weights_that_do_not_fit_are_refused(encoder):
    with pytest.raises(RuntimeError, match="size mismatch"):
        whisper_module({**CONFIG, "encoder_ffn_dim": 32}, encoder.state_dict())
