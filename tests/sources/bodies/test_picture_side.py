"""Image bodies at another input size: names, facts, keys and saved references."""

import json
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
from command_line import pictures as picture_folder
from command_line import sounds as sound_folder
from PIL import Image
from torch.testing import assert_close

from headstart.errors import DigestError, MissingExtraError, SourceError
from headstart.model.transfer_model import TransferModel
from headstart.sources import describe, open_saved, open_source
from headstart.sources.bodies.picture_side import split_side
from headstart.sources.bodies.weights import Weights
from headstart.sources.fused import FusedSource
from headstart.sources.spectrogram import PictureSettings, Spectrogram
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.transfer import fit
from headstart.types import SourceInfo

PICTURES = [np.random.default_rng(seed).integers(0, 255, (90, 120, 3), dtype=np.uint8) for seed in range(3)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("headstart:image@96", ("headstart:image", 96)),
        ("timm:resnet18.a1_in1k@160", ("timm:resnet18.a1_in1k", 160)),
        ("local:no such/folder@160", ("local:no such/folder@160", None)),
        ("local:@160", ("local:@160", None)),
        ("fused:a@160", ("fused:a@160", None)),
        ("toy@160", ("toy@160", None)),
        ("vector", ("vector", None)),
        ("keras:VGG16", ("keras:VGG16", None)),
    ],
)
def test_the_ending_is_read_off_names_of_bodies_that_have_it(name, expected):
    assert split_side(name) == expected


@pytest.mark.parametrize(
    "side", ["0", "7", "31", "1025", "999999999", "big", "", "-160", "160.0", "0160", "160x160", "\uff11\uff16\uff10"]
)
@pytest.mark.parametrize("ask", [open_source, describe])
def test_sizes_that_cannot_be_are_one_sentence(ask, side, pair):
    for name in ("headstart:image", f"local:{pair}"):
        with pytest.raises(SourceError, match=r"a whole number of pixels a side, 32 to 1024\. Got '.*' out\.$"):
            ask(f"{name}@{side}")


@pytest.mark.parametrize("ask", [open_source, describe])
@pytest.mark.parametrize("name", ["headstart:text", "hf:google/vit-base-patch16-224", "keras:VGG16"])
def test_sources_without_a_size_are_refused_before_anything_is_fetched(ask, name, monkeypatch):
    monkeypatch.setattr("headstart.sources.hf.fetch_repository", lambda _: pytest.fail("it was fetched"))
    with pytest.raises(SourceError, match=rf"'{name}' cannot read pictures of 160 .*leave '@160' out\.$"):
        ask(f"{name}@160")


def test_a_path_that_exists_keeps_its_ending(tmp_path):
    (tmp_path / "body@160").mkdir()
    assert split_side(f"local:{tmp_path / 'body@160'}")[1] is None
    (tmp_path / "other").mkdir()
    assert split_side(f"local:{tmp_path / 'other'}@160") == (f"local:{tmp_path / 'other'}", 160)
    assert split_side(f"local:{tmp_path / 'body@160'}@96") == (f"local:{tmp_path / 'body@160'}", 96)
    for missing in ("none@160", "none"):
        with pytest.raises(SourceError, match="There is no checkpoint"):
            open_source(f"local:{tmp_path / missing}")


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


@pytest.mark.parametrize("error", [SourceError, DigestError, MissingExtraError])
def test_weights_that_cannot_be_read_are_not_blamed_on_the_size(error):
    """Bad files: the sentence is that of the weights, though some of its classes are ValueErrors."""

    def damaged():
        raise error("The weights are damaged", "photo") if error is MissingExtraError else error("The weights: damaged")

    spec = TimmSpec("test_resnet", pretrained_cfg={"input_size": (3, 64, 64)})
    source = TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))
    broken = TimmSource(spec, Weights("f" * 64, damaged), source.info, facts=source._facts)
    with pytest.raises(error, match=r"^The weights") as caught:
        broken.with_side(96).info  # noqa: B018 - the facts of the size are measured on the body
    assert "cannot read pictures" not in str(caught.value)


def test_the_size_of_an_opened_source_can_change_again(tmp_path):
    source = open_source("headstart:image@96")
    assert source.with_side(128).info.name == "headstart:image@128"
    assert source.with_side(64).body_key == open_source("headstart:image").body_key
    assert [block.name for block in source.only_blocks(["layer2"]).with_side(128).info.blocks] == ["layer2"]
    source.with_layers("last").save(tmp_path / "body@96")
    assert open_source(f"local:{tmp_path}/body@96").with_side(128).info.name == f"local:{tmp_path}/body@96@128"


def test_the_rows_are_those_of_the_body_on_pictures_of_that_size(pair, pictures):
    small = open_source(f"local:{pair}@64")
    assert small.prepare(pictures[0]).shape == (64, 64, 3)
    transform = timm.data.create_transform(**{**open_source(f"local:{pair}").info.input, "input_size": (3, 64, 64)})
    plain = torch.stack([transform(Image.open(path).convert("RGB")) for path in pictures])
    module, _ = small.body.built()
    with torch.inference_mode():
        wanted = module.forward_head(module.forward_features(plain), pre_logits=True).numpy()
    found = small.with_layers("last").encode(pictures)
    assert_close(torch.tensor(found), torch.tensor(wanted), atol=0.05, rtol=0.05)


def test_a_spectrogram_folder_has_the_ending_too(pair, sounds, tmp_path):
    source = open_source(f"local:{pair}@64", modality="audio")
    assert source.prepare(sounds[0])[0].shape == (64, 64, 3)
    again = open_saved(source.save(tmp_path / "body"), tmp_path / "body", "audio")
    np.testing.assert_array_equal(again.encode(sounds), source.encode(sounds))
    larger = open_source(f"local:{tmp_path / 'body'}@96")
    assert isinstance(larger, Spectrogram)
    assert larger.prepare(sounds[0])[0].shape == (96, 96, 3)
    assert describe(f"local:{tmp_path / 'body'}@96").input["input_size"] == (3, 96, 96)
    fine = Spectrogram(open_source("headstart:image@96"), PictureSettings(n_mels=64))
    kept = open_saved(fine.save(tmp_path / "fine"), tmp_path / "fine", "audio")
    assert kept.prepare(sounds[0])[0].shape == (96, 96, 3)


def test_fused_with_itself_at_another_size(pair, pictures, tmp_path):
    fused = FusedSource((open_source(f"local:{pair}"), open_source(f"local:{pair}@64")))
    assert len({block.name for block in fused.info.blocks}) == len(fused.info.blocks)
    again = open_saved(fused.save(tmp_path / "body"), tmp_path / "body", "image")
    np.testing.assert_array_equal(again.encode(pictures), fused.encode(pictures))


@pytest.mark.parametrize("which", ["local", "installed"])
def test_a_model_predicts_at_the_size_that_it_was_fitted_at(which, tiny_body, tmp_path):
    picture_folder(tmp_path / "photos", size=80)
    name = f"{tiny_body}@64" if which == "local" else "headstart:image@96"
    fit(tmp_path / "photos", source=name, baselines="none", out=tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["source"]["name"] == name
    model = TransferModel.load(tmp_path / "run")
    path = str(next((tmp_path / "photos").rglob("*.png")))
    code = (
        "import json; from headstart.model.transfer_model import TransferModel;"
        f"model = TransferModel.load({str(tmp_path / 'run')!r});"
        f"print(json.dumps([model.source.prepare({path!r}).shape, model.predict_proba([{path!r}]).tolist()]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    shape, chances = json.loads(found.stdout.splitlines()[-1])
    assert shape == ([64, 64, 3] if which == "local" else [96, 96, 3])
    np.testing.assert_allclose(chances, model.predict_proba([path]), atol=1e-6)


def test_every_command_takes_a_size(cli, tiny_body):
    picture_folder(cli.folder / "photos", size=80)
    sound_folder(cli.folder / "tones")
    small = f"{tiny_body}@64"
    cli.works("rank", "photos", "--sources", tiny_body, small, "--no-untrained", says=[f"{small}"])
    cli.works("embed", "photos", "--source", small, "--out", "rows.npy", says=[small])
    cli.works("embed", "tones", "--source", small, "--out", "tones.npy", says=[small])
    shown = json.loads(cli.works("sources", "show", "headstart:image@96", "--json").out)
    assert (shown["name"], shown["input"]["input_size"]) == ("headstart:image@96", [3, 96, 96])
    cli.works("fit", "photos", "--source", tiny_body, "--source", small, "--baselines", "none", "--out", "run")
    cli.works("predict", "run", "photos/ant/0.png")
    cli.refuses("fit", "photos", "--source", f"{tiny_body}@7", code=2, says=["@7'", "32 to 1024"])
