"""BERT without torch: numpy and OpenVINO against the torch module."""

import numpy as np
import pytest

from headstart.engine.backends.openvino import OpenVino
from headstart.sources.transformers.bert import bert_hidden, bert_module
from headstart.sources.transformers.bert_direct import bert_blocks, bert_graph
from headstart.sources.transformers.word_table import RandomWords

SIZES = {
    "vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 3, "intermediate_size": 16, "max_position_embeddings": 7,
    "type_vocab_size": 2, "layer_norm_eps": 1e-12, "initializer_range": 0.5,
}  # fmt: skip


@pytest.mark.parametrize("read", [[0], [0, 1, 2, 3], [1, 3]])
def test_three_ways_of_computing_the_layers_agree(read):
    torch = pytest.importorskip("torch")
    pytest.importorskip("openvino")
    torch.manual_seed(0)
    module = bert_module(SIZES, words=RandomWords(0, (9, 8), 0.5, pad=1))
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    rng = np.random.default_rng(0)
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    batch = {"inputs_embeds": rng.normal(size=(2, 5, 8)).astype(np.float32), "attention_mask": mask}
    tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
    with torch.no_grad():
        hidden = bert_hidden(module, tensors["inputs_embeds"], tensors["attention_mask"], 2)
    own = [(layer.numpy() * mask[..., None]).sum(1) / mask.sum(1, keepdims=True) for layer in hidden]
    wanted = np.concatenate([own[k] for k in read], axis=1)
    blocks = bert_blocks(weights, batch, heads=2, eps=1e-12, read=read)
    assert np.allclose(np.concatenate(blocks, axis=1), wanted, atol=1e-5)
    graph = OpenVino(bert_graph(weights, heads=2, eps=1e-12, read=read), "fp32")
    assert np.allclose(graph(batch), wanted, atol=1e-5)
    alone = {name: array[1:, :2] for name, array in batch.items()}
    assert np.allclose(graph(alone), wanted[1:], atol=1e-5)
