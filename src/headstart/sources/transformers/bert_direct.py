"""BERT's encoder without torch: as an OpenVINO model made from its weights, and in numpy to compare that with.

Importing torch, building the module and tracing it take seconds and several hundred megabytes, which a first run on a
few hundred texts would mostly consist of. Both forms have the arithmetic of `headstart.sources.transformers.bert`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.backends.openvino import import_openvino

__all__ = ["bert_blocks", "bert_graph"]

VERSION = 1  # to be raised when the same weights give other rows

Weights = Mapping[str, NDArray[np.float32]]
LOWEST = float(np.finfo(np.float32).min)  # added to the attention scores of padding, whose softmax weight is then 0


def bert_blocks(
    weights: Weights, batch: Mapping[str, NDArray[Any]], *, heads: int, eps: float, read: Sequence[int]
) -> list[NDArray[np.float32]]:
    """The mean over the tokens of hidden layers, in numpy.

    Args:
        weights: under the names of transformers' ``BertModel``, without token embeddings.
        batch: ``inputs_embeds`` (n, tokens, width) float32 and ``attention_mask`` (n, tokens).
        heads: number of attention heads.
        eps: of the normalisations.
        read: numbers of the hidden layers that are read; 0 for the embeddings.

    Returns:
        (n, width) float32 of each layer that is read.

    Examples:
        >>> names = ("word", "position", "token_type")
        >>> weights = {f"embeddings.{name}_embeddings.weight": np.ones((2, 2), np.float32) for name in names[1:]}
        >>> weights |= {f"embeddings.LayerNorm.{part}": np.ones(2, np.float32) for part in ("weight", "bias")}
        >>> batch = {"inputs_embeds": np.array([[[1, 2]]], np.float32), "attention_mask": np.ones((1, 1), int)}
        >>> bert_blocks(weights, batch, heads=1, eps=1e-12, read=[0])
        [array([[0., 2.]], dtype=float32)]
    """
    from scipy.special import erf

    def norm(x: NDArray[Any], name: str) -> NDArray[Any]:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + eps)
        found: NDArray[Any] = scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
        return found

    def linear(x: NDArray[Any], name: str) -> NDArray[Any]:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    embedded, mask = batch["inputs_embeds"], batch["attention_mask"].astype(np.float32)
    hidden = [norm(embedded + _shifts(weights)[: embedded.shape[1]], "embeddings.LayerNorm")]
    bias = (1 - mask[:, None, None]) * np.float32(LOWEST)
    for layer in range(max(read)):
        x, owner = hidden[-1], f"encoder.layer.{layer}"
        q, k, v = (
            linear(x, f"{owner}.attention.self.{name}").reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)
            for name in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(2, 3) / np.float32(sqrt(q.shape[-1])) + bias
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (scores / scores.sum(axis=-1, keepdims=True) @ v).swapaxes(1, 2).reshape(x.shape)
        x = norm(linear(mixed, f"{owner}.attention.output.dense") + x, f"{owner}.attention.output.LayerNorm")
        inner = linear(x, f"{owner}.intermediate.dense")
        inner = inner * (0.5 * (1 + erf(inner / np.float32(sqrt(2)))))
        hidden.append(norm(linear(inner, f"{owner}.output.dense") + x, f"{owner}.output.LayerNorm"))
    shares = (mask / mask.sum(axis=1, keepdims=True))[:, :, None]
    return [(hidden[k] * shares).sum(axis=1, dtype=np.float32) for k in read]


def bert_graph(weights: Weights, *, heads: int, eps: float, read: Sequence[int]) -> Any:
    """The OpenVINO model that computes `bert_blocks`, side by side on the last axis.

    Args:
        weights: as in `bert_blocks`; the model shares their memory.
        heads: number of attention heads.
        eps: of the normalisations.
        read: as in `bert_blocks`.

    Raises:
        MissingExtraError: if OpenVINO is not installed.

    Examples:
        >>> names = ("word", "position", "token_type")
        >>> weights = {f"embeddings.{name}_embeddings.weight": np.ones((2, 2), np.float32) for name in names[1:]}
        >>> weights |= {f"embeddings.LayerNorm.{part}": np.ones(2, np.float32) for part in ("weight", "bias")}
        >>> model = bert_graph(weights, heads=1, eps=1e-12, read=[0])
        >>> [node.get_friendly_name() for node in model.get_parameters()]
        ['inputs_embeds', 'attention_mask']
    """
    ov = import_openvino()
    op = ov.opset13
    constant = _constants(op, weights)

    def norm(x: Any, name: str) -> Any:
        scaled = op.mvn(x, op.constant([-1]), True, eps, "inside_sqrt")
        return op.add(op.multiply(scaled, constant(f"{name}.weight")), constant(f"{name}.bias"))

    def linear(x: Any, name: str) -> Any:
        return op.add(op.matmul(x, constant(f"{name}.weight"), False, True), constant(f"{name}.bias"))

    shifts = _shifts(weights)
    width = shifts.shape[1]
    embedded, given = op.parameter([-1, -1, width], ov.Type.f32), op.parameter([-1, -1], ov.Type.i64)
    embedded.set_friendly_name("inputs_embeds")
    given.set_friendly_name("attention_mask")
    mask = op.convert(given, "f32")
    length = op.gather(op.shape_of(embedded), op.constant([1]), op.constant(0))
    first = op.slice(op.constant(shifts), op.constant([0]), length, op.constant([1]), op.constant([0]))
    hidden = [norm(op.add(embedded, first), "embeddings.LayerNorm")]
    lowest = op.multiply(op.subtract(_number(op, 1), mask), _number(op, LOWEST))
    bias = op.unsqueeze(lowest, op.constant([1, 2]))
    split, joined, order = op.constant([0, 0, heads, -1]), op.constant([0, 0, width]), op.constant([0, 2, 1, 3])
    scale = _number(op, 1 / sqrt(width / heads))
    for layer in range(max(read)):
        x, owner = hidden[-1], f"encoder.layer.{layer}"
        q, k, v = (
            op.transpose(op.reshape(linear(x, f"{owner}.attention.self.{name}"), split, True), order)
            for name in ("query", "key", "value")
        )
        scores = op.softmax(op.add(op.multiply(op.matmul(q, k, False, True), scale), bias), -1)
        mixed = op.reshape(op.transpose(op.matmul(scores, v, False, False), order), joined, True)
        added = op.add(linear(mixed, f"{owner}.attention.output.dense"), x)
        x = norm(added, f"{owner}.attention.output.LayerNorm")
        inner = op.gelu(linear(x, f"{owner}.intermediate.dense"), "erf")
        hidden.append(norm(op.add(linear(inner, f"{owner}.output.dense"), x), f"{owner}.output.LayerNorm"))
    shares = op.unsqueeze(op.divide(mask, op.reduce_sum(mask, op.constant([1]), True)), op.constant([2]))
    rows = [op.reduce_sum(op.multiply(hidden[k], shares), op.constant([1]), False) for k in read]
    return ov.Model([op.concat(rows, -1).output(0)], [embedded, given], "bert")


def _shifts(weights: Weights) -> NDArray[np.float32]:
    """What is added to the embedding of a token at each position: that of the position and of token type 0."""
    positions = weights["embeddings.position_embeddings.weight"]
    found: NDArray[np.float32] = positions + weights["embeddings.token_type_embeddings.weight"][0]
    return found


def _constants(op: Any, weights: Weights) -> Callable[[str], Any]:
    return lambda name: op.constant(weights[name], shared_memory=True)


def _number(op: Any, value: float) -> Any:
    return op.constant(np.float32(value))
