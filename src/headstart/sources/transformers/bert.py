"""BERT's encoder (Devlin et al. 2019, "BERT: Pre-training of Deep Bidirectional Transformers") in plain torch.

It has the same arithmetic and the same names of weights as transformers' ``BertModel`` without the pooler. Importing
that class takes two seconds longer than torch alone, most of the time of a first run on a few hundred texts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from headstart.sources.transformers.word_table import WordTable, outside_words

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["bert_hidden", "bert_module"]

VERSION = 1  # to be raised when the same weights give other hidden layers


def bert_module(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor] | None = None, words: WordTable | None = None
) -> nn.Module:
    """The encoder's layers under the names of transformers' ``BertModel``, to be run by `bert_hidden`.

    Args:
        config: the contents of BERT's config.json; the activation must be the exact GELU, and positions absolute.
        tensors: the weights by name; by default random weights, initialised as in BERT: normal with the standard
            deviation ``initializer_range`` of the configuration, and zero biases.
        words: the token embeddings, if they stay outside of the layers; the layers then read embedded tokens.

    Returns:
        The nested layers in evaluation mode.

    Raises:
        RuntimeError: if ``tensors`` do not fit the layers.

    Examples:
        >>> tiny = {"vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 16,
        ...     "max_position_embeddings": 5, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "initializer_range": 0.02}
        >>> sum(parameter.numel() for parameter in bert_module(tiny).parameters())
        744
    """
    import torch

    with torch.device("meta"):  # initialising weights in torch would take longer than loading them
        module = _layers(config, words)
    if tensors is None:
        module.to_empty(device="cpu")
        _draw(module, float(config["initializer_range"]), int(config.get("pad_token_id") or 0))
    else:
        module.load_state_dict(dict(tensors), assign=True)
    return module.eval()


def _layers(config: Mapping[str, Any], words: WordTable | None) -> nn.Module:
    import torch
    from torch import nn

    width, inner = int(config["hidden_size"]), int(config["intermediate_size"])

    def norm() -> nn.LayerNorm:
        return nn.LayerNorm(width, eps=config["layer_norm_eps"])

    def layer() -> nn.Module:
        products = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        mixed = nn.ModuleDict({"dense": nn.Linear(width, width), "LayerNorm": norm()})
        made: nn.Module = _layer_class()(
            {
                "attention": nn.ModuleDict({"self": products, "output": mixed}),
                "intermediate": nn.ModuleDict({"dense": nn.Linear(width, inner)}),
                "output": nn.ModuleDict({"dense": nn.Linear(inner, width), "LayerNorm": norm()}),
            }
        )
        return made

    sizes = {"word": "vocab_size", "position": "max_position_embeddings", "token_type": "type_vocab_size"}
    table: Any = nn.Embedding  # whose from_pretrained has no types
    tables: dict[str, nn.Module] = {
        # from_pretrained, because initialising an nn.Embedding on the meta device imports torch._dynamo: 1.4 s, 150 MB
        f"{name}_embeddings": table.from_pretrained(torch.empty(int(config[size]), width), freeze=False)
        for name, size in sizes.items()
        if name != "word" or words is None
    }
    if words is not None:
        tables["word_embeddings"] = outside_words(words)
    layers = nn.ModuleList(layer() for _ in range(int(config["num_hidden_layers"])))
    return nn.ModuleDict(
        {
            "embeddings": nn.ModuleDict({**tables, "LayerNorm": norm()}),
            "encoder": nn.ModuleDict({"layer": layers}),
        }
    )


def _draw(module: nn.Module, deviation: float, pad: int) -> None:
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, nn.LayerNorm):
            layer.reset_parameters()
        if isinstance(layer, nn.Linear | nn.Embedding):
            nn.init.normal_(layer.weight, std=deviation)
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.bias)
    # transformers zeroes the embedding of the padding token after drawing all of them
    words = module.get_submodule("embeddings.word_embeddings")
    if isinstance(words, nn.Embedding):
        nn.init.zeros_(words.weight[pad])


def bert_hidden(module: Any, ids: Tensor, mask: Tensor, heads: int) -> list[Tensor]:
    """The embeddings and the output of every layer.

    Args:
        module: the layers, from `bert_module`.
        ids: (n, tokens) token ids, or (n, tokens, width) embedded tokens if the layers have no token embeddings; all
            tokens have the token type 0.
        mask: (n, tokens), 1 for a token and 0 for padding.
        heads: number of attention heads.

    Returns:
        The (n, tokens, width) outputs of the embeddings and of each layer.

    Examples:
        >>> import torch
        >>> tiny = {"vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 16,
        ...     "max_position_embeddings": 5, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "initializer_range": 0.02}
        >>> ids = torch.tensor([[1, 2, 3]])
        >>> [tuple(hidden.shape) for hidden in bert_hidden(bert_module(tiny), ids, torch.ones_like(ids), heads=2)]
        [(1, 3, 8), (1, 3, 8)]
    """
    import torch

    tables = module["embeddings"]
    shifts = tables["position_embeddings"].weight[: ids.shape[1]] + tables["token_type_embeddings"].weight[0]
    hidden = [tables["LayerNorm"](tables["word_embeddings"](ids) + shifts)]
    # Added to the attention scores: 0 for a token, the lowest float32 for padding, whose softmax weight is then 0.
    bias = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
    for layer in module["encoder"]["layer"]:
        hidden.append(layer(hidden[-1], bias, heads))
    return hidden


@cache
def _layer_class() -> Any:
    """The class of one layer; it is called as a module, so hooks can read or replace its output."""
    from torch import nn
    from torch.nn.functional import gelu

    class BertLayer(nn.ModuleDict):
        def forward(self, x: Tensor, bias: Tensor, heads: int) -> Tensor:
            parts: Any = self
            attention, output = parts["attention"], parts["output"]
            mixed = attention["output"]["dense"](_attention(attention["self"], x, bias, heads))
            x = attention["output"]["LayerNorm"](mixed + x)
            y: Tensor = output["LayerNorm"](output["dense"](gelu(parts["intermediate"]["dense"](x))) + x)
            return y

    return BertLayer


def _attention(products: Any, x: Tensor, bias: Tensor, heads: int) -> Tensor:
    query, key, value = (
        # (n, tokens, width) to (n, heads, tokens, width / heads)
        products[name](x).unflatten(2, (heads, -1)).transpose(1, 2)
        for name in ("query", "key", "value")
    )
    # softmax(Q K^T / sqrt(d) + bias) V with d = width / heads. On a CPU, torch's fused attention is 10 to 18% slower
    # than these products for texts of 12 to 40 tokens.
    scale = math.sqrt(heads / products["query"].out_features)
    weights = (query @ key.transpose(2, 3) * scale + bias).softmax(dim=3)
    mixed: Tensor = (weights @ value).transpose(1, 2).flatten(2)
    return mixed
