"""Explanations of spans and boxes: a value is how much the probability of the same thing falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from headstart.annotations import Boxes, Sentence, Span
from headstart.errors import ParameterError, UnknownNameError
from headstart.explain.annotated import explain_annotations, without_word
from headstart.model.annotator import AnnotationModel
from headstart.report.explanation import explanation_page
from headstart.sources import open_source
from headstart.types import Task


@dataclass(frozen=True)
class Titled:
    """Marks the word after "Mr" as a name: surely, but less so without "said"; and "Oslo" always."""

    name: str = "titled"

    def annotate(self, _source, items, **_options):
        return [tuple(self.marked(item.words)) for item in items]

    def marked(self, words):
        for place, word in enumerate(words):
            if place and words[place - 1] == "Mr":
                yield Span(place, place + 1, "name", 0.9 if "said" in words else 0.6)
            if word == "Oslo":
                yield Span(place, place + 1, "town", 0.8)


@dataclass(frozen=True)
class Bright:
    """Finds one box at the upper left corner, as sure as that corner is bright."""

    name: str = "bright"

    def annotate(self, _source, items, **_options):
        return [
            Boxes(np.array([[0, 0, 8, 8]]), np.array([0]), (16, 16), np.array([item[:8, :8].mean() / 255]), shown=0.3)
            for item in items
        ]


@pytest.fixture
def words():
    return AnnotationModel(open_source("toy"), Task("token", ("name", "town")), Titled())


@pytest.fixture
def boxes():
    return AnnotationModel(open_source("headstart:image"), Task("box", ("lamp",)), Bright())


def test_a_word_counts_what_the_span_loses_without_it(words):
    found = words.explain("Mr Rossi said Oslo is big")
    assert found.outputs == {"Rossi [name]": 0.9, "Oslo [town]": 0.8}
    name, town = found.attributions
    assert {one.text: round(one.value, 6) for one in name.shown.spans} == {
        "Mr": 0.9, "said": 0.3, "Oslo": 0.0, "is": 0.0, "big": 0.0,
    }  # fmt: skip
    assert np.abs(town.shown.values).max() == 0
    assert (name.shown.spans[1].start, name.shown.spans[1].stop) == (9, 13)
    assert "<h2>&#x27;Rossi&#x27; as name" in explanation_page(found, "run")
    [note] = words.explain("Mr Rossi", label="town").notes
    assert note == "Nothing was found of 'town', so there is nothing to explain."


def test_of_several_spans_the_colours_speak_for_that_of_each_part(words):
    both = explain_annotations(words, "Mr Miller said Oslo").to_html()
    assert "Blue speaks for what the title of a part names" in both
    one = explain_annotations(words, "Mr Miller said no").to_html()
    assert "Blue speaks for Miller [name]" in one


def test_a_span_keeps_its_other_words_when_one_of_its_own_is_left_out():
    class Pair(Titled):
        def marked(self, words):
            yield Span(0, min(2, len(words)), "name", 0.5 if "Ada" in words else 0.4)

    model = AnnotationModel(open_source("toy"), Task("token", ("name",)), Pair())
    [one] = model.explain("Ada Rossi").attributions
    assert {part.text: round(part.value, 6) for part in one.shown.spans} == {"Ada": 0.1, "Rossi": 0.0}


def test_a_place_counts_what_the_box_loses_without_it(boxes):
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:8, :8] = 255
    [one] = boxes.explain(picture).attributions
    assert one.value == 1.0
    assert (one.shown.values[:4, :4] > 0).all()
    np.testing.assert_allclose(one.shown.values[:, 4:], 0, atol=1e-12)
    assert boxes.explain(picture // 8).notes == ("Nothing was found, so there is nothing to explain.",)


def test_a_word_is_left_out_with_its_space():
    whole = Sentence(("Ada", "'", "s", "cat"), "Ada's cat", ((0, 3), (3, 4), (4, 5), (6, 9)))
    for place, text in enumerate(["'s cat", "Adas cat", "Ada'cat", "Ada's"]):
        left = without_word(whole, place)
        assert left.text == text
        assert [left.text[a:b] for a, b in left.offsets] == list(left.words)


def test_what_cannot_be_explained_is_one_sentence(words, boxes):
    with pytest.raises(UnknownNameError):
        words.explain("Mr Rossi", label="river")
    for options in ({"method": "occlusion"}, {"against": "town"}, {"training": []}):
        with pytest.raises(ParameterError):
            words.explain("Mr Rossi", **options)
    masks = AnnotationModel(boxes.source, Task("mask", ("background", "cell")), Bright())
    with pytest.raises(ParameterError, match="Masks are not explained"):
        explain_annotations(masks, np.zeros((4, 4, 3), np.uint8))
