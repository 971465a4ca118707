"""Leave one word out: the difference of two predictions, in any script, bounded for long texts."""

from __future__ import annotations

import numpy as np
import pytest

import headstart
from headstart.errors import ItemError
from headstart.explain.leave_one_word_out import LEAVE_ONE_WORD_OUT, MOST, without

DATA = (
    [f"{text} {k}" for k, text in enumerate(["a good film", "good fun", "a bad film", "bad luck"] * 6)],
    ["+", "+", "-", "-"] * 6,
)


@pytest.fixture(scope="module", params=["ridge", "knn"])
def model(request):
    return headstart.fit(DATA, source="toy", heads=[request.param], baselines="none", verbose=False).model


def test_each_value_is_the_difference_of_two_predictions(model):
    text = "such a good, good film"
    found = model.explain(text, label="+", method=LEAVE_ONE_WORD_OUT).attributions[0]
    scores = model.head.scores(model.source.encode([text, "such a good, film", "such a good, good"]))
    margins = scores[:, model.task.labels.index("+")] - scores[:, model.task.labels.index("-")]
    by_place = {(span.text, span.start): span.value for span in found.shown.spans}
    assert by_place["film", 18] == pytest.approx(margins[0] - margins[2])
    assert by_place["good", 13] == pytest.approx(margins[0] - margins[1])
    assert found.value == pytest.approx(margins[0])


def test_a_long_text_is_left_out_in_groups_of_words(model):
    found = model.explain("word " * (2 * MOST + 3), method="leave_one_word_out").attributions[0]
    assert len(found.shown.spans) == MOST
    assert "left out together" in found.notes[0]


def test_a_single_word_is_refused(model):
    with pytest.raises(ItemError, match="single word"):
        model.explain("good", method="leave_one_word_out")


@pytest.mark.parametrize(
    ("spans", "expected"),
    [([(0, 1)], "b, c"), ([(2, 3)], "a , c"), ([(5, 6)], "a b,"), ([(0, 1), (5, 6)], "b,"), ([], "a b, c")],
)
def test_one_space_is_left_where_a_part_was(spans, expected):
    assert without("a b, c", spans) == expected


def test_chinese_is_left_out_by_pieces_of_the_tokenizer():
    data = ([f"{word} {k}" for k, word in enumerate(["我的卡", "card", "Karte", "丢了"] * 6)], ["a", "b", "b", "a"] * 6)
    model = headstart.fit(data, source="headstart:multilingual", heads=["ridge"], baselines="none", verbose=False).model
    shown = model.explain("我的卡在哪里", method="leave_one_word_out").attributions[0].shown
    assert "".join(span.text for span in shown.spans) == "我的卡在哪里"
    assert 1 < len(shown.spans) < 6
    assert np.isfinite(shown.values).all()
