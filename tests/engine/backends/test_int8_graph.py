"""Quantisation to int8: ranges that follow from items, and a graph that they determine."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_bodies import forward, pictures, small
from torch import nn

from headstart.engine.backends.int8_graph import Ranges, measure_ranges, quantised
from headstart.engine.backends.interface import Refused
from headstart.engine.backends.openvino import OpenVino
from headstart.engine.backends.openvino_graph import convert
from headstart.errors import SourceError

ZERO, ONE = np.zeros(1, np.float32), np.ones(1, np.float32)


def cosine(one, other):
    return float(((one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)).min())


def converted(body=None):
    return convert(small() if body is None else body, forward, pictures(2), lengths=False)


def test_rows_in_int8_are_near_the_exact_ones_and_not_the_same():
    model, items = converted(), pictures(16)
    exact = OpenVino(model, "fp32")(items)
    rounded = OpenVino(quantised(model, measure_ranges(model, [items])), "int8")(items)
    assert 0.99 < cosine(exact, rounded) < 1
    assert not np.array_equal(exact, rounded)


def test_a_row_in_int8_depends_on_its_item_alone():
    model, items = converted(), pictures(6)
    body = OpenVino(quantised(model, measure_ranges(model, [items])), "int8")
    assert np.array_equal(body(items)[2:3], body(items[2:3]))


def test_ranges_are_the_extremes_over_all_batches_with_zero_as_a_level():
    """An independent reference: what the first convolution reads are the items themselves."""
    items = pictures(12)
    ranges = measure_ranges(converted(), [items[:5], items[5:]])
    low, high = float(ranges.low[0][0]), float(ranges.high[0][0])
    step = (high - low) / 255
    assert abs(low - items.min()) <= step
    assert abs(high - items.max()) <= step
    assert abs(round(low / step) - low / step) < 1e-3


def test_a_depthwise_convolution_is_rounded_by_channel():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3, groups=6)).eval()
    ranges = measure_ranges(converted(body), [pictures(4)])
    assert [len(low) for low in ranges.low] == [1, 6]


def test_a_sum_of_two_maps_is_rounded_on_both_sides():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x):
            x = self.first(x)
            return x + self.second(x)

    torch.manual_seed(0)
    assert len(measure_ranges(converted(Residual().eval()), [pictures(4)]).low) == 3  # items, x (read twice), second(x)


def test_a_body_without_convolutions_is_refused():
    with pytest.raises(Refused, match="no convolution"):
        measure_ranges(converted(nn.ReLU()), [pictures(2)])


def test_activations_that_are_not_finite_are_refused():
    items = pictures(2)
    items[0, 0, 0, 0] = np.inf
    with pytest.raises(Refused, match="not finite"):
        measure_ranges(converted(), [items])


def test_ranges_of_another_body_are_refused():
    ranges = measure_ranges(converted(), [pictures(2)])
    with pytest.raises(SourceError, match="another body"):
        quantised(converted(nn.Conv2d(3, 4, 3).eval()), ranges)


def test_ranges_survive_their_arrays():
    ranges = measure_ranges(converted(), [pictures(2)])
    assert Ranges.from_arrays(ranges.to_arrays()).digest == ranges.digest


def two_branches(first, second):
    """Two convolutions of the same shapes read the items and one ReLU of them; which reads what differs."""

    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.layers = nn.ModuleList([nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)])
            with torch.no_grad():
                self.layers[1].weight *= 2

        def forward(self, x):
            return self.layers[first](x) + self.layers[second](x.relu())

    return Branches().eval()


def test_another_graph_with_as_many_activations_of_the_same_sizes_is_refused():
    """An activation is matched by the structure of the graph, not by its number: here only a ReLU moves."""
    early = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)).eval()
    late = nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), nn.Conv2d(3, 3, 3)).eval()
    ranges, other = (measure_ranges(converted(body), [pictures(4)]) for body in (early, late))
    assert [len(low) for low in ranges.low] == [len(low) for low in other.low]
    with pytest.raises(SourceError, match="another release of OpenVINO"):
        quantised(converted(late), ranges)


def test_the_same_graph_with_exchanged_weights_is_refused():
    """What exchanges two branches of one structure is seen by the weights that read each activation."""
    ranges, other = (measure_ranges(converted(two_branches(*order)), [pictures(4)]) for order in ((0, 1), (1, 0)))
    assert ranges.structure == other.structure
    with pytest.raises(SourceError, match="another release of OpenVINO"):
        quantised(converted(two_branches(1, 0)), ranges)


def test_weights_that_differ_in_the_last_bits_are_the_same_body():
    model = converted()
    found = measure_ranges(model, [pictures(4)])
    quantised(model, replace(found, weights=found.weights * np.float32(1 + 1e-5)))


@pytest.mark.parametrize(
    "hostile",
    [
        {"low.0": None},
        {"high.0": None},
        {"weights": None},
        {"structure": None},
        {"more": ONE},
        {"low.0": np.full(1, np.nan, np.float32)},
        {"high.0": np.full(1, np.inf, np.float32)},
        {"high.0": ZERO},
        {"low.0": np.zeros(2, np.float32)},
        {"low.0": np.zeros((1, 1), np.float32), "high.0": np.ones((1, 1), np.float32)},
        {"low.0": np.zeros(1), "high.0": np.ones(1)},
        {"low.0": np.zeros(0, np.float32), "high.0": np.zeros(0, np.float32)},
        {"weights": np.ones(2, np.float32)},
        {"weights": np.full(1, np.nan, np.float32)},
        {"structure": np.zeros(16, np.uint8)},
        {"structure": np.frombuffer(b"0123", np.uint8)},
        {"structure": np.full(16, 0xFF, np.uint8)},
        {"structure": ONE},
    ],
)
def test_hostile_ranges_are_refused(hostile):
    sound = {"low.0": ZERO, "high.0": ONE, "weights": ONE, "structure": np.frombuffer(b"0123456789abcdef", np.uint8)}
    assert Ranges.from_arrays(sound)
    changed = {name: part for name, part in (sound | hostile).items() if part is not None}
    with pytest.raises(SourceError):
        Ranges.from_arrays(changed)
