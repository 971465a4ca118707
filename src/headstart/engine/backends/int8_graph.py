"""Quantisation of a converted body to int8: which activations are rounded, their ranges, and the rounded graph.

Weights are rounded symmetrically per output channel, activations asymmetrically per tensor, and per channel where they
feed a depthwise convolution alone (Jacob et al., CVPR 2018; Nagel et al., arXiv:2106.08295). Weights take half of the
range of int8. Without VNNI a CPU adds pairs of products in 16 bits, which saturate with full-range weights: then the
same model gave rows of a cosine of 0.57 with those of another CPU; with half the range the rows are the same.

The ranges follow from calibration items. With the weights in fp32 they determine the quantised body, so a saved model
stores the ranges and no graph. Another release of OpenVINO may convert the body to another graph, or order it
otherwise, so the ranges come with the structure of their graph and the size of the weights that read each activation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.backends.interface import Refused
from headstart.engine.backends.openvino import import_openvino
from headstart.engine.backends.openvino_files import CONVOLUTIONS
from headstart.engine.body.machine import package_version
from headstart.engine.body.recipe import Batch, recipe_key
from headstart.errors import SourceError

__all__ = ["Ranges", "measure_ranges", "quantised"]


LEVELS = 256  # of an activation, uint8
WEIGHT_LEVELS = 255  # of a weight: -127 to 127, of which half is used
MOST_ROUNDED = 10_000  # activations in one body
LEAST_RANGE = 1e-6
STRUCTURE = 16  # hexadecimal digits
SAME_WEIGHTS = 1e-3  # relative difference; conversions differ in the last bits


@dataclass(frozen=True)
class Ranges:
    """The ranges of the activations that are rounded, in the order of the graph, and what identifies the graph.

    Attributes:
        low: for each activation, the least values float32, of one channel or of all; at most 0.
        high: the greatest values; above the least.
        weights: (activations,) float32, the mean size of the weights of the first convolution that reads each; 0 where
            only a sum does.
        structure: 16 hexadecimal digits that identify operations, shapes and connections of the graph.

    Raises:
        SourceError: for ranges that are not finite, empty, or of different shapes.

    Examples:
        >>> zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
        >>> len(Ranges((zero,), (one,), one, "0123456789abcdef").digest)
        16
        >>> Ranges((one,), (zero,), one, "0123456789abcdef")
        Traceback (most recent call last):
        headstart.errors.SourceError: The ranges of an int8 body must be finite, hold 0 and not be empty; ...
    """

    low: tuple[NDArray[np.float32], ...]
    high: tuple[NDArray[np.float32], ...]
    weights: NDArray[np.float32]
    structure: str

    def __post_init__(self) -> None:
        sound = (
            0 < len(self.low) == len(self.high) <= MOST_ROUNDED
            and all(_is_sound(low, high) for low, high in zip(self.low, self.high, strict=True))
            and self.weights.dtype == np.float32
            and self.weights.shape == (len(self.low),)
            and bool(np.isfinite(self.weights).all())
            and re.fullmatch(f"[0-9a-f]{{{STRUCTURE}}}", self.structure) is not None
        )
        if not sound:
            raise SourceError(
                "The ranges of an int8 body must be finite, hold 0 and not be empty; copy the model again, or fit it "
                "again."
            )

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that identify the ranges."""
        return recipe_key([[part.tobytes().hex() for part in parts] for parts in (self.low, self.high)])[:16]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The ranges as named arrays, for a safetensors file."""
        named: dict[str, NDArray[Any]] = {f"low.{k}": part for k, part in enumerate(self.low)}
        named |= {f"high.{k}": part for k, part in enumerate(self.high)}
        return named | {"weights": self.weights, "structure": np.frombuffer(self.structure.encode(), np.uint8)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Ranges:
        """The ranges that `to_arrays` named; raises `SourceError` for anything else."""
        count = (len(arrays) - 2) // 2
        names = [f"{end}.{k}" for end in ("low", "high") for k in range(count)]
        if {*names, "weights", "structure"} != set(arrays) or arrays["structure"].dtype != np.uint8:
            raise SourceError(
                "A file of int8 ranges must hold 'low' and 'high' of each activation, 'weights' and 'structure'; fit "
                "the model again."
            )
        parts = [np.asarray(arrays[name]) for name in names]
        structure = arrays["structure"].tobytes().decode("ascii", "replace")
        return cls(tuple(parts[:count]), tuple(parts[count:]), np.asarray(arrays["weights"]), structure)


def _is_sound(low: NDArray[Any], high: NDArray[Any]) -> bool:
    if low.dtype != np.float32 or high.dtype != np.float32 or low.shape != high.shape or low.ndim != 1 or not low.size:
        return False
    finite = bool(np.isfinite(low).all() and np.isfinite(high).all())
    return finite and bool((low <= 0).all() and (high >= 0).all() and (high - low > 0).all())


@dataclass(eq=False)
class _Activation:
    """One activation that is rounded: its value, the inputs that read it rounded, and whether by channel."""

    value: Any
    readers: list[Any]
    by_channel: bool

    @property
    def nodes(self) -> list[Any]:
        return [reader.get_node() for reader in self.readers]

    @property
    def channels(self) -> int:
        return int(self.value.partial_shape[1].get_length()) if self.by_channel else 1


def measure_ranges(model: Any, batches: Iterable[Batch]) -> Ranges:
    """The least and greatest value of each activation over all calibration items, in fp32.

    Values beyond the ranges are clipped later. Means over items of the extremes, as other tools take them, clipped the
    first layers of MobileNetV2 so much that its least cosine with fp32 rows fell from .98 to .88.

    Args:
        model: the converted body in fp32, an OpenVINO model; it is not changed.
        batches: of calibration items.

    Raises:
        Refused: if the body has nothing to round, or its activations are not finite.

    Examples:
        >>> import torch
        >>> from headstart.engine.backends.openvino_graph import convert
        >>> x = np.random.default_rng(0).uniform(0, 1, (2, 3, 4, 4)).astype(np.float32)
        >>> model = convert(torch.nn.Conv2d(3, 2, 3), lambda module, x: [module(x).flatten(1)], x, lengths=False)
        >>> ranges = measure_ranges(model, [x])     # of what the convolution reads, the items
        >>> ranges.low[0].tolist(), bool(np.isclose(ranges.high[0][0], x.max()))
        ([0.0], True)
    """
    ov = import_openvino()
    import openvino.opset13 as ops

    watched = _folded(model)
    activations = _activations(watched)
    if not activations:
        raise Refused("it has no convolution whose weights are constant")
    extremes = []
    for activation in activations:
        axes = np.arange(2, len(activation.value.partial_shape), dtype=np.int64)
        extremes += [reduce(activation.value, axes).output(0) for reduce in (ops.reduce_min, ops.reduce_max)]
    compiled = ov.Core().compile_model(
        ov.Model(extremes, watched.get_parameters(), "extremes"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    least, greatest = [np.inf] * len(activations), [-np.inf] * len(activations)
    for batch in batches:
        found = compiled(dict(batch) if isinstance(batch, Mapping) else [batch])
        for k, activation in enumerate(activations):  # (n, channels) of each
            axis = 0 if activation.by_channel else None
            least[k] = np.minimum(least[k], found[2 * k].min(axis=axis))
            greatest[k] = np.maximum(greatest[k], found[2 * k + 1].max(axis=axis))
    if not all(np.isfinite(part).all() for part in (*least, *greatest)):
        raise Refused("its activations are not finite")
    ranges = [_aligned(np.atleast_1d(low), np.atleast_1d(high)) for low, high in zip(least, greatest, strict=True)]
    low, high = (tuple(one[end] for one in ranges) for end in (0, 1))
    return Ranges(low, high, _weight_sizes(activations), _structure(_folded(model)))


def _aligned(low: NDArray[Any], high: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A range that holds 0 as one of its levels, as padding needs it."""
    low, high = np.minimum(low, 0.0).astype(np.float64), np.maximum(high, 0.0).astype(np.float64)
    step = np.maximum(high - low, LEAST_RANGE) / (LEVELS - 1)
    zero = np.round(-low / step)
    return (-zero * step).astype(np.float32), ((LEVELS - 1 - zero) * step).astype(np.float32)


def quantised(model: Any, ranges: Ranges) -> Any:
    """The body with rounded weights and activations; the plugin runs its convolutions in int8.

    Args:
        model: the converted body in fp32, an OpenVINO model; it is not changed.
        ranges: from `measure_ranges`, of the same body.

    Returns:
        An OpenVINO model.

    Raises:
        SourceError: if the ranges are those of another body, or of another graph of the same one.

    Examples:
        >>> import torch
        >>> from headstart.engine.backends.openvino import OpenVino
        >>> from headstart.engine.backends.openvino_graph import convert
        >>> x = np.random.default_rng(0).uniform(0, 1, (2, 3, 4, 4)).astype(np.float32)
        >>> model = convert(torch.nn.Conv2d(3, 2, 3), lambda module, x: [module(x).flatten(1)], x, lengths=False)
        >>> rounded = OpenVino(quantised(model, measure_ranges(model, [x])), "int8")(x)
        >>> rounded.shape, bool(0 < np.abs(rounded - OpenVino(model, "fp32")(x)).max() < 0.1)
        ((2, 8), True)
    """
    import openvino.opset13 as ops

    rounded = _folded(model)
    activations = _activations(rounded)
    _check_same(ranges, rounded, activations)
    for node in _weighted(rounded):
        weight = node.input_value(1)
        values = np.asarray(weight.get_node().data, np.float32)
        outputs = 2 if node.get_type_name() == "GroupConvolution" else 1  # (groups, out, ...) or (out, ...)
        span = np.abs(values).max(axis=tuple(range(outputs, values.ndim)), keepdims=True)
        half = 2 * np.maximum(span, LEAST_RANGE).astype(np.float32)  # twice the span: half of the levels are used
        ends = ops.constant(-half), ops.constant(half)
        node.input(1).replace_source_output(ops.fake_quantize(weight, *ends, *ends, WEIGHT_LEVELS).output(0))
    for activation, low, high in zip(activations, ranges.low, ranges.high, strict=True):
        shape = [1, -1, *[1] * (len(activation.value.partial_shape) - 2)]
        ends = ops.constant(low.reshape(shape)), ops.constant(high.reshape(shape))
        output = ops.fake_quantize(activation.value, *ends, *ends, LEVELS).output(0)
        for reader in activation.readers:
            reader.replace_source_output(output)
    rounded.validate_nodes_and_infer_types()
    return rounded


def _check_same(ranges: Ranges, model: Any, activations: list[_Activation]) -> None:
    sizes, structure = [activation.channels for activation in activations], _structure(model)
    if (
        sizes != [len(low) for low in ranges.low]
        or structure != ranges.structure
        or not np.allclose(_weight_sizes(activations), ranges.weights, rtol=SAME_WEIGHTS, atol=0)
    ):
        raise SourceError(
            "The int8 ranges are those of another body, or of one that another release of OpenVINO converted: they are "
            f"of {len(ranges.low)} activations of the graph {ranges.structure}, and this OpenVINO "
            f"({package_version('openvino')}) makes {len(sizes)} of the graph {structure}; fit the model again."
        )


def _structure(model: Any) -> str:
    """16 digits of each operation's type, shapes and inputs, in the order of the graph; names and weights don't count.

    The order of the operations that read constants counts, and that of the constants themselves doesn't.
    """
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() != "Constant"]
    place = {node.friendly_name: number for number, node in enumerate(nodes)}
    described = [
        [
            node.get_type_name(),
            [str(output.partial_shape) for output in node.outputs()],
            [_origin(value, place) for value in node.input_values()],
        ]
        for node in nodes
    ]
    return recipe_key(described)[:STRUCTURE]


def _origin(value: Any, place: Mapping[str, int]) -> list[Any]:
    number = place.get(value.get_node().friendly_name)
    return [value.get_index(), number] if number is not None else ["constant", str(value.partial_shape)]


def _weight_sizes(activations: list[_Activation]) -> NDArray[np.float32]:
    """For each activation, the mean size of the weights of the first convolution that reads it; 0 without one."""
    return np.array([next(map(_weight_size, filter(_is_weighted, one.nodes)), 0.0) for one in activations], np.float32)


def _weight_size(node: Any) -> float:
    return float(np.abs(np.asarray(node.input_value(1).get_node().data, np.float64)).mean())


def _folded(model: Any) -> Any:
    """A copy whose weights are constants: converted ones pass through reshapes, which would not be rounded."""
    from openvino.passes import ConstantFolding, Manager

    copied = model.clone()
    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(copied)
    return copied


def _is_constant(value: Any) -> bool:
    return bool(value.get_node().get_type_name() == "Constant")


def _weighted(model: Any) -> list[Any]:
    """The convolutions with constant weights, in the order of the graph, without those that only take means."""
    return [node for node in model.get_ordered_ops() if _is_weighted(node)]


def _is_weighted(node: Any) -> bool:
    if node.get_type_name() not in CONVOLUTIONS or not _is_constant(node.input_value(1)):
        return False
    weight = np.asarray(node.input_value(1).get_node().data)
    return bool(np.ptp(weight) > 0)  # pooling is a depthwise convolution with equal weights, and stays exact


def _activations(model: Any) -> list[_Activation]:
    """What convolutions and sums of two maps read; a value that several of them read is rounded once."""
    found: dict[tuple[str, int], _Activation] = {}
    for node in model.get_ordered_ops():
        name = node.get_type_name()
        if _is_weighted(node):
            weight = node.input_value(1).get_shape()
            _note(found, node.input(0), name == "GroupConvolution" and weight[1] == weight[2] == 1)
        elif name == "Add" and _adds_maps(node):
            _note(found, node.input(0), False)
            _note(found, node.input(1), False)
    return list(found.values())


def _note(found: dict[tuple[str, int], _Activation], reader: Any, by_channel: bool) -> None:
    value = reader.get_source_output()
    key = (value.get_node().friendly_name, value.get_index())
    activation = found.setdefault(key, _Activation(value, [], by_channel=True))
    activation.readers.append(reader)
    activation.by_channel &= by_channel


def _adds_maps(node: Any) -> bool:
    values = [node.input_value(k) for k in (0, 1)]
    shapes = [value.partial_shape for value in values]
    return (
        not any(map(_is_constant, values))
        and all(len(shape) == 4 for shape in shapes)
        and str(shapes[0]) == str(shapes[1])
    )
