"""A source in int8: its rows have a key of their own, and a saved one gives the same rows."""

import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from headstart.engine.options import Engine
from headstart.engine.variants.int8_body import calibrate
from headstart.errors import HeadstartError, MissingExtraError, SourceError
from headstart.io import read_json, read_tensors, write_json
from headstart.sources import open_saved, open_source
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.quantized import QuantizedSource
from headstart.sources.spectrogram import Spectrogram
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import SourceInfo

PICTURES = example_pictures(4)


def tiny():
    spec = TimmSpec("test_efficientnet", pretrained_cfg={"input_size": (3, 64, 64)})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))


def in_int8(source, pictures=PICTURES):
    return QuantizedSource(source, calibrate(source.body, [np.stack([source.prepare(one) for one in pictures])]).ranges)


def key(source):
    return source.choose(Engine(), 4, list)


def test_the_rows_have_a_key_of_their_own_which_covers_the_ranges():
    source = tiny()
    keys = {key(source), key(in_int8(source)), key(in_int8(source, PICTURES[:1]))}
    assert len(keys) == 3
    assert str(in_int8(source).runtime) == ""
    assert key(in_int8(source)) == key(in_int8(tiny()))


@pytest.mark.parametrize("open_full", [tiny, lambda: open_source("headstart:image")])
def test_a_saved_source_gives_the_same_rows(tmp_path, open_full):
    source = in_int8(open_full())
    reopened = open_saved(source.save(tmp_path / "body"), tmp_path / "body", "image")
    assert np.array_equal(reopened.encode(PICTURES), source.encode(PICTURES))
    assert str(reopened.runtime) == "openvino int8"


def test_a_spectrogram_of_a_saved_source_in_int8_opens(tmp_path):
    sound = [(np.sin(np.arange(8000.0)), 8000)]
    source = Spectrogram(in_int8(tiny()))
    reopened = open_saved(source.save(tmp_path / "body"), tmp_path / "body", "audio")
    assert np.array_equal(reopened.encode(sound), source.encode(sound))


def test_another_backend_is_refused_with_what_to_do():
    with pytest.raises(SourceError, match="--int8 never"):
        in_int8(tiny()).choose(Engine(backend="torch"), 4, list)


def test_without_openvino_a_model_in_int8_names_the_extra(monkeypatch):
    source = in_int8(tiny())
    monkeypatch.setattr("headstart.engine.backends.openvino_graph.package_version", lambda _: "")
    with pytest.raises(HeadstartError, match=r"headstart\[openvino\]"):
        key(source)


def test_a_saved_source_is_not_opened_without_openvino(tmp_path, monkeypatch):
    """Kind: what cannot run here is refused when it is opened, in one sentence, not in the first prediction."""
    reference = in_int8(tiny()).save(tmp_path / "body")
    monkeypatch.setattr("headstart.engine.backends.openvino_graph.package_version", lambda _: "")
    with pytest.raises(MissingExtraError, match=r"only OpenVINO runs since it is in int8.*headstart\[openvino\]"):
        open_saved(reference, tmp_path / "body", "image")


@pytest.mark.parametrize("name", ["hf:someone/else", "local:/etc", "../other", None, 3])
def test_a_saved_source_that_names_another_place_is_refused(tmp_path, name):
    reference = in_int8(tiny()).save(tmp_path / "body")
    write_json(tmp_path / "body" / "int8.json", {"reference": {"name": name}, "modality": "image"})
    with pytest.raises(HeadstartError, match="only one of the install"):
        open_saved(reference, tmp_path / "body", "image")


def test_a_nested_source_in_int8_is_refused(tmp_path):
    reference = in_int8(tiny()).save(tmp_path / "body")
    write_json(tmp_path / "body" / "fp32" / "int8.json", read_json(tmp_path / "body" / "int8.json"))
    with pytest.raises(SourceError, match="nests"):
        open_saved(reference, tmp_path / "body", "image")


def test_saved_ranges_of_another_body_are_refused_when_it_runs(tmp_path):
    reference = in_int8(tiny()).save(tmp_path / "body")
    arrays = read_tensors(tmp_path / "body" / "int8.safetensors")
    some = {name: arrays[name] for name in ("low.0", "high.0", "structure")} | {"weights": arrays["weights"][:1]}
    save_file(some, tmp_path / "body" / "int8.safetensors")
    with pytest.raises(SourceError, match="another body"):
        open_saved(reference, tmp_path / "body", "image").encode(PICTURES)


def test_a_file_without_the_structure_of_its_graph_is_refused(tmp_path):
    reference = in_int8(tiny()).save(tmp_path / "body")
    arrays = read_tensors(tmp_path / "body" / "int8.safetensors")
    save_file({name: arrays[name] for name in arrays if name != "structure"}, tmp_path / "body" / "int8.safetensors")
    with pytest.raises(SourceError, match="fit the model again"):
        open_saved(reference, tmp_path / "body", "image")


@pytest.mark.slow
def test_a_saved_source_gives_the_same_rows_in_a_new_process(tmp_path, monkeypatch):
    """The graph is converted anew there, with an empty cache, and must have the same structure."""
    source = in_int8(open_source("headstart:image"))
    reference = source.save(tmp_path / "body")
    np.save(tmp_path / "pictures.npy", np.stack(PICTURES))
    code = (
        "import sys, numpy as np; from pathlib import Path; from headstart.sources import open_saved\n"
        "place = Path(sys.argv[1])\n"
        f"source = open_saved({dict(reference)!r}, place / 'body', 'image')\n"
        "np.save(place / 'rows.npy', source.encode(list(np.load(place / 'pictures.npy'))))"
    )
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=300)
    assert np.array_equal(np.load(tmp_path / "rows.npy"), source.encode(PICTURES))
