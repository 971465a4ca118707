"""Pictures opened upright and at a fraction of their size, and what is refused."""

import io
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageOps

from headstart.errors import ItemError
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.preprocessing.decode import open_picture
from headstart.sources.preprocessing.picture_transform import PictureTransform


@cache
def natural(width, height):
    whole = Image.fromarray(example_pictures(1, 256)[0])
    return whole.resize((width, height), Image.Resampling.LANCZOS, box=(0, 0, min(width, 256), min(height, 256)))


def differences(found, wanted):
    assert found.shape == wanted.shape
    return np.abs(found.astype(int) - wanted)


def jpeg(picture, **options):
    file = io.BytesIO()
    picture.save(file, "JPEG", **{"quality": 90, **options})
    return file.getvalue()


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("enough", [None, (60, 40)])
def test_pictures_stand_upright_at_any_scale(turn, enough):
    exif = Image.Exif()
    exif[0x0112] = turn
    raw = jpeg(natural(251, 173), exif=exif)
    whole = ImageOps.exif_transpose(Image.open(io.BytesIO(raw)))
    opened = open_picture(raw, enough)
    assert opened.size == whole.size
    assert (opened.image.size == whole.size) == (enough is None)
    transform = PictureTransform((20, 30), (20, 30), "stretch")
    wanted = np.asarray(whole.resize((30, 20), Image.Resampling.BICUBIC))
    assert differences(transform(opened), wanted).mean() < (1.5 if enough else 0.1)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_printers_jpegs(mode):
    picture = natural(90, 70).convert(mode)
    assert open_picture(jpeg(picture), (20, 20)).image.mode == "RGB"


@pytest.mark.parametrize("keep", [3, 500, 2500])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_truncated_jpegs_are_seen_at_any_scale(keep, options, tmp_path):
    raw = jpeg(natural(300, 300), **options)
    assert len(raw) > 3000
    (tmp_path / "cut.jpg").write_bytes(raw[:keep])
    with pytest.raises(ItemError, match=r"Cannot read '.*cut\.jpg' as a picture"):
        open_picture(tmp_path / "cut.jpg", (16, 16))


@pytest.mark.parametrize("item", [None, 3, "no-such-file.jpg", np.zeros((2, 2, 9)), b"no picture", b""])
def test_what_is_no_picture(item):
    with pytest.raises(ItemError):
        open_picture(item, (16, 16))


def test_a_picture_in_a_dict_is_named_by_its_path():
    with pytest.raises(ItemError, match=r"'a\.jpg'"):
        open_picture({"bytes": b"\xff\xd8\xffnothing", "path": "a.jpg"})


@pytest.mark.realdata
def test_real_pictures_decoded_at_a_fraction_agree_with_whole_ones(unpacked):
    paths = sorted(unpacked("images/hymenoptera.tar").rglob("*.jpg"))[::8]
    transform = PictureTransform((56, 56), (64, 64))
    means, fractions = [], 0
    for path in paths:
        fractions += open_picture(path, transform.decode_size).image.size < open_picture(path).image.size
        means.append(differences(transform.prepare(path), transform.prepare(Image.open(path))).mean())
    assert fractions > len(paths) / 2
    assert np.mean(means) <= 1
