"""The operators in front of a picture graph, run by onnxruntime, against Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from headstart.errors import SourceError
from headstart.export.graph.pictures import picture_front, refuse_transform
from headstart.sources.preprocessing.picture_transform import PictureTransform

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

SIZES = [(300, 400), (401, 233), (64, 64), (50, 700), (37, 41)]


def session(transform):
    nodes, constants = picture_front(transform, "crop")
    kind = onnx.TensorProto.UINT8
    given = onnx.helper.make_tensor_value_info("pixels", kind, ["n", "height", "width", 3])
    found = onnx.helper.make_tensor_value_info("crop", kind, ["n", *transform.size, 3])
    graph = onnx.helper.make_graph(nodes, "front", [given], [found], constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString())


def picture(height, width):
    small = np.random.default_rng(height).integers(0, 255, (height // 4 + 2, width // 4 + 2, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    "transform",
    [
        PictureTransform((224, 224), (256, 256)),
        PictureTransform((224, 224), (256, 256), interpolation="bilinear"),
        PictureTransform((64, 64), (64, 64), "stretch"),
        PictureTransform((30, 40), (50, 60), "cover", floor=True),
        PictureTransform((64, 64), (64, 64), "inside", fill=(10, 200, 30)),
        PictureTransform((50, 50), (50, 50), "none", fill=(1, 2, 3)),
        PictureTransform((70, 70), (64, 64)),
    ],
    ids=lambda one: f"{one.fit} {one.interpolation} {one.size[0]}",
)
def test_the_operators_resize_and_crop_as_pillow_does_to_one_grey_level(transform):
    nodes, constants = picture_front(transform, "crop")
    assert {one.name for one in constants} <= {
        name for node in nodes for name in node.input
    }  # the runtime warns of others
    run = session(transform)
    for height, width in SIZES:
        pixels = picture(height, width)
        found = run.run(None, {"pixels": np.stack([pixels, pixels[::-1]])})[0]
        for one, wanted in zip(found, (transform.prepare(pixels), transform.prepare(pixels[::-1])), strict=True):
            gaps = np.abs(one.astype(int) - wanted.astype(int))
            assert one.shape == wanted.shape
            assert gaps.max() <= 1, (height, width)
            assert (gaps > 0).mean() < 0.005, (height, width)


def test_a_filter_that_no_operator_has_is_refused():
    with pytest.raises(SourceError, match="this source needs 'hamming'"):
        refuse_transform(PictureTransform((4, 4), (4, 4), interpolation="hamming"), "onnx")
    refuse_transform(PictureTransform((4, 4), (4, 4), "none", interpolation="hamming"), "onnx")
