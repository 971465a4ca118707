"""timm and local image bodies: preprocessing, blocks, saving, untrained copies."""

import json
import shutil

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from headstart.errors import DigestError, ItemError, ModelFolderError, SourceError
from headstart.sources.local import open_local
from headstart.sources.registry import describe, open_source
from headstart.sources.timm_source import TimmSource, TimmSpec, block_names, build
from headstart.types import SourceInfo


def test_preprocessing_is_timms_own(pair, pictures):
    source = open_local(pair)
    transform = timm.data.create_transform(
        input_size=(3, 96, 96), mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3), interpolation="bicubic", crop_pct=0.875
    )
    for path in pictures:
        with Image.open(path) as picture:
            torch.testing.assert_close(source.prepare(path), transform(picture.convert("RGB")), atol=0, rtol=0)


def test_features_are_the_bodys_own(pair, pictures):
    source = open_local(pair)
    model = timm.create_model("test_resnet", num_classes=5).eval()
    model.load_state_dict(load_file(pair))
    x = torch.stack([source.prepare(path) for path in pictures])
    with torch.inference_mode():
        maps = model.forward_intermediates(x, intermediates_only=True)
        wanted = [m.mean((2, 3)) for m in maps] + [model.forward_head(model.forward_features(x), pre_logits=True)]
    rows, begin = source.encode(pictures), 0
    assert len(source.info.blocks) == len(wanted)
    for block, plain in zip(source.info.blocks, wanted, strict=True):
        found = torch.from_numpy(rows[:, begin : begin + block.width])
        assert torch.nn.functional.cosine_similarity(found, plain).min() > 0.999, block
        begin += block.width
    assert begin == rows.shape[1]


def test_info_is_complete(pair):
    info = open_local(pair).info
    assert (info.num_features, info.license, info.architecture, info.modality) == (96, "MIT", "test_resnet", "image")
    assert info.blocks[-1].width == info.num_features
    assert info.input["interpolation"] == "bicubic"
    assert info.parameters > 0


@pytest.mark.parametrize(
    "architecture", ["test_vit", "test_resnet", "test_efficientnet", "test_convnext", "test_mambaout"]
)
def test_saved_bodies_reload_with_the_same_bits(architecture, pictures, tmp_path):
    spec = TimmSpec(architecture, {"num_classes": 7}, {"input_size": (3, 160, 160), "license": "mit"})
    torch.manual_seed(0)
    source = TimmSource(spec, build(spec), SourceInfo("tiny", "image"))
    assert source.save(tmp_path / "kept") == {"name": "local:."}
    again = open_source(f"local:{tmp_path / 'kept'}")
    np.testing.assert_array_equal(source.encode(pictures), again.encode(pictures))
    assert again.info.license == "mit"
    assert describe(f"local:{tmp_path / 'kept'}").num_features == source.info.num_features


def test_saved_bodies_load_in_plain_timm(pair, tmp_path):
    open_local(pair).save(tmp_path)
    model = timm.create_model(f"local-dir:{tmp_path}", pretrained=True)
    torch.testing.assert_close(dict(model.state_dict()), load_file(pair))


def test_untrained_is_random_and_settled_by_its_seed(pair, pictures):
    source = open_local(pair)
    first, same, other = (source.untrained(seed).encode(pictures) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)
    assert source.untrained(0).info.name != source.info.name
    state = torch.random.get_rng_state()
    source.untrained(5)
    assert torch.equal(state, torch.random.get_rng_state())


def test_nhwc_blocks_are_pooled_over_space():
    spec = TimmSpec("swin_tiny_patch4_window7_224", {"depths": (1, 1, 1, 1), "embed_dim": 24})
    source = TimmSource(spec, build(spec), SourceInfo("swin", "image"))
    assert [block.width for block in source.info.blocks] == [24, 48, 96, 192, 192]


def test_containers_give_all_their_children():
    assert block_names(build(TimmSpec("mobilenetv2_100"))) == [f"blocks.{k}" for k in range(7)]


@pytest.mark.parametrize("item", [None, 3, "no-such-file.jpg", np.zeros((2, 2, 9)), b"no picture"])
def test_nonsense_items(pair, item):
    with pytest.raises(ItemError):
        open_local(pair).prepare(item)


def edited(pair, folder, **changes):
    """A copy of the checkpoint whose JSON is changed; None removes a key."""
    shutil.copy(pair, folder / "tiny.safetensors")
    facts = {**json.loads(pair.with_suffix(".json").read_text()), **changes}
    (folder / "tiny.json").write_text(json.dumps({key: value for key, value in facts.items() if value is not None}))
    return folder / "tiny.safetensors"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "CIFAR ResNet, option A"}, "timm has no architecture 'CIFAR ResNet"),
        ({"architecture": None}, "must name a timm architecture"),
        ({"num_classes": 9}, "do not fit timm's 'test_resnet'"),
        ({"timm_kwargs": {"nonsense": 1}}, "cannot build 'test_resnet'"),
        ({"timm_kwargs": 3}, "must name a timm architecture"),
    ],
)
def test_bad_checkpoints_are_one_sentence(pair, tmp_path, changes, words):
    with pytest.raises(SourceError, match=words) as caught:
        open_local(edited(pair, tmp_path, **changes))
    assert "\n" not in str(caught.value)


def test_other_weights_than_promised_are_refused(pair, tmp_path):
    with pytest.raises(DigestError, match="was promised"):
        open_local(edited(pair, tmp_path, sha256="0" * 64))


def test_without_a_promise_the_digest_is_found(pair, tmp_path):
    assert open_local(edited(pair, tmp_path, sha256=None)).info.sha256 == open_local(pair).info.sha256


def test_weights_without_their_json(pair, tmp_path):
    shutil.copy(pair, tmp_path / "alone.safetensors")
    with pytest.raises(SourceError, match=r"has no 'alone\.json' beside it"):
        open_local(tmp_path / "alone.safetensors")


def test_a_damaged_json(pair, tmp_path):
    shutil.copy(pair, tmp_path / "tiny.safetensors")
    (tmp_path / "tiny.json").write_text("{")
    with pytest.raises(ModelFolderError, match="not valid JSON"):
        open_local(tmp_path / "tiny.safetensors")


def test_a_damaged_safetensors_file(pair, tmp_path):
    path = edited(pair, tmp_path, sha256=None)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(SourceError, match="do not fit"):
        open_local(path)


def test_other_files_and_folders_are_no_checkpoints(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"x")
    with pytest.raises(SourceError, match="no checkpoint that can be opened"):
        open_local(tmp_path / "weights.pth")
    with pytest.raises(SourceError, match="no checkpoint folder"):
        open_local(tmp_path)


def test_a_folder_with_one_pair_opens(pair):
    assert open_local(pair.parent).info.architecture == "test_resnet"


def test_a_timm_folder_with_pickled_weights_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "test_resnet"}))
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(SourceError, match="pickled weights are never read"):
        open_local(tmp_path)


def test_fp16_weights_run_in_fp32(pair, tmp_path, pictures):
    halved = {k: v.half() if v.ndim == 4 else v for k, v in load_file(pair).items()}
    path = edited(pair, tmp_path, sha256=None)
    save_file(halved, path)
    source = open_local(path)
    source.save(tmp_path / "kept")
    np.testing.assert_array_equal(source.encode(pictures), open_local(tmp_path / "kept").encode(pictures))


@pytest.mark.realdata
def test_imagenet_weights_tell_ants_from_bees(real_data, tmp_path):
    import tarfile

    from sklearn.linear_model import RidgeClassifierCV

    with tarfile.open(real_data / "images" / "hymenoptera.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    source = open_source(f"local:{real_data / 'weights' / 'mobilenetv2_100.tf_in1k.safetensors'}")
    train = sorted(tmp_path.rglob("train/*/*.jpg"))[::3]
    val = sorted(tmp_path.rglob("val/*/*.jpg"))[::3]
    last = slice(-source.info.num_features, None)
    head = RidgeClassifierCV(np.logspace(-2, 4, 7)).fit(source.encode(train)[:, last], [p.parent.name for p in train])
    assert head.score(source.encode(val)[:, last], [p.parent.name for p in val]) > 0.9


@pytest.mark.realdata
def test_bodies_of_other_libraries_are_refused_in_one_sentence(real_data):
    with pytest.raises(SourceError, match="timm has no architecture"):
        open_source(f"local:{real_data / 'weights' / 'cifar10_resnet20.safetensors'}")
