"""Axes and switches of layers: what would be computed otherwise than in Keras is refused."""

import pytest

from headstart.errors import SourceError
from headstart.sources.keras_bodies.layers import ON_AXIS, make_layer

SHAPES = {4: (1, 3, 8, 8), 2: (1, 3)}


@pytest.mark.parametrize("kind", ON_AXIS)
@pytest.mark.parametrize(
    ("ndim", "axis"), [(4, 1), (4, 2), (4, 0), (4, -2), (4, [1]), (4, [1, 2]), (4, [-1, 1]), (2, 0), (2, 3), (4, "all")]
)
def test_another_axis_than_the_last_is_refused(kind, ndim, axis):
    """Kind: each layer that has an axis, each axis of maps and rows, alone and in lists."""
    with pytest.raises(SourceError, match="only the last axis can be read"):
        make_layer(kind, {"axis": axis}, SHAPES[ndim])


@pytest.mark.parametrize("kind", ON_AXIS)
@pytest.mark.parametrize(("ndim", "axis"), [(4, -1), (4, 3), (4, [3]), (4, [-1]), (2, -1), (2, 1), (2, [1])])
def test_the_last_axis_is_read(kind, ndim, axis):
    make_layer(kind, {"axis": axis}, SHAPES[ndim])


@pytest.mark.parametrize(("kind", "switch"), [("Normalization", "invert"), ("LayerNormalization", "rms_scaling")])
def test_layers_that_compute_something_else_are_refused(kind, switch):
    make_layer(kind, {switch: False}, SHAPES[4])
    with pytest.raises(SourceError, match=f"has the setting '{switch}', which cannot be read"):
        make_layer(kind, {switch: True}, SHAPES[4])
