"""The network of YAMNet against a functional forward of its published definition, and what a bad file gives."""

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from yamnet_reference import plain, random_tensors

from headstart.errors import SourceError
from headstart.sources.audio_bodies.yamnet import PARAMETERS, load_yamnet, read_front


def test_the_network_is_the_published_one(tmp_path):
    tensors = random_tensors()
    save_file(tensors, tmp_path / "yamnet.safetensors")
    patches = np.random.default_rng(1).normal(size=(3, 96, 64)).astype(np.float32)
    module = load_yamnet(tmp_path / "yamnet.safetensors").eval()
    with torch.inference_mode():
        embedding = module(torch.from_numpy(patches))
        logits = module.classifier(embedding)
    wanted = plain(tensors, patches)
    np.testing.assert_allclose(embedding.numpy(), wanted[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits.numpy(), wanted[1], rtol=1e-4, atol=1e-4)
    assert sum(p.numel() for p in module.parameters()) == PARAMETERS == 3_729_481
    np.testing.assert_array_equal(read_front(tmp_path / "yamnet.safetensors")[1], tensors["frontend.mel"])


def spoilt(kind, tensors):
    """The bytes of a bad file."""
    from safetensors.numpy import save

    if kind == "missing":
        del tensors["blocks.3.pw.bias"]
    elif kind == "other shape":
        tensors["blocks.12.pw.weight"] = np.zeros((1024, 1025, 1, 1), np.float32)
    elif kind == "no numbers":
        tensors["stem.bias"][0] = np.nan
    elif kind == "integers":
        tensors["stem.bias"] = np.zeros(32, np.int64)
    raw = save(tensors)
    if kind == "header":
        return b"\xff" * 8 + raw[8:]
    return raw[:-5] if kind == "truncated" else raw


@pytest.mark.parametrize("kind", ["missing", "other shape", "no numbers", "integers", "truncated", "header"])
def test_a_bad_file_is_one_sentence(kind, tmp_path):
    file = tmp_path / "yamnet.safetensors"
    file.write_bytes(spoilt(kind, random_tensors()))
    with pytest.raises(SourceError, match=r"YAMNet|NaN or infinite") as caught:
        load_yamnet(file)
    assert "\n" not in str(caught.value)
