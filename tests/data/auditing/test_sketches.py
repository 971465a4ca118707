"""What an audit says of how pictures are stored."""

import io

import numpy as np
from PIL import Image

from headstart.data import audit, read
from headstart.data.auditing.sketches import Sketch, sketch_image


def save(root, name, values):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def deep(seed, most):
    return np.random.default_rng(seed).integers(0, most, (24, 24)).astype(np.uint16)


def test_pictures_of_one_depth(tmp_path):
    for seed in range(4):
        save(tmp_path, f"{'ab'[seed % 2]}/{seed}.png", deep(seed, 4000))
    found = {finding.kind: finding for finding in audit(read(tmp_path)).findings}
    assert found["deep_pictures"].message == "4 pictures have more than 8 bits per channel: white is 4095."
    assert found["deep_pictures"].severity == "info"


def test_pictures_of_several_depths_are_a_warning(tmp_path):
    for seed in range(4):
        save(tmp_path, f"{'ab'[seed % 2]}/{seed}.png", deep(seed, (4000, 4000, 1000, 60000)[seed]))
    found = {finding.kind: finding for finding in audit(read(tmp_path)).findings}
    assert found["deep_pictures"].message.startswith(
        "4 pictures have more than 8 bits per channel: white is 1023 in 1 and 4095 in 2 and 65535 in 1, so the"
    )
    assert found["deep_pictures"].severity == "warning"


def test_pages_are_said(tmp_path):
    for seed in range(4):
        save(tmp_path, f"{'ab'[seed % 2]}/{seed}.png", deep(seed, 255).astype(np.uint8))
    pages = [Image.fromarray(deep(seed, 255).astype(np.uint8)) for seed in (7, 8, 9)]
    pages[0].save(tmp_path / "a" / "scan.tif", save_all=True, append_images=pages[1:])
    found = {finding.kind: finding for finding in audit(read(tmp_path)).findings}
    assert found["several_pages"].message == "1 file contains several pages or frames, of which only the first is read."
    assert found["several_pages"].examples == ("a/scan.tif",)


def test_a_sketch_keeps_how_a_picture_is_stored():
    file = io.BytesIO()
    Image.fromarray(deep(0, 60000)).save(file, "PNG")
    sketch = sketch_image(file.getvalue())
    again = Sketch.from_row(sketch.to_row())
    assert (again.white, again.has_more, again.size, again.flat) == (65535.0, False, sketch.size, False)
    assert (again.grid == sketch.grid).all()
