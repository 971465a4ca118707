"""The decoder in front of a graph: the pixels of the file as the model reads them, or the word that it is not read."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from headstart.data.media.readers import read_image
from headstart.export.graph.encoded_pictures import encoded_picture_front
from headstart.export.graph.operators import EXTENSIONS
from headstart.sources.bodies.seeded import example_pictures

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
extensions = pytest.importorskip("onnxruntime_extensions")
PICTURE = Image.fromarray(example_pictures(1)[0])


@pytest.fixture(scope="module")
def decoder():
    from onnx import TensorProto, helper

    ops, known = encoded_picture_front("pixels")
    given = helper.make_tensor_value_info("encoded", TensorProto.UINT8, ["bytes"])
    found = [
        helper.make_tensor_value_info("pixels", TensorProto.UINT8, None),
        helper.make_tensor_value_info(known, TensorProto.BOOL, None),
    ]
    graph = helper.make_graph(ops.nodes, "decoder", [given], found, ops.constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(EXTENSIONS, 1)]
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(extensions.get_library_path())
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return lambda raw: session.run(None, {"encoded": np.frombuffer(raw, np.uint8)})


def encoded(picture, form, **options):
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def exif(orientation):
    found = Image.Exif()
    found[274] = orientation
    return found


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
def test_opaque_png_files_have_the_pixels_that_the_model_reads(decoder, mode):
    raw = encoded(PICTURE.convert(mode), "PNG")
    pixels, known = decoder(raw)
    assert known.tolist() == [True]
    np.testing.assert_array_equal(pixels[0], np.asarray(read_image(raw)))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": exif(1)}])
def test_jpeg_files_with_all_colours_differ_by_one_at_most(decoder, options):
    raw = encoded(PICTURE, "JPEG", subsampling=0, **options)
    pixels, known = decoder(raw)
    assert known.tolist() == [True]
    assert np.abs(pixels[0].astype(int) - np.asarray(read_image(raw)).astype(int)).max() <= 1


def unread():
    half = PICTURE.convert("RGBA")
    half.putalpha(100)
    jpeg = encoded(PICTURE, "JPEG")
    xmp = b'<x tiff:Orientation="6"/>'
    return {
        "turned": encoded(PICTURE, "JPEG", exif=exif(6)), "turned by XMP": encoded(PICTURE, "JPEG", xmp=xmp),
        "mirrored PNG": encoded(PICTURE, "PNG", exif=exif(2)),
        "colours of print": encoded(PICTURE.convert("CMYK"), "JPEG"),
        "alpha": encoded(half, "PNG"), "grey with alpha": encoded(half.convert("LA"), "PNG"),
        "transparent colour": encoded(PICTURE, "PNG", transparency=(1, 2, 3)),
        "16 bits": encoded(Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)), "PNG"),
        "cut": jpeg[: len(jpeg) // 2], "GIF": encoded(PICTURE, "GIF"), "WebP": encoded(PICTURE, "WEBP"),
        "text": b"no picture", "two bytes": b"\xff\xd9", "one byte": b"\xff", "nothing": b"",
    }  # fmt: skip


UNREAD = unread()


@pytest.mark.parametrize("name", UNREAD)
def test_files_that_would_be_read_otherwise_are_recognised(decoder, name):
    """A cut JPEG makes the decoder of the extension run forever, and another format ends its process."""
    assert decoder(UNREAD[name])[1].tolist() == [False]
