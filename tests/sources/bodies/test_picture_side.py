"""Image bodies at another input size: names, facts, keys and saved references."""

import numpy as np
import pytest

from headstart.errors import SourceError
from headstart.sources import describe, open_saved, open_source
from headstart.sources.bodies.picture_side import split_side
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import SourceInfo

PICTURES = [np.random.default_rng(seed).integers(0, 255, (90, 120, 3), dtype=np.uint8) for seed in range(3)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("headstart:image@96", ("headstart:image", 96)),
        ("timm:resnet18.a1_in1k@160", ("timm:resnet18.a1_in1k", 160)),
        ("local:no such/folder@160", ("local:no such/folder", 160)),
        ("hf:org/name@160", ("hf:org/name@160", None)),
        ("fused:a@160", ("fused:a@160", None)),
        ("headstart:image@", ("headstart:image@", None)),
        ("headstart:image@large", ("headstart:image@large", None)),
        ("vector", ("vector", None)),
    ],
)
def test_the_ending_is_read_off_names_of_bodies_that_have_it(name, expected):
    assert split_side(name) == expected


@pytest.mark.parametrize("side", ["0", "31", "1025", "999999999"])
def test_sizes_out_of_range_are_one_sentence(side):
    with pytest.raises(SourceError, match=rf"asks for pictures of {side} pixels a side; give 32 to 1024\.$"):
        open_source(f"headstart:image@{side}")


def test_a_path_that_exists_keeps_its_ending(tmp_path):
    (tmp_path / "body@160").mkdir()
    assert split_side(f"local:{tmp_path / 'body@160'}")[1] is None
    assert split_side(f"local:{tmp_path / 'other'}@160")[1] == 160


def test_facts_keys_and_rows_belong_to_the_size():
    own, large = open_source("headstart:image"), open_source("headstart:image@96")
    assert large.info.name == describe("headstart:image@96").name == "headstart:image@96"
    assert (
        list(describe("headstart:image@96").input["input_size"]) == list(large.info.input["input_size"]) == [3, 96, 96]
    )
    assert (large.prepare(PICTURES[0]).shape, own.prepare(PICTURES[0]).shape) == ((96, 96, 3), (64, 64, 3))
    assert large.body_key != own.body_key
    assert large.info.sha256 == own.info.sha256
    assert np.abs(large.encode(PICTURES) - own.encode(PICTURES)).max() > 0.01


def test_its_own_size_is_the_source_itself():
    assert open_source("headstart:image@64").body_key == open_source("headstart:image").body_key
    assert open_source("headstart:image@64").info.name == describe("headstart:image@64").name == "headstart:image"


def test_a_model_keeps_the_size_by_name_or_in_its_folder(tmp_path):
    large = open_source("headstart:image@96")
    reference = large.save(tmp_path / "named")
    assert reference == {"name": "headstart:image@96", "sha256": large.info.sha256}
    assert open_saved(reference, tmp_path / "named", "image").body_key == large.body_key
    moved = large.with_module(large.trainable().module, "moved")
    again = open_saved(moved.save(tmp_path / "moved"), tmp_path / "moved", "image")
    assert again.prepare(PICTURES[0]).shape == (96, 96, 3)
    assert large.untrained(0).prepare(PICTURES[0]).shape == large.with_layers("last").prepare(PICTURES[0]).shape


def test_sounds_are_read_at_the_size(tmp_path):
    heard = open_source("headstart:image@96", modality="audio")
    assert heard.info.name == "headstart:image@96"
    reference = heard.save(tmp_path / "kept")
    assert open_saved(reference, tmp_path / "kept", "audio").info == heard.info


def test_a_checkpoint_folder_has_the_ending_too(tmp_path):
    spec = TimmSpec("test_resnet", pretrained_cfg={"input_size": (3, 64, 64)})
    TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image")).save(tmp_path / "body")
    name = f"local:{tmp_path / 'body'}@96"
    assert open_source(name).prepare(PICTURES[0]).shape == (96, 96, 3)
    assert describe(name).input["input_size"] == (3, 96, 96)


def test_bodies_of_a_fixed_size_and_of_other_items_are_refused():
    with pytest.raises(SourceError, match=r"'headstart:text' cannot read pictures of 160.*leave '@160' out\.$"):
        describe("headstart:text@160")
    spec = TimmSpec("test_vit", {"dynamic_img_size": False}, pretrained_cfg={"input_size": (3, 160, 160)})
    fixed = TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))
    with pytest.raises(SourceError, match=r"'tiny' cannot read pictures of 96 pixels a side \(.*\); leave '@96' out"):
        fixed.with_side(96)
