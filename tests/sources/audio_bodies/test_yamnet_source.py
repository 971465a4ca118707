"""YAMNet by local: opened from its file, read, fine-tuned, saved and opened again; bad files are one sentence."""

import json
import tarfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from yamnet_reference import plain, random_tensors

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import DigestError, SourceError, UnknownNameError
from headstart.io import file_digest
from headstart.sources.audio_bodies.yamnet_source import YamnetSource, random_yamnet
from headstart.sources.bodies.adapters import insert_adapters
from headstart.sources.bodies.source_classes import source_probabilities
from headstart.sources.registry import describe, open_saved, open_source
from headstart.types import SourceInfo

TORCH = Engine(backend="torch", cache=False)


def rows_of(source, items):
    """On the torch backend, in the number format that agrees on this machine."""
    return extract(source, items, engine=TORCH).rows


def exact_rows(source, items):
    """By the plain module, in fp32."""
    body = source.trainable()
    with torch.no_grad():
        blocks = body.forward(body.module, body.collate([source.prepare(item) for item in items]))
    return torch.cat(blocks, 1).numpy()


def cosines(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.fixture(scope="module")
def yamnet(tmp_path_factory):
    """A file of YAMNet with random weights and a sensible front, as the published one is stored."""
    file = tmp_path_factory.mktemp("yamnet") / "yam.safetensors"
    tensors = random_tensors()
    tensors["frontend.window"] = np.hanning(401)[:-1].astype(np.float32)
    tensors["frontend.mel"] = np.abs(tensors["frontend.mel"])
    save_file({name: a.astype(np.float16) if a.ndim == 4 else a for name, a in tensors.items()}, file)
    facts = {"architecture": "YAMNet (MobileNetV1)", "source": {"licence": "Apache-2.0"}, "sha256": file_digest(file)}
    file.with_suffix(".json").write_text(json.dumps(facts))
    return file


def test_facts_are_known_without_the_weights(yamnet, tmp_path):
    (tmp_path / "yam.json").write_bytes(yamnet.with_suffix(".json").read_bytes())
    (tmp_path / "yam.safetensors").write_bytes(b"")
    info = describe(f"local:{tmp_path / 'yam.safetensors'}")
    assert (info.modality, info.num_features, info.license, info.parameters) == ("audio", 1024, "Apache-2.0", 3_729_481)
    with pytest.raises(DigestError, match="was expected"):
        open_source(f"local:{tmp_path / 'yam.safetensors'}")


def test_rows_are_means_over_the_patches(yamnet, sounds):
    from safetensors.numpy import load_file

    source = open_source(f"local:{yamnet}", modality="audio")
    assert [block.name for block in source.info.blocks] == [*(f"blocks.{k}" for k in range(12)), "last"]
    rows, tensors = rows_of(source, sounds), load_file(yamnet)
    assert rows.shape == (len(sounds), sum(block.width for block in source.info.blocks))
    assert cosines(rows, exact_rows(source, sounds)).min() > 0.999
    for sound, row in zip(sounds, exact_rows(source, sounds), strict=True):
        wanted = plain(tensors, source.prepare(sound))[0].mean(0)
        np.testing.assert_allclose(row[-1024:], wanted, rtol=1e-4, atol=1e-4)


def test_source_classes_are_mean_scores_as_a_distribution(yamnet, sounds):
    from safetensors.numpy import load_file

    source = open_source(f"local:{yamnet}")
    found = source_probabilities(source, sounds[:3])
    for sound, row in zip(sounds, found, strict=False):
        logits = plain(load_file(yamnet), source.prepare(sound))[1].astype(np.float64)
        scores = np.maximum((1 / (1 + np.exp(-logits))).mean(0), 1e-12)
        np.testing.assert_allclose(row, scores / scores.sum(), rtol=1e-2, atol=1e-6)


def test_other_layers_and_positions(yamnet, sounds):
    source = open_source(f"local:{yamnet}")
    last = source.with_layers("last")
    np.testing.assert_allclose(exact_rows(last, sounds), exact_rows(source, sounds)[:, -1024:], rtol=1e-4, atol=1e-5)
    named = source.with_layers(["blocks.3", "last"])
    assert [block.name for block in named.info.blocks] == ["blocks.3", "last"]
    assert len(source.with_layers("all").info.blocks) > 26
    maps = last.with_layers("last", positions=True).forward([source.prepare(sound) for sound in sounds[2:4]])
    assert [part.shape for part in maps] == [(6 * len(source.prepare(sound)), 1024) for sound in sounds[2:4]]
    assert cosines(np.stack([part.mean(0) for part in maps]), exact_rows(last, sounds[2:4])).min() > 0.999
    with pytest.raises(UnknownNameError, match=r"nearest of them blocks\.9"):
        source.with_layers(["blocks.99"])
    with pytest.raises(SourceError, match="different numbers of positions"):
        source.with_layers(["blocks.0", "last"], positions=True)


def test_saved_and_opened_again_it_gives_the_same_bits(yamnet, sounds, tmp_path):
    source = open_source(f"local:{yamnet}").with_layers(["blocks.11", "last"])
    reference = source.save(tmp_path / "kept")
    again = open_saved(reference, tmp_path / "kept", "audio")
    np.testing.assert_array_equal(rows_of(again, sounds), rows_of(source, sounds))
    assert (again.info.license, again.info.sha256) == ("Apache-2.0", file_digest(yamnet))


def test_the_fine_tuned_body_is_a_source_with_its_own_weights(yamnet, sounds, tmp_path):
    source = open_source(f"local:{yamnet}")
    body = source.trainable()
    assert [group[0].rpartition(".")[0] for group in body.groups][:2] == ["stem", "blocks.0.dw"]
    assert not any("classifier" in name for group in body.groups for name in group)
    with torch.no_grad():
        body.module.get_parameter("blocks.12.pw.bias").add_(0.5)
    tuned = source.with_module(body.module, "tuned")
    assert not np.allclose(rows_of(tuned, sounds), rows_of(source, sounds))
    again = open_saved(tuned.save(tmp_path / "kept"), tmp_path / "kept", "audio")
    np.testing.assert_array_equal(rows_of(again, sounds), rows_of(tuned, sounds))
    assert again.info.license == "Apache-2.0"


def test_adapters_are_saved_with_the_body(yamnet, sounds, tmp_path):
    source = open_source(f"local:{yamnet}")
    module = source.trainable().module
    insert_adapters(module, 4, seed=0)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("up.bias"):
                parameter.add_(0.3)
    tuned = source.with_module(module, "tuned")
    again = open_saved(tuned.save(tmp_path / "kept"), tmp_path / "kept", "audio")
    np.testing.assert_array_equal(rows_of(again, sounds), rows_of(tuned, sounds))


def test_untrained_is_settled_by_its_seed(yamnet, sounds):
    source = open_source(f"local:{yamnet}").with_layers("last")
    first, same, other = (rows_of(source.untrained(seed), sounds[:2]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)


def test_a_sound_of_which_not_all_is_read_is_said_and_the_limit_is_a_fact(yamnet):
    source = open_source(f"local:{yamnet}").with_layers("last")
    assert (source.info.input["most_seconds"], describe(f"local:{yamnet}").input["most_seconds"]) == (115.7, 115.7)
    whole, longer = (np.zeros(1_851_120 + extra, np.float32) for extra in (0, 1))
    assert [len(source.prepare((wave, 16_000))) for wave in (whole, longer)] == [240, 240]
    assert source.notes_on([(whole, 16_000), "no such file"]) == ()
    for _ in range(2):  # computed, then stored
        found = extract(source, [(whole[:16_000], 16_000), (longer, 16_000)], engine=Engine(backend="torch"))
        said = "1 of 2 sounds lasts more than 115.7 seconds: of each, 240 evenly spaced patches were read"
        assert said in found.notes
    assert found.hits == 2


@pytest.mark.parametrize("kind", ["untrained", "tuned"])
@pytest.mark.parametrize("part", [0, 1], ids=["window", "mel"])
def test_rows_of_one_front_are_not_those_of_another(kind, part, sounds):
    """Stored rows: equal weights behind another window or other mel filters are another source."""
    front = list(random_yamnet(0).front)
    front[part] = front[part] * np.float32(3)
    pair = [YamnetSource(random_yamnet(0, f), SourceInfo("yamnet", "audio")) for f in (None, tuple(front))]
    if kind == "untrained":
        pair = [source.untrained(1) for source in pair]
    else:
        module = pair[0].trainable().module
        pair = [source.with_module(module, "tuned") for source in pair]
    one, other = pair
    assert one.body_key != other.body_key
    keys = [source.choose(TORCH, 2, list) for source in pair]
    assert keys[0] != keys[1]
    engine = Engine(backend="torch")
    extract(one, sounds[:2], engine=engine)  # stored, if the source has lasting weights
    np.testing.assert_array_equal(extract(other, sounds[:2], engine=engine).rows, rows_of(other, sounds[:2]))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"architecture": "YAMNet", "sha256": "abc"}, "64 hexadecimal digits"),
        ({"architecture": "YAMNetLike"}, "timm has no architecture 'YAMNetLike'"),
        ({"architecture": ""}, "timm has no architecture"),
    ],
)
def test_bad_facts_are_one_sentence(yamnet, facts, words, tmp_path):
    (tmp_path / "yam.safetensors").write_bytes(yamnet.read_bytes())
    (tmp_path / "yam.json").write_text(json.dumps(facts))
    with pytest.raises(SourceError, match=words) as caught:
        open_source(f"local:{tmp_path / 'yam.safetensors'}")
    assert "\n" not in str(caught.value)


@pytest.mark.realdata
def test_real_sounds_are_named_plausibly(real_data):
    """Of a clip of three classes of ESC-10, the likeliest class of AudioSet is one that a listener would name."""
    weights = real_data / "weights" / "yamnet_audioset.safetensors"
    labels = (weights.parent / "yamnet_labels.txt").read_text(encoding="utf-8").splitlines()
    source = open_source(f"local:{weights}")
    wanted = {"rain": {"Water", "Rain"}, "sea": {"Ocean", "Waves, surf"}, "helicopter": {"Vehicle", "Helicopter"}}
    found = {}
    with tarfile.open(real_data / "audio" / "esc10.tar") as archive:
        for member in archive:
            name = next((name for name in wanted if f"/{name}" in member.name and name not in found), None)
            if name is not None and member.isfile():
                found[name] = archive.extractfile(member).read()
    top = source_probabilities(source, list(found.values())).argmax(1)
    assert len(labels) == 521
    assert all(labels[k] in wanted[name] for name, k in zip(found, top, strict=True))
