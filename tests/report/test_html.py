"""The report says what the record and the gallery say, in one well-formed page that fetches and runs nothing."""

from __future__ import annotations

import re

import pytest
from page_checker import PageChecker

from headstart.report import html_report
from headstart.report.page.script import SCRIPT


def read(record, name="model", **more):
    return PageChecker(html_report(record, name, **more))


def said(page):
    return page.said


def test_the_page_is_well_formed_and_needs_nothing(any_record):
    page = html_report(any_record, "model")
    found = PageChecker(page)
    assert page.startswith("<!DOCTYPE html>")
    assert "http://" not in page
    assert "https://" not in page
    assert not {tag for tag, _ in found.tags} & {"link", "img", "iframe", "object", "embed", "form", "base"}
    assert not re.search(r"url\(|@import", page)
    assert found.scripts == [SCRIPT]


def test_nothing_but_the_own_script_and_style_can_run(classification):
    policy = next(attrs["content"] for tag, attrs in read(classification).tags if "http-equiv" in attrs)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == rules["media-src"] == "data:"
    for kind in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]{44}'", rules[kind])
    # the style attribute would be blocked, so none may be needed
    assert not any("style" in attrs for _, attrs in read(classification).tags)


def test_rows_of_a_table_are_of_one_length(any_record):
    for rows in read(any_record).tables:
        assert len({len(row) for row in rows}) == 1


def test_tables_and_pictures_are_accessible(any_record):
    page = read(any_record)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table")
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    assert all(attrs["role"] == "img" and attrs["aria-label"] for tag, attrs in page.tags if tag == "svg")
    assert next(level for level in tags if level in {"h1", "h2", "h3"}) == "h1"


def test_golden_sentences(classification):
    text = said(read(classification, "ants"))
    for sentence in [
        "93% of the held-out images are classified correctly (95% interval 88% to 96%); the most common class alone "
        "would reach 54%. The model is better than each of the 3 baselines.",
        "Accuracy is 0.935 (95% interval 0.884 to 0.964) on 153 items that were held out from fitting; "
        "always predicting the most common class reaches 0.542.",
        "Evaluation: the given test split; 153 items.",
        "Transfer gain. The transfer helped: accuracy is 0.261 above the untrained body baseline "
        "(95% interval 0.150 to 0.450).",
        "raw pixels: accuracy 0.601 (95% interval 0.521 to 0.681).",
        "1 could not be encoded and was set aside.",
    ]:
        assert sentence in text


def test_two_or_three_figures_are_large_and_all_metrics_are_in_a_table(classification):
    page = read(classification)
    assert [tag for tag, _ in page.tags].count("strong") == 4  # three figures, and the words "Transfer gain."
    assert "accuracy 93% 95% interval 88% to 96%" in said(page)
    assert "accuracy above untrained body, the best baseline +26 points 95% interval 15 to 45" in said(page)
    assert "F1 of 'bee', the weakest of 2 classes 0.921" in said(page)
    rows = page.table("Metric")
    meaning = "share of items whose class is predicted correctly; higher is better"
    assert rows[0] == ["Accuracy", "0.935", "0.884 to 0.964", meaning]
    assert rows[2][:3] == ["Calibration error", "0.031", "0.020 to 0.070"]


def test_bars_are_as_long_as_their_values(classification):
    bars = [attrs for tag, attrs in read(classification).tags if tag == "rect"]
    assert [bar["class"] for bar in bars] == ["model", "other", "other", "other"]
    widths = [float(bar["width"]) for bar in bars]
    values = [0.9346, 0.5425, 0.6013, 0.6732]
    assert [width / widths[0] for width in widths] == pytest.approx([value / values[0] for value in values], abs=2e-3)
    errors = [attrs["d"] for tag, attrs in read(classification).tags if attrs.get("class") == "error"]
    left, right = (float(x) for x in re.match(r"M([\d.]+) [\d.]+H([\d.]+)", errors[0]).groups())
    assert (right - left) / widths[0] == pytest.approx((0.9642 - 0.8837) / 0.9346, abs=2e-3)


def test_bars_below_the_floor_are_cut_and_said_to_be(regression):
    page = read(regression)
    bars = [attrs for tag, attrs in page.tags if tag == "rect"]
    assert "bars are cut at -1" in said(page)
    assert float(bars[1]["x"]) < float(bars[0]["x"])
    assert float(bars[1]["x"]) + float(bars[1]["width"]) == pytest.approx(float(bars[0]["x"]) + float(bars[0]["width"]))


def test_the_matrix_holds_the_counts(classification):
    assert read(classification).table("") == [["ant", "66", "4"], ["bee", "6", "77"]]


def test_many_classes_have_a_map_and_a_list_of_pairs_in_place_of_the_table(many_classes):
    page = read(many_classes)
    assert page.table("True class")[0] == ["class 007", "class 008", "2", "67% (21% to 94%)"]  # Wilson, 2 of 3
    assert page.kinds("rect").count("map-right") == 150  # one square of the map for each class
    assert page.kinds("rect").count("map-wrong") == 1
    assert not any("heat" in (attrs.get("class") or "") for _, attrs in page.tags)


def test_no_class_is_lost(many_classes):
    shown = [row[0] for rows in read(many_classes).tables for row in rows if row[0].startswith("class ")]
    assert set(shown) == set(many_classes["evaluation"]["labels"])


def test_a_perfect_model_of_many_classes_confuses_nothing(many_classes):
    for i, row in enumerate(many_classes["evaluation"]["confusion"]):
        row[:] = [3 if i == j else 0 for j in range(150)]
    assert "No class was confused with another: all 450 items are classified correctly." in said(read(many_classes))


def test_no_matrix_but_for_classification(multilabel, regression):
    assert "classified wrongly" not in said(read(multilabel))
    assert "classified wrongly" not in said(read(regression))


def test_undefined_numbers_say_so(nothing_known):
    text = said(read(nothing_known))
    assert "Accuracy is undefined on the 153 items that were held out from fitting." in text
    assert "nan" not in re.split(r"\W+", text.lower())
    assert "None" not in text
    assert "rect" not in {tag for tag, _ in read(nothing_known).tags}


def test_heads_stand_best_first_and_the_chosen_one_is_marked(classification):
    assert read(classification).table("Head") == [
        ["ridge", "all 5 blocks", "0.125", "0.234", "yes"],
        ["ridge", "last layer", "0.5", "0.346", "no"],
    ]


def test_audit_and_provenance(classification):
    page = read(classification)
    assert page.table("Severity")[0] == ["warning", "6 items cannot be read (such as x.jpg)."]
    assert dict(page.table("What"))["Data sha256"] == "e" * 64


def test_hostile_text_stays_text(hostile, classification):
    name = "</title><script>alert(1)</script>"
    page = html_report(hostile, name)
    found = PageChecker(page)
    assert found.scripts == [SCRIPT]
    assert {tag for tag, _ in found.tags} == {tag for tag, _ in read(classification).tags}
    assert not any(key.startswith("on") or key == "src" for _, attrs in found.tags for key in attrs)
    assert "<script>alert('x')</script> | `rm` **b** ## [a]" in said(found)
    assert name in said(found)
    assert "\x00" not in page
    page.encode("utf-8")
