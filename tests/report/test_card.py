"""The model card says what the record says, in Markdown that no label can break."""

from __future__ import annotations

import ast
import re

import pytest
import yaml
from markdown_it import MarkdownIt

from headstart.report import model_card

SECTIONS = [
    "What it does",
    "Data",
    "Evaluation",
    "Baselines and transfer gain",
    "Limits and intended use",
    "How to use it",
    "Provenance",
]


def front_matter(card):
    start, matter, body = card.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(matter), body


def rendered(card):
    return MarkdownIt("commonmark").enable("table").render(front_matter(card)[1])


def section(card, title):
    return card.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(card, title):
    lines = [line for line in section(card, title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_front_matter(classification):
    matter, _ = front_matter(model_card(classification, "ants"))
    assert matter == {
        "license": "apache-2.0",
        "library_name": "headstart",
        "tags": ["transfer-learning", "image", "classification"],
        "metrics": ["accuracy", "macro_f1", "ece"],
    }


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (None, {}),
        ("", {}),
        ("MIT", {"license": "mit"}),
        ("Apache 2.0", {"license": "apache-2.0"}),
        ("my: own\n- licence", {"license": "other", "license_name": "my-own-licence"}),
    ],
)
def test_front_matter_names_the_licence_only_where_it_is_known(classification, stated, expected):
    classification["source"]["license"] = stated
    matter, _ = front_matter(model_card(classification, "ants"))
    assert {key: matter[key] for key in matter if "license" in key} == expected


def test_sections(any_record):
    found = re.findall(r"^## (.+)$", model_card(any_record, "m"), flags=re.MULTILINE)
    assert [title for title in found if not title.startswith("Metrics per ")] == SECTIONS
    assert found[4].startswith("Metrics per ")


def test_golden_sentences(classification):
    card = model_card(classification, "ants")
    for sentence in [
        "Accuracy is 0.935 (95% interval 0.884 to 0.964) on 153 items that were held out from fitting; "
        "always predicting the most common class reaches 0.542.",
        "For an image, it gives a calibrated probability for each of 2 classes: ant and bee.",
        r"The body is timm:resnet18.a1\_in1k (11.7 million parameters), frozen. The head is ridge on all 5 blocks "
        "(1,472 features) with λ = 0.125, chosen from 2 combinations of head and features, out-of-fold loss "
        "0.234.",
        "403 images were read and 397 were used.",
        "warning: 6 items cannot be read (such as x.jpg).",
        "info: The classes are balanced.",
        "Evaluation: the given test split; 153 items.",
        "untrained body: accuracy 0.673 (95% interval 0.593 to 0.753). The transfer helped: accuracy is 0.261 above "
        "the untrained body baseline (95% interval 0.150 to 0.450).",
        "**Transfer gain.** The transfer helped: accuracy is 0.261 above the untrained body baseline",
        "Intended for images like those of photos; it has not been evaluated on others.",
        "The audit of the data found 1 problem, which may affect the metrics.",
    ]:
        assert sentence in card


def test_every_metric_stands_with_its_interval(classification):
    shown = {row[0]: row[1:3] for row in rows(model_card(classification, "ants"), "Evaluation")}
    assert shown == {
        "Accuracy": ["0.935", "0.884 to 0.964"],
        "Macro F1": ["0.931", "0.880 to 0.970"],
        "Calibration error": ["0.031", "0.020 to 0.070"],
    }


def test_classes_stand_worst_first(classification):
    assert rows(model_card(classification, "ants"), "Metrics per class") == [
        ["bee", "83", "0.920 (0.850 to 0.970)", "0.921 (0.860 to 0.960)"],
        ["ant", "70", "0.950 (0.900 to 1.000)", "0.941 (0.900 to 0.980)"],
    ]


def test_at_most_thirty_classes_are_shown(many_classes):
    card = model_card(many_classes, "m")
    shown = rows(card, "Metrics per class")
    assert len(shown) == 30
    assert shown[0][0] == "class 007"
    assert "the 120 best are not shown" in section(card, "Metrics per class")


def test_an_undefined_metric_says_so(multilabel):
    assert rows(model_card(multilabel, "m"), "Metrics per label")[-1][:3] == ["art", "0", "undefined"]


def test_regression_has_targets_in_their_units(regression):
    card = model_card(regression, "houses")
    assert rows(card, "Metrics per target")[0] == ["price", "-2.346 (-4.000 to -1.000)", "23,457 (20,000 to 27,000)"]
    assert "For a row of numbers, it estimates 2 values: size and price." in card


def test_usage_names_the_model_and_is_python(classification):
    usage = section(model_card(classification, "my run's"), "How to use it")
    assert """headstart predict 'my run'"'"'s' photo.jpg""" in usage
    code = usage.split("```python\n")[1].split("```")[0]
    ast.parse(code)
    assert """TransferModel.load("my run's")""" in code


def test_provenance_holds_digests_and_versions(classification):
    shown = dict(rows(model_card(classification, "m"), "Provenance"))
    assert shown["Source sha256"] == "f" * 64
    assert shown["Command"] == "headstart fit photos"
    assert shown["numpy"] == "2.1.0"
    assert shown["Seconds"] == "12.3 in total, 7.9 for encoding"


def test_hostile_text_stays_text(hostile):
    card = model_card(hostile, "m\n# ``` <b>")
    html = rendered(card)
    assert "<script" not in html
    assert "<a " not in html
    assert "<b>" not in html
    assert "<strong>b</strong>" not in html
    assert html.count("<h2>") == len(SECTIONS) + 1
    assert html.count("<table>") == 3
    assert "\x00" not in card
    card.encode("utf-8")


def test_tables_keep_their_columns_whatever_a_label_holds(hostile, classification):
    def cells(record):
        return [row.count("<td>") for row in re.findall(r"<tr>.*?</tr>", rendered(model_card(record, "m")), re.DOTALL)]

    hostile["environment"] = classification["environment"]
    hostile["source"]["input"] = classification["source"]["input"]
    assert cells(hostile) == cells(classification)


@pytest.mark.parametrize(
    "text", ["# a", "- a", "+ a", "1. a", "12) a", "---", "a | b", "*a*", "_a_", "`a`", "<a>", "a&lt;", "[a]: b", "a\\"]
)
def test_a_note_reads_as_it_was(classification, text):
    classification["data"]["notes"] = [text]
    shown = rendered(model_card(classification, "m"))
    plain = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert f"<li>{text}</li>" in plain


def test_links_are_not_made_of_text(classification):
    classification["data"]["notes"] = ["see https://a.example or www.a.example"]
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(model_card(classification, "m"))
    assert r"https\://a.example or www\.a.example" in model_card(classification, "m")
    assert "<a " not in shown
