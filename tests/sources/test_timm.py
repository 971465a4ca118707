"""timm and local image bodies: preprocessing, blocks, saving, untrained copies."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from headstart.engine.capabilities import Runtime
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import DigestError, ItemError, ModelFolderError, SourceError
from headstart.io import file_digest
from headstart.sources import timm as timm_source
from headstart.sources.local import open_local
from headstart.sources.registry import describe, open_source
from headstart.sources.spectrogram import PictureSettings, Spectrogram
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies import hub
from headstart.sources.timm_bodies.module import TimmSpec, block_names, build
from headstart.types import SourceInfo

TORCH = Engine(backend="torch", cache=False)


def on_torch(source, items):
    return extract(source, items, engine=TORCH).rows


def plain_input(source, pictures):
    """What timm's own transform makes of the pictures."""
    transform = timm.data.create_transform(**source.info.input)
    return torch.stack([transform(Image.open(path).convert("RGB")) for path in pictures])


def test_preprocessing_is_timms_own(pair, pictures):
    source = open_local(pair)
    module, forward = source.body.built()
    wanted = plain_input(source, pictures)
    with torch.inference_mode():
        expected = module.forward_head(module.forward_features(wanted), pre_logits=True)
        found = forward(module, torch.from_numpy(np.stack([source.prepare(path) for path in pictures])))[-1]
    crops = (wanted * torch.tensor([0.2, 0.25, 0.3]).view(3, 1, 1) + torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)) * 255
    for path, crop in zip(pictures, crops, strict=True):
        off = np.abs(source.prepare(path).astype(int) - crop.round().permute(1, 2, 0).numpy())
        assert off.mean() < 0.5
    assert torch.nn.functional.cosine_similarity(found, expected).min() > 0.9999


def test_features_are_the_bodys_own(pair, pictures):
    source = open_local(pair)
    model = timm.create_model("test_resnet", num_classes=5).eval()
    model.load_state_dict(load_file(pair))
    x = plain_input(source, pictures)
    with torch.inference_mode():
        maps = model.forward_intermediates(x, intermediates_only=True)
        wanted = [m.mean((2, 3)) for m in maps] + [model.forward_head(model.forward_features(x), pre_logits=True)]
    rows, begin = source.encode(pictures), 0
    assert len(source.info.blocks) == len(wanted)
    for block, plain in zip(source.info.blocks, wanted, strict=True):
        found = torch.from_numpy(rows[:, begin : begin + block.width].copy())
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
    source = TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))
    assert source.save(tmp_path / "kept") == {"name": "local:."}
    again = open_source(f"local:{tmp_path / 'kept'}")
    np.testing.assert_array_equal(on_torch(source, pictures), on_torch(again, pictures))
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
        ({"timm_kwargs": {"nonsense": 1}}, "argument 'nonsense', which a saved body may not give"),
        ({"timm_kwargs": {"embed_dim": 64}}, "cannot build 'test_resnet'"),
        ({"timm_kwargs": 3}, "must name a timm architecture"),
    ],
)
def test_bad_checkpoints_are_one_sentence(pair, tmp_path, changes, words):
    with pytest.raises(SourceError, match=words) as caught:
        open_local(edited(pair, tmp_path, **changes))
    assert "\n" not in str(caught.value)


def test_other_weights_than_promised_are_refused(pair, tmp_path):
    with pytest.raises(DigestError, match="was expected"):
        open_local(edited(pair, tmp_path, sha256="0" * 64))


def test_without_a_promise_the_digest_is_found(pair, tmp_path):
    assert open_local(edited(pair, tmp_path, sha256=None)).info.sha256 == open_local(pair).info.sha256


def test_weights_without_their_json(pair, tmp_path):
    shutil.copy(pair, tmp_path / "alone.safetensors")
    with pytest.raises(SourceError, match=r"has no 'alone\.json' next to it"):
        open_local(tmp_path / "alone.safetensors")


def test_a_damaged_json(pair, tmp_path):
    shutil.copy(pair, tmp_path / "tiny.safetensors")
    (tmp_path / "tiny.json").write_text("{")
    with pytest.raises(ModelFolderError, match="not valid JSON"):
        open_local(tmp_path / "tiny.safetensors")


def test_a_damaged_safetensors_file(pair, tmp_path):
    path = edited(pair, tmp_path, sha256=None)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(SourceError, match="are damaged"):
        open_local(path)


def test_other_files_and_folders_are_no_checkpoints(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"x")
    with pytest.raises(SourceError, match="not a checkpoint that can be opened"):
        open_local(tmp_path / "weights.pth")
    with pytest.raises(SourceError, match="not a checkpoint folder"):
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
    np.testing.assert_array_equal(on_torch(source, pictures), on_torch(open_local(tmp_path / "kept"), pictures))


def test_the_file_is_copied_as_it_is(pair, tmp_path):
    open_local(pair).save(tmp_path / "kept")
    assert (tmp_path / "kept" / "model.safetensors").read_bytes() == pair.read_bytes()
    assert open_local(tmp_path / "kept").info.sha256 == open_local(pair).info.sha256


def test_a_file_replaced_after_opening_is_refused(pair, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))  # nothing is known of its layers
    path = edited(pair, tmp_path)
    source = open_local(path)
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(DigestError):
        source.save(tmp_path / "kept")
    with pytest.raises(DigestError):
        source.with_layers("last")


def in_a_new_process(code):
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout)


@pytest.mark.slow  # the same of texts is in the quick tests
def test_the_second_process_loads_no_torch(pair, pictures, tmp_path):
    path = edited(pair, tmp_path, crop_pct=0.77)
    code = (
        "import json, sys, tempfile; from dataclasses import asdict; from pathlib import Path;"
        "from headstart.sources.registry import open_source;"
        f"source = open_source('local:{path}'); twin = source.untrained(3);"
        f"source.prepare('{pictures[0]}'); source.save(Path(tempfile.mkdtemp()));"
        "heavy = sorted({'torch', 'torchvision', 'timm', 'transformers'} & set(sys.modules));"
        "print(json.dumps([heavy, asdict(source.info), asdict(twin.info)]))"
    )
    first, second = in_a_new_process(code), in_a_new_process(code)
    assert "torch" in first[0]
    assert second[0] == []
    assert first[1:] == second[1:]
    assert second[1] == json.loads(json.dumps(asdict(open_local(path).info)))


def fake_hub(pair, folder, monkeypatch):
    """A hub's cache that holds 'test_resnet.r160_in1k' with other weights."""
    weights = folder / "weights.safetensors"
    torch.manual_seed(1)
    save_file(timm.create_model("test_resnet", num_classes=1000).state_dict(), weights)
    digest = file_digest(weights)
    place = folder / "models--timm--test_resnet.r160_in1k"
    (place / "snapshots" / "abc").mkdir(parents=True)
    (place / "blobs").mkdir()
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    weights.rename(place / "blobs" / digest)
    (place / "snapshots" / "abc" / "model.safetensors").symlink_to(place / "blobs" / digest)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(folder))
    return digest


def test_a_cached_timm_model_opens_without_timm_the_second_time(pair, tmp_path, monkeypatch):
    digest = fake_hub(pair, tmp_path, monkeypatch)
    monkeypatch.setattr(timm_source, "_pretrained", lambda _: build(TimmSpec("test_resnet")))
    source = open_source("timm:test_resnet.r160_in1k")
    assert (source.info.name, source.info.sha256, source.info.revision) == (
        "timm:test_resnet.r160_in1k", digest, "abc",
    )  # fmt: skip

    def refuse(name):
        raise AssertionError("timm was asked")

    monkeypatch.setattr(timm_source, "_pretrained", refuse)
    monkeypatch.setattr(hub, "_find_config", refuse)
    assert open_source("timm:test_resnet.r160_in1k").info == source.info


def test_rows_are_kept_by_weights_preprocessing_layers_and_form(pair, tmp_path):
    def key(source):
        return source.choose(Engine(backend="torch"), 1, list)

    source, again = open_local(pair), open_local(shutil.copytree(pair.parent, tmp_path / "copy"))
    assert key(source) == key(again)
    (tmp_path / "changed").mkdir()
    other = open_local(edited(pair, tmp_path / "changed", crop_pct=0.9))
    others = [other, source.with_layers("last"), source.with_layers("last", positions=True), source.untrained(0)]
    keys = {key(source), *map(key, others), key(source.untrained(1)), key(source.untrained(0))}
    assert len(keys) == 6


def test_an_untrained_twin_is_built_only_when_it_is_needed(pair, monkeypatch):
    source = open_local(pair)

    def refuse(*_):
        raise AssertionError("it was built")

    monkeypatch.setattr("headstart.sources.timm_bodies.weights.build", refuse)
    assert source.untrained(7).info.blocks == source.info.blocks
    with pytest.raises(AssertionError, match="it was built"):
        source.untrained(7).save(pair.parent / "never")


def test_sounds_pass_on_what_the_image_source_chooses(pair, sounds):
    inner = open_local(pair)
    source = Spectrogram(inner)

    def key(settings):
        return Spectrogram(inner, settings).choose(Engine(backend="torch"), 2, lambda: [source.prepare(sounds[0])])

    assert source.runtime == Runtime()
    assert key(None) == key(PictureSettings())
    assert key(None) != key(PictureSettings(n_mels=64))
    assert source.runtime.backend == "torch"
    assert source.runtime == inner.runtime
    places = source.with_layers("last", positions=True)
    assert [row.shape for row in places.forward([places.prepare(sound) for sound in sounds[:2]])] == [(9, 96)] * 2


@pytest.mark.slow
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


@pytest.mark.realdata
@pytest.mark.parametrize("weights", ["tv_in1k", pytest.param("tf_in1k", marks=pytest.mark.slow)])
def test_features_of_real_pictures_are_those_of_plain_timm(real_data, unpacked, weights):
    source = open_source(f"local:{real_data / 'weights' / f'mobilenetv2_100.{weights}.safetensors'}").with_layers(
        "last"
    )
    paths = sorted(unpacked("images/hymenoptera.tar").rglob("*.jpg"))[::25]
    module, forward = source.body.built()
    with torch.inference_mode():
        crops = torch.from_numpy(np.stack([source.prepare(path) for path in paths]))
        found = forward(module, crops)[0]
        plain = module.forward_head(module.forward_features(plain_input(source, paths)), pre_logits=True)
    assert torch.nn.functional.cosine_similarity(found, plain).min() > 0.9999
    fast = torch.from_numpy(source.encode(paths))
    assert torch.nn.functional.cosine_similarity(fast, plain).min() > 0.999


def test_a_saved_body_follows_the_umask_and_leaves_other_files_alone(tmp_path, pair):
    (tmp_path / "mine").touch(mode=0o600)
    (tmp_path / "new").touch()
    open_local(pair).untrained(0).save(tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "new").stat().st_mode
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o600
